"""What came from one far end: packets, octets, loss (RFC 3550 A.3), jitter (A.8), gaps.

Loss is what was expected less what was received, summed over the runs of one SSRC. A run begins with
the first packet, with another SSRC, or where the sequence leaps and goes on from there (A.1's bad_seq).
Jitter is kept in seconds: the clock may change with the payload type in the middle of a stream.
"""

from __future__ import annotations

import operator
from typing import Final, NamedTuple

from rtp_relay.packet import (
    DEFAULT_CLOCK_RATE,
    HEADER,
    HEADER_IN_WORDS,
    HEADER_SIZE,
    STATIC_CLOCK_RATES,
    TYPE_MASK,
    Packet,
)

MAX_DROPOUT: Final = 3000  # RFC 3550 A.1
MAX_MISORDER: Final = 100  # RFC 3550 A.1
NEVER: Final = -1.0
NONE_PLAIN: Final = -1
PLAIN: Final = 0x8000  # version 2, no padding, extension, CSRC or marker; the payload type comes to it
HALF: Final = 1 << 31  # of the timestamps that there are
_words = HEADER_IN_WORDS.unpack_from
# What outlives a relay, in a place of the kernel's form; a relay of another version reads none of it.
KEPT: Final = (
    "packets", "octets", "strangers", "ssrc", "ssrc_changes", "payload_type", "jitter", "first_packet",
    "last_packet", "longest_gap", "_clock_rate", "_kind", "_timestamp", "_base", "_highest", "_received",
    "_carried_lost", "_bad_sequence", "_other",
)  # fmt: skip
_kept = operator.attrgetter(*KEPT)


class Standing(NamedTuple):
    """Where a stream stands between two packets: all that a form needs to count the next ones by itself.

    Times are seconds, absolute monotonic or intervals. highest is an extended sequence number. other_kind: the payload
    type that takes turns with `kind` (speech and telephone-event), -1 for none.
    """

    ssrc: int
    kind: int
    clock_rate: int
    highest: int
    timestamp: int
    last_packet: float
    jitter: float
    longest_gap: float
    other_kind: int = -1
    other_clock_rate: int = DEFAULT_CLOCK_RATE


