"""Templates of HTML pages: each lies beside the code that fills it, and all are read by the same rules."""

from __future__ import annotations

from pathlib import Path

import jinja2


def template(folder: Path, name: str) -> jinja2.Template:
    """Load a template: what it shows is escaped, and a name that it isn't given is an error.

    Parameters
    ----------
    folder : Path
        Where the template lies, and those that it includes.
    name : str
        The file's name.

    Returns
    -------
    jinja2.Template
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder, encoding="utf-8"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(name)
