"""Sphinx settings: Markdown pages, docstrings in NumPy style, no remote assets."""

import re
from importlib.metadata import version as _version
from pathlib import Path

from docutils import nodes
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from sphinx.writers.html5 import HTML5Translator

import flows
from flows.differences import DIFFERENCES
from flows.report import book
from flows.vensim.functions import FUNCTIONS, REFUSED


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
html_show_copyright = False

# A docstring's single backticks name code, as in the source.
default_role = "code"
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}

_REMOTE = re.compile(
    r"""<(?:script|img|iframe|link\b[^>]*\bstylesheet)[^>]*\b(?:src|href)=["'](?:https?:)?//[^"']+"""
)


def _refuse_remote_assets(app: Sphinx, exception: Exception | None) -> None:
    """Stop the build when a page would load something from elsewhere."""
    if exception is None and app.builder.format == "html":
        for page in Path(app.outdir).rglob("*.html"):
            if found := _REMOTE.search(page.read_text(encoding="utf-8")):
                raise SphinxError(f"{page.name} loads a remote asset: {found.group()}")


def _inline_formula(writer: HTML5Translator, node: nodes.math) -> None:
    writer.body.append(tex2mathml(node.astext()))
    raise nodes.SkipNode


def _block_formula(writer: HTML5Translator, node: nodes.math_block) -> None:
    text = node.astext()
    writer.body.append(
        tex2mathml(rf"\begin{{align}}{text}\end{{align}}" if "\\\\" in text else text, as_block=True)
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
    # Formulas as MathML, which browsers draw themselves: no script from elsewhere.
    app.add_html_math_renderer("mathml", (_inline_formula, None), (_block_formula, None))
    app.connect("build-finished", _refuse_remote_assets)
