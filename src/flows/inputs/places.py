"""Where the sectors of a model stand on its overview."""

from __future__ import annotations

from pathlib import Path

from flows.errors import InputError, near
from flows.inputs.tables import Table, Text, read_rows, read_toml, shown_path


class SectorPlace(Table):
    """Place of one sector: column from the left, row from the top; fractions are allowed.

    Attributes
    ----------
    group : str
        Group of variables in the model file.
    column, row : float
        In steps of a frame with the room around it.
    where : str
        File and row, for messages.
    """

    group: Text
    column: float
    row: float
    where: str = ""


def read_places(path: Path) -> dict[str, tuple[float, float]]:
    """Read the places of sectors by group, ``[[sector]]`` tables; none where the file is missing.

    Raises
    ------
    InputError
        Something in the file doesn't fit, or a group stands twice.
    """
    if not path.is_file():
        return {}
    shown = shown_path(path)
    data = read_toml(path, shown)
    for key in data:
        if key != "sector":
            raise InputError(
                f'unknown key "{key}"',
                where=shown,
                expected="[[sector]] tables",
                remedy=near(key, ["sector"]),
            )
    places: dict[str, tuple[float, float]] = {}
    for row in read_rows(SectorPlace, data, "sector", shown):
        if row.group in places:
            raise InputError(f'the group "{row.group}" stands twice', where=row.where, remedy="Keep one")
        places[row.group] = (row.column, row.row)
    return places
