"""Every length of time that SIP names, and the wheel on which deadlines wait.

No other file of the stack knows a duration. Times are seconds on a monotonic clock that is handed in.

The wheel has as many slots as are in use: a slot is ten milliseconds wide, and a heap knows which slot
is next. Setting or taking back a deadline touches one dictionary; a timer that is taken back leaves
nothing behind, so that a thousand calls a second do not fill it with dead 32-second entries. A
deadline is never kept early, and at most one slot late.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from math import ceil
from operator import attrgetter
from typing import Final, NamedTuple, Protocol

SLOTS_PER_SECOND: Final = 100
_ROUNDING: Final = 1e-4  # of a slot: 0.1 + 0.2 s falls on slot 30 and not, by an error of 1e-17, on 31


@dataclass(frozen=True, slots=True)
class Intervals:
    """RFC 3261 Table 4 and the intervals of its extensions, in seconds.

    timeout: 64*T1: Timers B, F, H, J, L, M, and how long a 2xx or a reliable 1xx is repeated.
    timer_d: §17.1.1.2: "at least 32 seconds for unreliable transports".
    """

    t1: float = 0.5  # round-trip time estimate
    t2: float = 4.0  # the longest pause between retransmissions of non-INVITE requests and 2xx
    t4: float = 5.0  # how long a message may stay in the network
    minute: float = 60.0  # §13.3.1.1: a non-100 provisional is repeated "at least once every minute"
    timeout: float = field(init=False)
    timer_d: float = field(init=False)

    def __post_init__(self) -> None:
        timeout = 64 * self.t1
        object.__setattr__(self, "timeout", timeout)
        object.__setattr__(self, "timer_d", max(32.0, timeout) if self.t1 >= 0.5 else timeout)


class TimerOwner(Protocol):
    def handle_timer(self, name: int, now: float) -> None: ...


class _Fields(NamedTuple):
    owner: TimerOwner
    name: int
    deadline: float
    slot: int


class Timer(_Fields):
    """One deadline of one owner. Made by TimerWheel.set; each is itself and no other, whatever it holds."""

    __slots__ = ()
    __eq__ = object.__eq__
    __hash__ = object.__hash__


_new = tuple.__new__  # what Timer(...) comes to, without its call: some thirty are set in a call


class TimerWheel:
    """Deadlines in slots of ten milliseconds."""

    def __init__(self) -> None:
        self._slots: dict[int, dict[Timer, None]] = {}
        self._next: list[int] = []  # heap of the slots that exist
        self._due: dict[Timer, None] = {}  # those whose slot has come, and their turn not yet

    def __len__(self) -> int:
        return sum(len(waiting) for waiting in self._slots.values())

    def set(self, owner: TimerOwner, name: int, deadline: float) -> Timer:
        slot = ceil(deadline * SLOTS_PER_SECOND - _ROUNDING)
        timer = _new(Timer, (owner, name, deadline, slot))
        try:
            self._slots[slot][timer] = None
        except KeyError:
            self._slots[slot] = {timer: None}
            heapq.heappush(self._next, slot)
        return timer

    def cancel(self, timer: Timer) -> None:
        """Take a deadline back; one that was kept or taken back already is left alone."""
        waiting = self._slots.get(timer.slot)
        if waiting is not None:
            waiting.pop(timer, None)
        if self._due:
            self._due.pop(timer, None)

    def next_deadline(self) -> float | None:
        slots, heap = self._slots, self._next
        while heap:
            if slots[heap[0]]:
                return heap[0] / SLOTS_PER_SECOND
            del slots[heapq.heappop(heap)]
        return None

    def expire(self, now: float, then: Callable[[], None] | None = None) -> None:
        """Keep every deadline that is due, in their order; call `then` after each.

        Deadlines that are set meanwhile wait for the next call, even when they are due at once: a
        pair of timers that set each other cannot hold the loop.
        """
        last = int(now * SLOTS_PER_SECOND + _ROUNDING)
        found: list[Timer] = []
        while self._next and self._next[0] <= last:
            found.extend(self._slots.pop(heapq.heappop(self._next)))
        found.sort(key=_deadline)
        due = self._due = dict.fromkeys(found)
        try:
            for timer in found:
                if timer in due:
                    del due[timer]
                    timer.owner.handle_timer(timer.name, now)
                    if then is not None:
                        then()
        finally:
            if due:
                self._put_back()

    def _put_back(self) -> None:
        """An owner broke: the deadlines behind its own must not be lost with it."""
        due, self._due = self._due, {}
        for timer in due:
            waiting = self._slots.get(timer.slot)
            if waiting is None:
                waiting = self._slots[timer.slot] = {}
                heapq.heappush(self._next, timer.slot)
            waiting[timer] = None

    def waiting(self) -> list[Timer]:
        """All timers, for the eyes of operators and tests."""
        return [timer for waiting in self._slots.values() for timer in waiting]


_deadline = attrgetter("deadline")
