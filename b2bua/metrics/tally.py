"""Sums over the records of calls, kept as they end: some microseconds a call, no lock, nothing to be asked."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from typing import Final

from b2bua.calls.quality import directions
from b2bua.calls.record import CallRecord

SECOND: Final = 1e6  # microseconds
ANSWER_BOUNDS: Final = (1, 2, 5, 10, 15, 20, 25, 30, 45, 60, 90, 120)  # seconds from the INVITE to the answer
TALK_BOUNDS: Final = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200)  # seconds
MOS_BOUNDS: Final = (2.0, 2.58, 3.1, 3.6, 3.8, 4.03, 4.2, 4.34)  # those of G.107 table B.1, and some between
ROUND_TRIP_BOUNDS: Final = (0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0)  # seconds


class Histogram:
    """How many values lie at or below each bound. counts has one place more than bounds, for those above all."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def note(self, value: float) -> None:
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def buckets(self) -> list[tuple[str, float]]:
        """Each bound with how many are at or below it, as Prometheus counts; the last is all."""
        so_far, made = 0, []
        for bound, count in zip((*self.bounds, None), self.counts, strict=True):
            so_far += count
            made.append(("+Inf" if bound is None else str(float(bound)), float(so_far)))
        return made


class CallTally:
    """Of all calls that have ended since the process began. packets and lost: of the streams of ended calls, RTP."""

    __slots__ = (
        "answer", "bugs", "lost", "mos", "one_way", "outcomes", "packets", "recipients", "round_trip", "talk",
    )  # fmt: skip

    def __init__(self) -> None:
        self.outcomes: Counter[str] = Counter()
        self.recipients: Counter[str] = Counter()
        self.answer = Histogram(ANSWER_BOUNDS)
        self.talk = Histogram(TALK_BOUNDS)
        self.mos = Histogram(MOS_BOUNDS)
        self.round_trip = Histogram(ROUND_TRIP_BOUNDS)
        self.one_way = 0
        self.packets = 0
        self.lost = 0
        self.bugs = 0  # calls that were ended by one

    def note(self, record: CallRecord) -> None:
        """A call has ended."""
        if record.outcome is not None:
            self.outcomes[record.outcome.value] += 1
        for recipient in record.recipients:
            if recipient.outcome is not None:
                self.recipients[recipient.outcome.value] += 1
        if record.answered_at is not None:
            self.answer.note((record.answered_at - record.started_at) / SECOND)
            if record.ended_at is not None:
                self.talk.note((record.ended_at - record.answered_at) / SECOND)
        if record.streams:
            self._note_media(record)

    def _note_media(self, record: CallRecord) -> None:
        has_reports = False
        for stream in record.streams:
            self.packets += stream.packets
            self.lost += max(stream.lost, 0)
            if stream.mos is not None:
                self.mos.note(stream.mos)
            if stream.is_one_way:
                self.one_way += 1
            has_reports |= stream.round_trip is not None
        if has_reports:
            self._note_round_trips(record)

    def _note_round_trips(self, record: CallRecord) -> None:
        for direction in directions(record.streams):
            if direction.round_trip is not None and direction.speaker < direction.listener:  # once for both ways
                self.round_trip.note(direction.round_trip / 1000.0)
