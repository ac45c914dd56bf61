"""Flows: a stock-and-flow model of migration through Mexico, and a fast engine for Vensim models."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from flows.errors import FlowsError

if TYPE_CHECKING:
    from flows.ensemble import simulate, simulate_chunks
    from flows.model.model import Model
    from flows.references import fold
    from flows.vensim.read import read_vensim

try:
    __version__ = version("flows-migration")
except PackageNotFoundError:  # a source tree that isn't installed
    __version__ = "0"

__all__ = ["FlowsError", "Model", "__version__", "fold", "read_vensim", "simulate", "simulate_chunks"]

_HOME = {
    "Model": "flows.model.model",
    "fold": "flows.references",
    "read_vensim": "flows.vensim.read",
    "simulate": "flows.ensemble",
    "simulate_chunks": "flows.ensemble",
}


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that ``flows --help`` stays quick."""
    if name in _HOME:
        from importlib import import_module

        return getattr(import_module(_HOME[name]), name)
    raise AttributeError(f"module 'flows' has no attribute {name!r}")
