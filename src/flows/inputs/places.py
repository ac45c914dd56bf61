"""Where the sectors of a model stand on its overview."""

from __future__ import annotations

from pathlib import Path

from flows.inputs.tables import Table, Text, read_tables


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
    return {
        row.group: (row.column, row.row) for row in read_tables(SectorPlace, "sector", path, unique="group")
    }
