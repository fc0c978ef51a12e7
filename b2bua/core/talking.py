"""Who talks stands in the database a few seconds after the answer, for should this process be killed in the call.

Most of what a record has is written when the call is over, since writing it twice would cost every call. So only what
goes on for a while is written in between: all running calls are looked at, once in INTERVAL, and those answered since
the last look but one are given to the store again, as calls that run on.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from b2bua.calls.record import CallRecord
from b2bua.store import Store

INTERVAL: Final = 5.0  # seconds between two looks, and of talk that is too short to be written before its end
_MICROSECONDS: Final = 1_000_000


class Talking:
    """Looks when it is asked to, and not more often than in INTERVAL."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._due = 0.0
        self._noted_until = 0  # microseconds since 1970; answers until then are written

    def look(self, records: Iterable[CallRecord], now: float, moment: float) -> None:
        """records: of calls that run. now: monotonic. moment: seconds since 1970."""
        if now < self._due:
            return
        self._due = now + INTERVAL
        after, until = self._noted_until, int((moment - INTERVAL) * _MICROSECONDS)
        self._noted_until = until
        for record in records:
            if record.answered_at is not None and after < record.answered_at <= until and record.ended_at is None:
                self._store.begin(record)
