"""How long to rest after a batch of datagrams, so that on a busy service the next one is larger.

To be woken costs as much as to handle a message or two: a switch of processes, a turn of the loop, and caches that
others have filled meanwhile; and what each turn has to say to the relay wakes the relay. While datagrams come by the
thousand, those of a few milliseconds are therefore handled in one turn, as network cards do with their interrupts.
Nothing waits when there is little to do, and what waits is far from any timer of SIP (T1 is 500 ms).
"""

from __future__ import annotations

from typing import Final

BUSY_RATE: Final = 3_000  # datagrams a second from which on there is a rest: below, there is time enough for all
REST: Final = 0.005  # seconds
LOOK_INTERVAL: Final = 0.1  # seconds between two looks at the rate


class Pace:
    """Counts the datagrams of all listeners. Times are seconds on the caller's monotonic clock."""

    __slots__ = ("_counted", "_is_busy", "_looked_at")

    def __init__(self) -> None:
        self._counted = 0
        self._is_busy = False
        self._looked_at = 0.0

    def rest_after(self, datagrams: int, is_drained: bool, now: float) -> float:
        """Seconds to rest after a batch, 0.0 for none. is_drained: no more of them were waiting."""
        self._counted += datagrams
        elapsed = now - self._looked_at
        if elapsed >= LOOK_INTERVAL:
            self._is_busy = self._counted >= BUSY_RATE * elapsed
            self._counted, self._looked_at = 0, now
        return REST if self._is_busy and is_drained else 0.0
