"""What we say ourselves to far ends, packet by packet, and when.

A *voice* is our own source (SSRC) towards one endpoint. All that is ever played to it continues one sequence and one
clock, so that the far end's jitter buffer runs on from prompt to prompt. Where the partner's media takes over, or
ours does, the SSRC is another: RFC 3550 §8 makes that another source, which receivers begin anew with (A.1, A.2);
going on under the partner's SSRC would need his sequence and clock to be rewritten for the rest of the call.

The *wheel* turns all voices. It has SLOTS slots, spread over the 20 ms of a packet; a voice joins the emptiest, so that
a thousand voices do not speak at one instant. A turn sends BATCH packets at most and asks to be turned again at
once: what has to be forwarded goes in between.
"""

from __future__ import annotations

import math
from typing import Final, Protocol

from rtp_relay.endpoint import Endpoint
from rtp_relay.packet import HEADER
from rtp_relay.sound import FRAME

SLOTS: Final = 4
BATCH: Final = 32  # packets: about 0.3 ms
LATE: Final = 0.1  # seconds; up to that much is caught up with, after more the sound goes on where it was
MARKER: Final = 0x80
VERSION_2: Final = 0x80


class Act(Protocol):
    """Something being said."""

    def speak(self, voice: Voice, now: float) -> bool:
        """One packet's worth; False once there is no more."""


class Voice:
    """Our source towards one endpoint. timestamp and sequence are those of the next packet."""

    __slots__ = ("act", "clock_rate", "endpoint", "sequence", "spoken_at", "ssrc", "timestamp")

    def __init__(self, endpoint: Endpoint, ssrc: int, sequence: int, timestamp: int, clock_rate: int) -> None:
        self.endpoint = endpoint
        self.ssrc = ssrc
        self.sequence = sequence
        self.timestamp = timestamp
        self.clock_rate = clock_rate
        self.spoken_at: float | None = None  # when `timestamp` was brought up to date
        self.act: Act | None = None

    def resume(self, now: float) -> None:
        """Silence until now counts: RFC 3550 §5.1, the timestamp tells the sampling instant."""
        if self.spoken_at is not None:
            self.timestamp += max(round((now - self.spoken_at) * self.clock_rate), 0)
        self.spoken_at = now

    def pass_by(self, step: int, now: float) -> None:
        """One packet's time is over."""
        self.timestamp = self.timestamp + step & 0xFFFFFFFF
        self.spoken_at = now + FRAME

    def say(self, payload: bytes, second: int, timestamp: int) -> None:
        """Send one packet, if it is known where to. second: marker and payload type."""
        exit = self.endpoint.exit
        address = exit.address
        if address is None:
            return
        header = HEADER.pack(VERSION_2, second, self.sequence, timestamp & 0xFFFFFFFF, self.ssrc)
        self.sequence = self.sequence + 1 & 0xFFFF
        try:
            exit.port.send(header + payload, address)
        except OSError as error:
            exit.fail(error)  # as lost on the way
            return
        exit.packets += 1
        exit.octets += len(header) + len(payload)


class Slot:
    __slots__ = ("due", "offset", "unsaid", "voices")

    def __init__(self, offset: float) -> None:
        self.offset = offset
        self.due: float | None = None
        self.voices: dict[Voice, None] = {}
        self.unsaid: list[Voice] = []  # of the turn that has begun

    def rise(self, now: float) -> float:
        """When its first packet is due: the next of its instants."""
        return (math.floor((now - self.offset) / FRAME) + 1) * FRAME + self.offset


class Wheel:
    """Every voice that has something to say."""

    def __init__(self) -> None:
        self._slots = [Slot(FRAME * number / SLOTS) for number in range(SLOTS)]
        self._of: dict[Voice, Slot] = {}

    def __len__(self) -> int:
        return len(self._of)

    def add(self, voice: Voice, now: float) -> None:
        if voice in self._of:
            return
        slot = min(self._slots, key=lambda one: (len(one.voices), one.rise(now)))
        if slot.due is None:
            slot.due = slot.rise(now)
        slot.voices[voice] = None
        self._of[voice] = slot

    def remove(self, voice: Voice) -> None:
        slot = self._of.pop(voice, None)
        if slot is not None:
            del slot.voices[voice]
            if not slot.voices:
                slot.due, slot.unsaid = None, []

    def next_deadline(self) -> float | None:
        if not self._of:
            return None
        return min([slot.due for slot in self._slots if slot.due is not None], default=None)

    def turn(self, now: float) -> list[Voice]:
        """Have what is due said, BATCH packets at most; who has ended, and is out of the wheel."""
        over: list[Voice] = []
        room = BATCH
        for slot in self._slots:
            if slot.due is not None and slot.due <= now and room > 0:
                room -= self._turn_slot(slot, room, now, over)
        for voice in over:
            self.remove(voice)
        return over

    def _turn_slot(self, slot: Slot, room: int, now: float, over: list[Voice]) -> int:
        if not slot.unsaid:
            slot.unsaid = list(slot.voices)
        some, slot.unsaid = slot.unsaid[:room], slot.unsaid[room:]
        over += [
            voice
            for voice in some
            if voice in slot.voices and (voice.act is None or not voice.act.speak(voice, now))
        ]
        if not slot.unsaid and slot.due is not None:
            slot.due += FRAME
            if now - slot.due > LATE:
                slot.due = slot.rise(now)
        return len(some)
