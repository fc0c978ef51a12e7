"""What a far end reports of the media that it is sent, and how far away it is. Pure.

Theory. The relay stands between two far ends and rewrites nothing of RTCP. When A's sender report passes on its way
to B, the relay notes its time; B's next report block says which sender report it had last (LSR) and how long it has
kept it (DLSR). What is left of the time between is the way from here to B and back, B's own delays included: no
clock but ours is read, and nobody else can have sent that LSR. So

- the round trip between the relay and *each* far end can be measured, and their sum is that between the two; what a
  far end does not answer (no RTCP, or its partner sends no sender reports) stays unknown;
- loss and jitter in a report block are those of the whole way, from the other far end to this one. Less what the
  relay has counted itself, they are those of the second half;
- nothing here tells one direction of a way from the other, nor what a jitter buffer has thrown away.

A report may lie; nothing is ever done because of it. It has to fit: its source must be the one that is being sent,
its LSR one that was, and what would be absurd is passed over. Encrypted RTCP (SRTP keeps only the first eight octets
legible) fails those tests, and leaves no figures.
"""

from __future__ import annotations

from typing import Final

from rtp_relay.rtcp import Block

KEPT: Final = 8  # sender reports, that is at least as many seconds as a report may be late by
LONGEST: Final = 10.0  # seconds of a round trip, and of jitter; more is a mistake
SLACK: Final = 0.002  # seconds that DLSR may be too long by, of a far end that is close
DELAY_UNITS: Final = 65536  # RFC 3550 §6.4.1: "expressed in units of 1/65536 seconds"


class Hearing:
    """One far end's reports. Means are over the call: round_trip and jitter in seconds, -1 without any."""

    __slots__ = ("_carried", "_jitter", "_lost", "_round_trip", "_sent", "_ssrc", "blocks", "round_trips")

    def __init__(self) -> None:
        self.blocks = 0
        self.round_trips = 0
        self._sent: dict[int, float] = {}  # the latest sender reports on their way to it, and when they passed
        self._ssrc = -1
        self._lost = 0  # of that source, as last reported
        self._carried = 0  # of the sources before
        self._jitter = 0.0
        self._round_trip = 0.0

    @property
    def lost(self) -> int:
        """Packets that it says it has missed, of all sources that it was sent; below zero with duplicates."""
        return self._carried + self._lost

    @property
    def jitter(self) -> float:
        return self._jitter / self.blocks if self.blocks else -1.0

    @property
    def round_trip(self) -> float:
        return self._round_trip / self.round_trips if self.round_trips else -1.0

    def pass_report(self, sent_at: int, now: float) -> None:
        """A sender report leaves for this far end: the middle of its NTP timestamp."""
        self._sent.pop(sent_at, None)
        self._sent[sent_at] = now
        if len(self._sent) > KEPT:
            del self._sent[next(iter(self._sent))]

    def take(self, block: Block, clock_rate: int, now: float) -> None:
        """What it says of the source that it is being sent, whose timestamps run at clock_rate Hz."""
        if block.jitter > LONGEST * clock_rate:
            return
        if block.ssrc != self._ssrc:
            self._carried += self._lost
            self._ssrc = block.ssrc
        self._lost = block.lost
        self._jitter += block.jitter / clock_rate
        self.blocks += 1
        self._take_round_trip(block, now)

    def _take_round_trip(self, block: Block, now: float) -> None:
        passed = self._sent.get(block.last_report) if block.last_report else None
        if passed is None:
            return
        took = now - passed - block.delay / DELAY_UNITS
        if -SLACK <= took <= LONGEST:
            self._round_trip += max(took, 0.0)
            self.round_trips += 1
