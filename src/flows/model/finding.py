"""What a check of the representation finds."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that a check found: the variable, the place and what differs."""

    variable: str
    what: str
    where: str
    found: str = ""
    expected: str = ""
    remedy: str = ""

    def details(self) -> dict[str, str]:
        """Arguments for a `FlowsError`."""
        return {
            "what": self.what,
            "where": self.where,
            "found": self.found,
            "expected": self.expected,
            "remedy": self.remedy,
        }
