"""What is going on right now, kept from the events of the control socket, and drawn as lines of text."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from b2bua.calls.sentences import interval
from b2bua.records import ID_SHOWN, printable

LATELY: Final = 10  # calls that have ended and are still shown
FIGURES: Final = frozenset({"call.media", "relay"})  # events that come each second, whether anything happens or not

_MARKS: Final = {"invited": "·", "ringing": "○", "asked": "◐", "answered": "●", "ended": "×"}
_STATES: Final = {"recipient.invited": "invited", "recipient.ringing": "ringing"} | {
    "recipient.asked": "asked",
    "recipient.answered": "answered",
    "recipient.ended": "ended",
}
_WORDS: Final = {
    "invited": "calling", "ringing": "ringing", "asked": "asked", "answered": "answered", "ended": "stopped",
}  # fmt: skip


@dataclass(slots=True)
class Lamp:
    """One recipient of a running call."""

    name: str
    state: str = "invited"
    outcome: str = ""

    def __str__(self) -> str:
        return f"{_MARKS[self.state]} {self.name} {self.outcome or _WORDS[self.state]}"


@dataclass(slots=True)
class LiveCall:
    """One running call. Times are microseconds since 1970."""

    id: str
    caller: str
    dialled: str
    started_at: int
    answered_at: int | None = None
    answered_by: str = ""
    media: str = ""
    lamps: dict[int, Lamp] = field(default_factory=dict)


class Board:
    """Calls that ring, calls that talk, and those that ended lately."""

    def __init__(self, snapshot: Mapping[str, Any]) -> None:
        self.calls: dict[str, LiveCall] = {}
        self.lately: deque[str] = deque(maxlen=LATELY)
        self.relay: Mapping[str, Any] = snapshot.get("relay", {})
        for said in snapshot.get("calls", []):
            self._take(said)

    def _take(self, said: Mapping[str, Any]) -> None:
        call = LiveCall(
            id=said["call"],
            caller=said.get("caller") or "anonymous",
            dialled=f"{said.get('number_name') or ''} {said.get('dialled') or ''}".strip(),
            started_at=said.get("started_at") or said.get("at") or 0,
            answered_at=said.get("answered_at"),
            answered_by=said.get("answered_by") or "",
        )
        for each in said.get("recipients", []):
            if isinstance(each, dict):
                call.lamps[each["recipient"]] = Lamp(each["name"], each["state"], each.get("outcome") or "")
        self.calls[call.id] = call

    def apply(self, event: Mapping[str, Any]) -> None:
        """Take in one event; one that is not known changes nothing."""
        what = event.get("event", "")
        if what == "call.started":
            self._take(event)
            return
        if what == "relay":
            self.relay = event
        call = self.calls.get(event.get("call", ""))
        if call is None:
            return
        if what in _STATES:
            lamp = call.lamps.setdefault(event["recipient"], Lamp(event.get("name", "")))
            lamp.state = _STATES[what]
            lamp.outcome = event.get("outcome") or ""
        elif what == "call.answered":
            call.answered_at = event["at"]
            call.answered_by = event.get("answered_by") or ""
        elif what == "call.media":
            call.media = media_words(event)
        elif what == "call.ended":
            del self.calls[call.id]
            how = call.answered_by and f"{call.answered_by} answered"
            lasted = interval(event["at"] - (call.answered_at or call.started_at))
            self.lately.appendleft(f"{_name(call)}  {how or event.get('outcome') or 'ended'}, {lasted}")

    def lines(self, now: int, width: int = 100) -> list[str]:
        """The board as it stands at a time, microseconds since 1970; no line is wider than width."""
        ringing = [call for call in self.calls.values() if call.answered_at is None]
        talking = [call for call in self.calls.values() if call.answered_at is not None]
        lines = []
        if self.relay:
            lines.append(relay_line(self.relay))
        lines.append(f"Now ringing: {len(ringing)}")
        for call in ringing:
            lines.append(f"  {_name(call)}  {interval(now - call.started_at)}")
            lines.append("      " + "   ".join(str(lamp) for lamp in call.lamps.values()))
        lines.append(f"Now talking: {len(talking)}")
        for call in talking:
            assert call.answered_at is not None
            lasted = interval(now - call.answered_at)
            lines.append(f"  {_name(call)}  with {call.answered_by}  {lasted}  {call.media}".rstrip())
        if self.lately:
            lines.append("Lately")
            lines += [f"  {line}" for line in self.lately]
        return [printable(line)[:width] for line in lines]


def _name(call: LiveCall) -> str:
    return f"{call.id[:ID_SHOWN]}  {call.caller} > {call.dialled}"


def media_words(event: Mapping[str, Any]) -> str:
    """How a call's media goes: the form, and packets of each side that has sent any."""
    legs = [leg for leg in event.get("legs", []) if leg.get("packets")]
    heard = ", ".join(f"{'caller' if not leg.get('leg') else 'callee'} {leg['packets']}" for leg in legs)
    return f"{event.get('form', '')}: packets of {heard}" if heard else ""


def relay_line(said: Mapping[str, Any]) -> str:
    """How the relay forwards and why so, and once it has told, how much where."""
    line = f"Relay: {said.get('form', '')}, {said.get('reason', '')}".rstrip(", ")
    if "packets_in_kernel" not in said:
        return line
    counts = f"{said['packets_in_kernel']} packets in the kernel ({said['flows']} flows)"
    return f"{line}; {counts}, {said['packets_in_user_space']} in user space"


def event_line(event: Mapping[str, Any], time: str) -> str:
    """One event as one line, for a pipe or a file."""
    known = ("event", "call", "at", "recipient")
    words = [
        f"{key}={value}" for key, value in event.items() if key not in known and value not in (None, "", [])
    ]
    return printable(
        f"{time}  {event.get('call', '')[:ID_SHOWN]}  {event.get('event', ''):<20} {' '.join(words)}"
    ).rstrip()
