"""Who calls from an address that is no trunk's source: counted until it is told of, in so much room and no more.

The commonest mistake with a new trunk is that it calls from an address that nobody has named. On the open Internet the
same is done all day long by those who try every address: whoever was told of gives way to whoever is new.
"""

from __future__ import annotations

from typing import Final, NamedTuple

MOST: Final = 1000  # addresses that are counted, or known to have been told of; a flood of forged ones ends there
TOLD_AT_ONCE: Final = 5


class Stranger(NamedTuple):
    """An address, and how many times it has called since it was last told of."""

    host: str
    calls: int


class Strangers:
    """Those of one service. total: calls of theirs, ever."""

    def __init__(self) -> None:
        self.total = 0
        self._waiting: dict[str, int] = {}
        self._told: set[str] = set()

    def __bool__(self) -> bool:
        """Whether there is anybody to tell of."""
        return bool(self._waiting)

    def note(self, host: str) -> None:
        """One of them has called."""
        self.total += 1
        if host in self._waiting or len(self._waiting) < MOST:
            self._waiting[host] = self._waiting.get(host, 0) + 1

    def take(self) -> tuple[list[Stranger], int]:
        """Whom to tell of now, and how many more there are. New ones first, then those that call most."""
        waiting, self._waiting = self._waiting, {}
        order = sorted(waiting, key=lambda host: (host in self._told, -waiting[host]))
        first = [Stranger(host, waiting[host]) for host in order[:TOLD_AT_ONCE]]
        if len(self._told) > MOST:
            self._told.clear()
        self._told.update(stranger.host for stranger in first)
        return first, len(order) - len(first)
