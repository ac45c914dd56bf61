"""Documentation of any model as one HTML page: variables, groups, views, loops, figures, quality."""

from __future__ import annotations

from flows.document.gather import Documentation, Entry, read_documentation
from flows.document.page import page

__all__ = ["Documentation", "Entry", "page", "read_documentation"]
