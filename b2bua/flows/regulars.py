"""Who has taken whose call, so that a caller who calls again comes to the same person first.

A caller is known by the digits of his number; who withholds it is never kept. So many callers are kept at most: those
whose call was taken longest ago are forgotten for new ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

MOST_CALLERS: Final = 50_000  # some 20 MB
DAY: Final = 86_400  # seconds


class Regular(NamedTuple):
    """A caller of a step."""

    flow: str
    step: str
    caller: str


class RegularRow(NamedTuple):
    """A caller of a step, and who took his last call. answered_at, kept_until: seconds since 1970."""

    flow: str
    step: str
    caller: str
    recipient: str
    answered_at: int
    kept_until: int

    @property
    def key(self) -> Regular:
        return Regular(*self[:3])


class Regulars:
    """All callers that are remembered. rows: those of before, longest ago first."""

    def __init__(self, rows: Iterable[RegularRow] = (), most: int = MOST_CALLERS) -> None:
        self._most = most
        self._rows: dict[Regular, RegularRow] = {}  # longest ago first
        self._changed: set[Regular] = set()
        self._forgotten: set[Regular] = set()
        for row in rows:
            self._rows[row.key] = row
        self._make_room()

    def __len__(self) -> int:
        return len(self._rows)

    def recipient(self, key: Regular, days: int, moment: float) -> str:
        """Who took the caller's last call, within so many days; "" for nobody."""
        row = self._rows.get(key)
        return row.recipient if row is not None and moment < row.answered_at + days * DAY else ""

    def remember(self, key: Regular, recipient: str, days: int, moment: float) -> None:
        """A call was taken, which is to be known for so many days."""
        if not key.caller or days <= 0:
            return
        self._rows.pop(key, None)
        self._rows[key] = RegularRow(*key, recipient, int(moment), int(moment) + days * DAY)
        self._changed.add(key)
        self._forgotten.discard(key)
        self._make_room()

    def expire(self, moment: float) -> None:
        """Forget whoever is not to be known any longer."""
        for key in [row.key for row in self._rows.values() if row.kept_until <= moment]:
            self._forget(key)

    def changes(self) -> tuple[tuple[RegularRow, ...], tuple[Regular, ...]]:
        """Rows to be written, and those to be removed; asked for again, only what has changed since."""
        found = tuple(self._rows[key] for key in sorted(self._changed)), tuple(sorted(self._forgotten))
        self._changed, self._forgotten = set(), set()
        return found

    def put_back(self, changed: Iterable[RegularRow], forgotten: Iterable[Regular]) -> None:
        """They could not be written: they will be among the next changes, with what they are then."""
        for key in [*(row.key for row in changed), *forgotten]:
            (self._changed if key in self._rows else self._forgotten).add(key)

    def _make_room(self) -> None:
        while len(self._rows) > self._most:
            self._forget(next(iter(self._rows)))

    def _forget(self, key: Regular) -> None:
        del self._rows[key]
        self._changed.discard(key)
        self._forgotten.add(key)
