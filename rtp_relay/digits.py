"""Keys of a telephone as RFC 4733 events: heard and said. Pure.

RFC 4733 §2.3:

     0                   1                   2                   3
     0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
    |     event     |E|R| volume    |          duration             |
    +-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+

An event keeps the timestamp of its beginning while its duration grows. Its last packet comes three times. What
lasts longer than the duration can say goes on in another segment, whose timestamp is the end of the one before.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Final, NamedTuple

from rtp_relay.errors import Refusal
from rtp_relay.packet import DEFAULT_CLOCK_RATE, HEADER, TYPE_MASK, Packet, payload_of
from rtp_relay.sound import FRAME, FRAMES_A_SECOND

EVENT: Final = struct.Struct("!BBH")  # event, E R volume, duration
KEYS: Final = "0123456789*#ABCD"  # RFC 4733 §3.2, table 3
END: Final = 0x80
VOLUME: Final = 10  # -10 dBm0
MARKER: Final = 0x80
LONGEST_DURATION: Final = 0xFFFF
HALF: Final = 0x80000000
LOST: Final = 0.3  # seconds without a packet of an event, after which its end has been lost
ENDS: Final = 3  # RFC 4733 §2.5.1.4: "the sender SHOULD retransmit the final packet ... a total of three times"
MOST_DIGITS: Final = 128


class Press(NamedTuple):
    digit: str
    milliseconds: int


class Ear:
    """Hears keys in the packets of one source; each press is told once.

    kinds: payload types of telephone-event. rates: clock rates in Hz by payload type. early: told of when first
    seen; else at its end, or, if all three packets of that are lost, with the first packet after LOST seconds.
    """

    __slots__ = (
        "_carried", "_duration", "_early", "_event", "_is_over", "_last", "_rate", "_rates", "_ssrc", "_start",
        "kinds",
    )  # fmt: skip

    def __init__(self, kinds: tuple[int, ...], rates: Mapping[int, int] | None, early: bool) -> None:
        self.kinds = frozenset(kinds)
        self._rates = rates or {}
        self._early = early
        self._event = -1
        self._ssrc = self._start = 0
        self._rate = DEFAULT_CLOCK_RATE
        self._duration = self._carried = 0  # timestamp units of this segment, and of those before
        self._last = 0.0
        self._is_over = True

    def is_event(self, packet: Packet) -> bool:
        """Whether a packet of RTP is of telephone-event."""
        return packet[1] & TYPE_MASK in self.kinds

    @property
    def wants_everything(self) -> bool:
        """Whether it must hear other packets too: to tell of a press at its end, though the end was lost."""
        return not self._early

    def hear(self, packet: Packet, now: float) -> list[Press]:
        """The presses that a packet of RTP, at `now` seconds, tells of: none, one, seldom two."""
        told = self._miss() if not self._is_over and now - self._last > LOST else []
        if not self.is_event(packet):
            return told
        payload = payload_of(packet)
        if len(payload) < EVENT.size:
            return told
        _, kind, _, timestamp, ssrc = HEADER.unpack_from(packet)
        event, flags, duration = EVENT.unpack_from(payload)
        if event >= len(KEYS) or self._is_late(timestamp, ssrc):
            return told
        if not self._goes_on(event, timestamp, ssrc, bool(kind & MARKER)):
            told += self._begin(event, timestamp, ssrc, kind & TYPE_MASK, duration)
        self._last = now
        if not self._is_over:
            self._duration = max(self._duration, duration)
            if flags & END:
                told += self._end()
        return told

    def _is_late(self, timestamp: int, ssrc: int) -> bool:
        return ssrc == self._ssrc and (timestamp - self._start) & 0xFFFFFFFF >= HALF and self._event >= 0

    def _goes_on(self, event: int, timestamp: int, ssrc: int, marker: bool) -> bool:
        """The same press; RFC 4733 §2.5.1.3: another segment begins where the last ended, without a marker."""
        if ssrc != self._ssrc or event != self._event:
            return False
        step = (timestamp - self._start) & 0xFFFFFFFF
        if not step:
            return True
        if self._is_over or marker or step not in (self._duration, LONGEST_DURATION):
            return False
        self._carried += step
        self._start, self._duration = timestamp, 0
        return True

    def _begin(self, event: int, timestamp: int, ssrc: int, kind: int, duration: int) -> list[Press]:
        told = self._miss()
        self._event, self._start, self._ssrc = event, timestamp, ssrc
        self._rate = self._rates.get(kind) or DEFAULT_CLOCK_RATE
        self._duration, self._carried, self._is_over = duration, 0, False
        return [*told, self._press()] if self._early else told

    def _miss(self) -> list[Press]:
        """The end of the press before was not heard."""
        return [] if self._is_over else self._end()

    def _end(self) -> list[Press]:
        self._is_over = True
        return [] if self._early else [self._press()]

    def _press(self) -> Press:
        return Press(KEYS[self._event], (self._carried + self._duration) * 1000 // self._rate)


class Signal(NamedTuple):
    """One packet of an event. since: timestamp units since the event began."""

    payload: bytes
    marker: bool
    since: int


def signals_of(
    digits: str, clock_rate: int, milliseconds: int, gap: int, pause: float
) -> list[Signal | None]:
    """What to send every 20 ms; None is nothing. Raises Refusal for what is no key."""
    if not 0 < len(digits) <= MOST_DIGITS:
        raise Refusal(f"{len(digits)} keys: from 1 to {MOST_DIGITS}, please")
    if not 40 <= milliseconds <= 5000 or not 40 <= gap <= 5000 or not 0 < pause <= 60:
        raise Refusal(f"keys of {milliseconds} ms, {gap} ms apart, pauses of {pause} s")
    if clock_rate < FRAMES_A_SECOND:
        raise Refusal(f"a clock of {clock_rate} Hz")
    step = clock_rate // FRAMES_A_SECOND
    frames = round(milliseconds / 1000 / FRAME)
    if frames * step > LONGEST_DURATION:
        raise Refusal(f"keys of {milliseconds} ms at {clock_rate} Hz")
    signals: list[Signal | None] = []
    for digit in digits.upper():
        if digit == "W":
            signals += [None] * round(pause / FRAME)
        elif digit in KEYS:
            signals += _event(KEYS.index(digit), frames, step)
            signals += [None] * max(round(gap / 1000 / FRAME) - ENDS + 1, 1)
        else:
            raise Refusal(f"{digit!r} is no key: {KEYS} and w")
    return signals


def _event(event: int, frames: int, step: int) -> list[Signal]:
    """RFC 4733 §2.5.1.2: the first packet of an event has the marker, and all of them its beginning's timestamp."""
    updates = [
        Signal(EVENT.pack(event, VOLUME, at * step), at == 1, (at - 1) * step) for at in range(1, frames)
    ]
    final = EVENT.pack(event, END | VOLUME, frames * step)
    return updates + [Signal(final, frames + at == 1, (frames - 1 + at) * step) for at in range(ENDS)]
