"""What the demo claims, and whether it is so."""

from __future__ import annotations

from typing import NamedTuple


class Check(NamedTuple):
    """A claim; `found` says what was seen instead, or the figures that bear it out."""

    is_so: bool
    claim: str
    found: str = ""

    def __str__(self) -> str:
        return f"{'✓' if self.is_so else '✗'} {self.claim}" + (f" ({self.found})" if self.found else "")


class Checks:
    """All checks in the order in which they were made."""

    def __init__(self) -> None:
        self.made: list[Check] = []
        self._shown = 0

    def that(self, is_so: bool, claim: str, found: str = "") -> None:
        """Notes a claim."""
        self.made.append(Check(is_so, claim, found))

    def not_yet_shown(self) -> list[Check]:
        """The checks made since this was last asked."""
        fresh, self._shown = self.made[self._shown :], len(self.made)
        return fresh

    @property
    def failed(self) -> list[Check]:
        """What was not so."""
        return [check for check in self.made if not check.is_so]
