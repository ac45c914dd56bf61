"""Where the shipped model, scenarios and studies lie: inside an installed wheel, or in the checkout."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from flows.errors import InputError


def root() -> Path:
    """Find the folder that holds ``models/`` and ``sensitivity/``.

    Returns
    -------
    pathlib.Path
        ``flows/_data`` of an installed wheel; the checkout of an editable install.

    Raises
    ------
    InputError
        The installation is incomplete: neither place holds ``models/``.

    Examples
    --------
    >>> (root() / "models").is_dir()
    True
    """
    package = Path(__file__).resolve().parent
    inside, checkout = package / "_data", package.parents[1]
    for folder in (inside, checkout):
        if (folder / "models").is_dir():
            return folder
    raise InputError(
        "the shipped models are missing",
        where=str(inside),
        expected="a folder models/ there, or beside src/ in a checkout",
        remedy="Install Flows again",
    )


def units_policy(model: str | Path) -> Literal["error", "warn"]:
    """Say what units that don't match are: an error in a shipped model, a warning in anybody else's.

    Parameters
    ----------
    model : str or path
        The model file.

    Returns
    -------
    {"error", "warn"}
        For ``units`` of `flows.read_vensim`.

    Examples
    --------
    >>> units_policy(root() / "models" / "migration.mdl"), units_policy("mine.mdl")
    ('error', 'warn')
    """
    inside = Path(model).resolve().is_relative_to(root().resolve() / "models")
    return "error" if inside else "warn"
