"""Where the shipped model, scenarios and studies lie: inside an installed wheel, or in the checkout."""

from __future__ import annotations

from pathlib import Path

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
