"""The world's own time: a heap of what is due, and a `now` that jumps straight to it."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable


class Alarm:
    """Something due at a time. `cancel()` may be called at any time, also after it has rung."""

    __slots__ = ("action", "at")

    def __init__(self, at: float, action: Callable[[], None]) -> None:
        self.at = at
        self.action: Callable[[], None] | None = action

    def cancel(self) -> None:
        self.action = None


class Clock:
    """Seconds, from an arbitrary start. Two alarms of the same instant ring in the order they were set."""

    def __init__(self, now: float = 1000.0) -> None:
        self.started = now
        self.now = now
        self._order = itertools.count()
        self._heap: list[tuple[float, int, Alarm]] = []

    def after(self, interval: float, action: Callable[[], None]) -> Alarm:
        """Set an alarm `interval` seconds from now; a negative interval is a mistake of the test."""
        assert interval >= 0, f"an alarm {interval} s ago"
        alarm = Alarm(self.now + interval, action)
        heapq.heappush(self._heap, (alarm.at, next(self._order), alarm))
        return alarm

    def next_due(self) -> float | None:
        """When the next alarm rings; None if none is set."""
        while self._heap and self._heap[0][2].action is None:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def ring_one(self) -> bool:
        """Ring the first alarm that is due now; False if none is."""
        due = self.next_due()
        if due is None or due > self.now:
            return False
        alarm = heapq.heappop(self._heap)[2]
        action, alarm.action = alarm.action, None
        assert action is not None
        action()
        return True

    @property
    def elapsed(self) -> float:
        """Seconds since the world began; what the ladder shows."""
        return self.now - self.started
