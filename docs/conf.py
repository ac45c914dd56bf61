"""Sphinx settings: Markdown pages, docstrings in NumPy style, no remote assets."""

import re
import sys
from importlib.metadata import version as _version
from pathlib import Path

import typer
from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.addnodes import desc, pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import SphinxError
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

import flows
import flows.cli
from flows.differences import DIFFERENCES
from flows.report import book
from flows.vensim.functions import FUNCTIONS, REFUSED

sys.path.insert(0, str(Path(__file__).parent))
from remote import remote_assets

_LOG = logging.getLogger(__name__)


def _function_table() -> str:
    """Write the engine's own table of functions as Markdown."""
    rows = ["| function | arguments | meaning |", "|---|---|---|"]
    for name, function in sorted(FUNCTIONS.items()):
        meaning = function.meaning.replace("|", "\\|")
        rows.append(f"| `{name.upper()}` | {', '.join(function.arguments)} | {meaning} |")
    return "\n".join(rows)


def _refused_table() -> str:
    """Write the table of functions that aren't understood as Markdown."""
    rows = ["| function | instead |", "|---|---|"]
    rows += [f"| `{name.upper()}` | {remedy} |" for name, remedy in sorted(REFUSED.items())]
    return "\n".join(rows)


def _difference_table() -> str:
    """Write the table of PySD's known differences from Vensim as Markdown."""
    rows = ["| a model with | PySD | known from |", "|---|---|---|"]
    rows += [f"| {d.construct} | {d.meaning} | {d.evidence} |" for d in DIFFERENCES]
    return "\n".join(rows)


def _command_reference() -> str:
    """Write every command with its arguments and options as Markdown."""

    def cell(text: str) -> str:
        return " ".join(text.split()).replace("|", "\\|").replace("<", "\\<")

    parts = []
    group = typer.main.get_command(flows.cli.app)
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        context = typer.Context(command, info_name=name)
        rows = ["| argument or option | meaning |", "|---|---|"]
        for one in command.params:
            if "--help" not in one.opts and (told := one.get_help_record(context)):
                rows.append(f"| `{told[0].replace('|', ' or ')}` | {cell(told[1])} |")
        about = "\n\n".join(" ".join(part.split()) for part in (command.help or "").split("\n\n"))
        table = "\n".join(rows) if len(rows) > 2 else ""
        parts.append(f"## flows {name}\n\n{about}\n\n{table}\n")
    return "\n".join(parts)


def _contributing() -> str:
    """Take CONTRIBUTING.md, its links seen from here; files outside the site are named, not linked."""
    text = (Path(__file__).parents[1] / "CONTRIBUTING.md").read_text(encoding="utf-8")
    text = re.sub(r"\]\(docs/", "](", text)
    return re.sub(r"\[(`?[^\]\n]+`?)\]\((?!https?:)(?![\w/-]+\.md)[^)\n]+\)", r"\1", text)


def _filled_in(app: Sphinx, name: str, source: list[str]) -> None:
    """Fill pages that are made from other files."""
    if name == "contributing":
        source[0] = _contributing()
    elif name == "commands":
        source[0] = source[0].replace("{{ command_reference }}", _command_reference())


project = "Flows"
author = "The Flows authors"
copyright = "2026, The Flows authors"
release = _version("flows-migration")
version = release

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
exclude_patterns = ["_build"]
myst_heading_anchors = 3
myst_enable_extensions = ["substitution"]
myst_substitutions = {
    "function_table": _function_table(),
    "difference_table": _difference_table(),
    "refused_table": _refused_table(),
}

# Attributes of several classes share short names such as n; types in docstrings are prose, not links.
suppress_warnings = ["ref.python"]

html_math_renderer = "mathml"
html_theme = "furo"
html_title = "Flows"
html_static_path = ["_static"]
html_css_files = ["site.css"]
# What stands in the source is shown: two hyphens begin an option, straight quotes belong to a command.
smartquotes = False
html_show_copyright = False

# A docstring's single backticks name code, as in the source.
default_role = "code"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}


def _refuse_remote_assets(app: Sphinx, exception: Exception | None) -> None:
    """Stop the build when a page would load something from elsewhere."""
    if exception is None and app.builder.format == "html":
        for kind in ("*.html", "*.css", "*.svg"):
            for page in Path(app.outdir).rglob(kind):
                if found := remote_assets(page):
                    raise SphinxError(f"{page.name} loads a remote asset: {found[0]}")


def _warn_of_missing_name(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> None:
    """Warn of a name of the API that a page links to and the reference lacks; types in docstrings are prose."""
    place: nodes.Node | None = node
    while place is not None and not isinstance(place, desc):
        place = place.parent
    if node.get("refdomain") == "py" and place is None:
        _LOG.warning("the API reference has no %s", node["reftarget"], location=node)


def _inline_formula(writer: HTML5Translator, node: nodes.math) -> None:
    writer.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def _block_formula(writer: HTML5Translator, node: nodes.math_block) -> None:
    text = node.astext()
    writer.body.append(
        tex2mathml(rf"\begin{{aligned}}{text}\end{{aligned}}" if "\\\\" in text else text, as_block=True)
    )
    raise nodes.SkipNode


def _model_books(app: Sphinx) -> None:
    """Write the pages of the shipped models from their files."""
    models = Path(app.srcdir).parent / "models"
    for path in sorted(p for p in models.glob("*.mdl") if not p.stem.endswith("-flat")):
        model = flows.read_vensim(path, units="off")
        book.make(model, Path(app.srcdir) / "model" / path.stem, shipped=path.stem == "migration")


def setup(app: Sphinx) -> None:
    app.connect("builder-inited", _model_books)
    app.connect("source-read", _filled_in)
    # Formulas as MathML, which browsers draw themselves: no script from elsewhere.
    app.add_html_math_renderer("mathml", (_inline_formula, None), (_block_formula, None))
    app.connect("missing-reference", _warn_of_missing_name)
    app.connect("build-finished", _refuse_remote_assets)
