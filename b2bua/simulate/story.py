"""What each party hears, from when to when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from b2bua.calls.record import RecipientRecord
from b2bua.simulate.peers import PhoneState, SimulatedCaller, SimulatedPhone
from b2bua.simulate.relay import SimulatedRelay, Sound
from rtp_relay import control

CALLER: Final = "caller"
UNHEARD: Final = 0.03  # seconds


class Heard(NamedTuple):
    """kind: "silence", "ringing" (a phone, or the network's tone), "tone" and "prompt" (ours), "talk", "end"."""

    kind: str
    what: str


class Moment(NamedTuple):
    """From `at` to `until`, seconds from the caller's INVITE."""

    at: float
    until: float
    heard: Heard


class Party:
    """One of them; leg 0 is the caller."""

    def __init__(self, name: str, leg: int) -> None:
        self.name = name
        self.leg = leg
        self._changes: list[tuple[float, Heard]] = []

    def hears(self, now: float, heard: Heard) -> None:
        if not self._changes or self._changes[-1][1] != heard:
            self._changes.append((now, heard))

    def moments(self, end: float) -> list[Moment]:
        """In order. What lasts no longer than a message travels is left out: nobody hears a gap of 10 ms."""
        made: list[Moment] = []
        ends = [at for at, _ in self._changes[1:]] + [end]
        for (at, heard), until in zip(self._changes, ends, strict=True):
            if until - at < UNHEARD and heard.kind != "end":
                continue
            if made and made[-1].heard == heard:
                made[-1] = made[-1]._replace(until=round(until, 3))
            else:
                made.append(Moment(round(at, 3), round(max(until, at), 3), heard))
        return made


def caller_hears(caller: SimulatedCaller, relay: SimulatedRelay, names: Mapping[int, str]) -> Heard:
    if caller.is_over:
        if caller.hung_up:
            return Heard("end", "has hung up")
        return Heard("end", "the call is over" if caller.final == 200 else _told(caller.final))
    sound = relay.sounding(0)
    if sound is not None:
        return _sounding(sound)
    for leg in relay.open.get(0, ()):
        return Heard("talk", names.get(leg, "somebody"))
    if relay.is_recording(0):
        return Heard("silence", "silence: his message is recorded")
    if caller.is_answered or caller.has_early_media:
        return Heard("silence", "silence")
    if caller.told:
        return Heard("ringing", "ringing, from his own network")
    return Heard("silence", "nothing yet")


def recipient_hears(phone: SimulatedPhone, leg: int, relay: SimulatedRelay) -> Heard:
    if phone.state is PhoneState.OVER:
        return Heard("end", phone.why)
    if phone.state is PhoneState.CALLED:
        return Heard("silence", "is being called")
    if phone.state is PhoneState.RINGING:
        return Heard("ringing", "the phone rings")
    keys = relay.dialling(leg)
    if keys:
        return Heard("tone", f"the digits {keys}")
    sound = relay.sounding(leg)
    if sound is not None:
        return _sounding(sound)
    if relay.open.get(leg):
        return Heard("talk", "the caller")
    return Heard("silence", "silence")


def unheard(record: RecipientRecord) -> Heard:
    """Somebody whom no INVITE has reached."""
    if record.outcome is None:
        is_called = record.invited_at is not None
        return Heard("silence", "is called, and cannot be reached" if is_called else "is not rung yet")
    return Heard("end", record.outcome.value)


def _sounding(sound: Sound) -> Heard:
    match sound:
        case control.Speech(text=text):
            return Heard("prompt", f"“{text}”")
        case control.File(path=path):
            return Heard("prompt", path.rpartition("/")[2])
        case control.CountryTone(country=country):
            return Heard("tone", f"our ringing tone ({country})")
    return Heard("tone", "a beep")


def _told(status: int) -> str:
    tones = {486: "a busy tone", 600: "a busy tone", 404: "“no such number”"}
    return f"{tones.get(status, '“nobody can be reached”')}, from his own network ({status})"
