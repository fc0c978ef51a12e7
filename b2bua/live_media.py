"""What the relay does for running calls, told to whoever watches them: asked once a second, while somebody does."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from b2bua.calls.call import Call
from rtp_relay.control import Command, Figures, Measure, Measures, Query, StreamFigures

INTERVAL: Final = 1.0  # seconds
CALLS: Final = 50  # that are asked about; nobody reads more at a time

Said = dict[str, Any]


class LiveMedia:
    """send: tells the relay; False if there is none. publish: tells an event to all who watch."""

    def __init__(self, send: Callable[[Command], bool], publish: Callable[[Said], None]) -> None:
        self._send = send
        self._publish = publish
        self._due = 0.0
        self._awaited: set[str] = set()  # calls
        self._form = self._reason = ""

    def greet(self, form: str, reason: str) -> None:
        """A relay is there."""
        self._form, self._reason = form, reason
        self._awaited.clear()

    def ask(self, calls: Iterable[Call], now: float) -> None:
        """Ask the relay, if it is time to. To be called while somebody watches."""
        if now < self._due:
            return
        self._due = now + INTERVAL
        talking = [call.record.id for call in calls if call.record.answered_at is not None][:CALLS]
        self._awaited = {call_id for call_id in talking if self._send(Query(call_id))}
        self._send(Measure())

    def take(self, event: Figures | Measures) -> None:
        """The relay's answer: published, if it is to a question of ours or tells of the relay itself."""
        if isinstance(event, Measures):
            self._publish(_relay_event(event, self._reason))
        elif event.call in self._awaited:
            self._awaited.discard(event.call)
            legs = [_leg(stream) for stream in event.streams]
            self._publish({"event": "call.media", "call": event.call, "at": _now(), "form": self._form, "legs": legs})


def _leg(stream: StreamFigures) -> Said:
    """What came from one far end, and what was sent to it."""
    return {
        "leg": stream.leg,
        "medium": stream.medium,
        "packets": stream.packets,
        "lost": stream.lost,
        "jitter": round(stream.jitter, 2),
        "sent": stream.sent_packets,
        "strangers": stream.strangers,
        "far": stream.far,
    }


def _relay_event(measures: Measures, reason: str) -> Said:
    return {
        "event": "relay",
        "call": "",
        "at": _now(),
        "form": measures.form,
        "reason": reason,
        "flows": measures.flows,
        "packets_in_kernel": measures.kernel_packets,
        "packets_in_user_space": measures.packets,
        "strangers_in_kernel": measures.kernel_strangers,
    }


def _now() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000