class Stream:
    """Figures of what one endpoint received. Octets are those of the UDP payload, RTP header included."""

    __slots__ = (
        "_bad_sequence", "_base", "_carried_lost", "_clock_rate", "_highest", "_kind", "_other", "_plain", "_received",
        "_timestamp", "clock_rates", "first_packet", "jitter", "last_packet", "longest_gap", "octets",
        "packets", "paused", "payload_type", "ssrc", "ssrc_changes", "strangers",
    )  # fmt: skip

    def __init__(self) -> None:
        self.packets = 0
        self.octets = 0
        self.strangers = 0  # packets from a source that was not believed
        self.ssrc = 0
        self.ssrc_changes = 0
        self.payload_type = -1  # of what goes on; not that of a telephone-event in between
        self.jitter = 0.0  # seconds
        self.first_packet = NEVER  # absolute monotonic times
        self.last_packet = NEVER
        self.longest_gap = 0.0  # seconds
        self.paused = False  # until the next packet
        self.clock_rates: dict[int, int] | None = None
        self._clock_rate = DEFAULT_CLOCK_RATE
        self._kind = -1  # payload type of the last packet
        self._other = -1  # of the last one that was of another, or may be expected
        self._plain = NONE_PLAIN  # how a packet begins that goes on as the last one did
        self._timestamp = 0
        self._base = 0  # extended sequence number of the run's first packet
        self._highest = -1  # extended sequence number, the highest so far; -1: no RTP yet
        self._received = 0  # packets of this run
        self._carried_lost = 0  # of the runs before
        self._bad_sequence = -1

    @property
    def lost(self) -> int:
        """RFC 3550 A.3: expected less received; duplicates can bring it below zero."""
        if self._highest < 0:
            return 0
        return self._carried_lost + self._highest - self._base + 1 - self._received

    @property
    def clock_rate(self) -> int:
        """Of the timestamps of what came last, Hz."""
        return self._clock_rate

    def pause(self) -> None:
        """Hold begins or ends: the time until the next packet is not counted as a gap."""
        self.paused = True
        self._plain = NONE_PLAIN

    def look_closer(self) -> None:
        """What comes next may be of another kind: no packet is plain until one was received."""
        self._plain = NONE_PLAIN

    def count(self, size: int, now: float) -> None:
        """Account for a packet that is not read (T.38)."""
        self.packets += 1
        self.octets += size
        self._note_gap(now)
        self.last_packet = now

    def receive_plain(self, packet: Packet, now: float) -> bool:
        """Account for a packet that goes on as the last one did, as nearly all of them do. False, and nothing counted,
        if it is another, or might not be RTP: that is for `receive`, which would count the same.
        """
        size = len(packet)
        if size < HEADER_SIZE:
            return False
        word, sequence, timestamp, ssrc = _words(packet)
        if word != self._plain or ssrc != self.ssrc:
            return False
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead >= MAX_DROPOUT:
            return False
        self._highest += ahead
        self._received += 1
        self.packets += 1
        self.octets += size
        elapsed = now - self.last_packet
        self.last_packet = now
        if elapsed > self.longest_gap:
            self.longest_gap = elapsed
        step = timestamp - self._timestamp
        if step:
            self._timestamp = timestamp
            if not -HALF <= step < HALF:
                step = (step + HALF) % (2 * HALF) - HALF
            change = elapsed - step / self._clock_rate
            self.jitter += ((change if change >= 0.0 else -change) - self.jitter) / 16.0
        return True

    def receive(self, packet: Packet, now: float) -> None:
        """Account for one RTP packet of at least 12 octets."""
        _, kind, sequence, timestamp, ssrc = HEADER.unpack_from(packet)
        kind &= TYPE_MASK
        self.packets += 1
        self.octets += len(packet)
        if ssrc == self.ssrc and kind == self._kind and self._highest >= 0 and not self.paused:
            elapsed = now - self.last_packet
            if elapsed > self.longest_gap:
                self.longest_gap = elapsed
            # Packets that share a timestamp (telephone-event, a video frame) say nothing about transit.
            if timestamp != self._timestamp:
                self.payload_type = kind
                step = (timestamp - self._timestamp) & 0xFFFFFFFF
                if step & 0x80000000:
                    step -= 0x100000000
                change = elapsed - step / self._clock_rate
                self.jitter += ((change if change >= 0.0 else -change) - self.jitter) / 16.0
        else:
            self._begin(ssrc, kind, sequence, now)
        self._timestamp = timestamp
        self.last_packet = now
        ahead = (sequence - self._highest) & 0xFFFF
        if ahead < MAX_DROPOUT:
            self._highest += ahead
            self._received += 1
        else:
            self._take_leap(sequence, ahead)
        self._plain = PLAIN | kind if self.payload_type == kind else NONE_PLAIN

    def keep(self) -> tuple[int | float, ...]:
        """All of it but what the signalling says again, for `recall`."""
        values: tuple[int | float, ...] = _kept(self)
        return values

    def recall(self, values: tuple[int | float, ...]) -> bool:
        """Be what another stream was when it gave those values; False, and unchanged, if they are none of ours."""
        if len(values) != len(KEPT):
            return False
        for name, value in zip(KEPT, values, strict=True):
            setattr(self, name, value)
        self.paused = False
        self._plain = NONE_PLAIN
        return True

    def standing(self, is_read: bool) -> Standing | None:
        """Where a form may go on counting; None while the next packet must be seen here, as the first one."""
        if self.paused or self.first_packet == NEVER or (is_read and self._highest < 0):
            return None
        return Standing(
            self.ssrc, max(self._kind, 0), self._clock_rate, self._highest, self._timestamp,
            self.last_packet, self.jitter, self.longest_gap, self._other, self._rate_of(self._other),
        )  # fmt: skip

    def expect(self, kinds: tuple[int, ...]) -> None:
        """Of these payload types (telephone-event) one may come: that whose clock is that of what goes on, if any."""
        if self._other < 0 and kinds:
            self._other = next((kind for kind in kinds if self._rate_of(kind) == self._clock_rate), kinds[0])

    def absorb(self, packets: int, octets: int, after: Standing, is_read: bool) -> None:
        """Account for packets that a form has counted, and go on from where the stream stands after them.

        None of them was such as to need a look: the SSRC is what it was, and the payload type one of the two.
        """
        self.packets += packets
        self.octets += octets
        self.last_packet = after.last_packet
        self.longest_gap = max(self.longest_gap, after.longest_gap)
        if is_read:
            if after.kind != self._kind:
                self._turn_to(after.kind)
            elif after.timestamp != self._timestamp:
                self.payload_type = self._kind
            self._received += packets
            self._highest = after.highest
            self._timestamp = after.timestamp
            self.jitter = after.jitter

    def _begin(self, ssrc: int, payload_type: int, sequence: int, now: float) -> None:
        """The first packet, another SSRC, another payload type, or the first after a pause."""
        self._note_gap(now)
        if self.payload_type < 0 or ssrc != self.ssrc:
            self.payload_type = payload_type
        if payload_type != self._kind:
            self._turn_to(payload_type)
        if self._highest < 0:
            self.ssrc = ssrc
            self._restart(sequence)
        elif ssrc != self.ssrc:
            self.ssrc_changes += 1
            self.ssrc = ssrc
            self._restart(sequence)

    def _turn_to(self, payload_type: int) -> None:
        """Another payload type takes its turn."""
        if self._kind >= 0:
            self._other = self._kind
        self._kind = payload_type
        self._plain = NONE_PLAIN
        self._clock_rate = self._rate_of(payload_type)

    def _rate_of(self, payload_type: int) -> int:
        known = self.clock_rates or STATIC_CLOCK_RATES
        return known.get(payload_type) or STATIC_CLOCK_RATES.get(payload_type, DEFAULT_CLOCK_RATE)

    def _note_gap(self, now: float) -> None:
        if self.first_packet == NEVER:
            self.first_packet = now
        elif not self.paused:
            self.longest_gap = max(self.longest_gap, now - self.last_packet)
        self.paused = False

    def _restart(self, sequence: int) -> None:
        self._carried_lost = self.lost
        self._base = self._highest = sequence
        self._received = 0
        self._bad_sequence = -1

    def _take_leap(self, sequence: int, ahead: int) -> None:
        """A packet that is late, or the first after a leap."""
        if ahead > 0xFFFF - MAX_MISORDER:
            self._received += 1  # late, or a duplicate
        elif sequence == self._bad_sequence:
            # RFC 3550 A.1: "Two sequential packets -- assume that the other side restarted without
            # telling us so just re-sync". Both of them count.
            self._restart((sequence - 1) & 0xFFFF)
            self._highest += 1
            self._received = 2
        else:
            self._bad_sequence = (sequence + 1) & 0xFFFF
