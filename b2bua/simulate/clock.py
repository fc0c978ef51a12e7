"""The virtual clock of a simulation: what is due next happens next, and no time passes between."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(order=True, slots=True)
class Alarm:
    at: float
    order: int
    action: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        self.action = None


class Clock:
    """now: seconds since the caller's INVITE."""

    def __init__(self) -> None:
        self.now = 0.0
        self._order = itertools.count()
        self._alarms: list[Alarm] = []

    def after(self, seconds: float, action: Callable[[], None]) -> Alarm:
        alarm = Alarm(self.now + seconds, next(self._order), action)
        heapq.heappush(self._alarms, alarm)
        return alarm

    def next_due(self) -> float | None:
        while self._alarms and self._alarms[0].action is None:
            heapq.heappop(self._alarms)
        return self._alarms[0].at if self._alarms else None

    def ring(self) -> None:
        """Do what is due first."""
        alarm = heapq.heappop(self._alarms)
        action, alarm.action = alarm.action, None
        if action is not None:
            action()
