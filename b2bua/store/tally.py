"""What is counted of calls: values that add up, so that a month is the sum of its days.

A tally of some calls plus the tally of others is the tally of both, exactly. That is why lengths of time are
kept as how many there were of each, to three significant digits: the middle of a sum cannot be had from the
middles of its parts, but from such counts it can. An error of half a hundredth at most is the price.

As octets a tally is msgpack, deflated; the tables that hold them are made and read by b2bua/store/summing.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, TypeVar

import msgspec

QUARTER: Final = 900_000_000  # microseconds; zones differ from UTC by whole quarters of an hour
_COMPRESSION: Final = 1
_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder().decode

Key = TypeVar("Key")
Counts = dict[int, int]  # microseconds to three significant digits, or a quarter of an hour → how many


class CalledNumber(NamedTuple):
    """dialled may have had several names, and a name belong to several numbers."""

    dialled: str
    name: str

    def is_meant_by(self, number: str) -> bool:
        """Whether a number's name, or its digits, say this one; "" says all."""
        return not number or number in (self.name, self.dialled)


class RungRecipient(NamedTuple):
    name: str
    uri: str


class CallRow(NamedTuple):
    """What is looked at of a call that has ended; times in microseconds since 1970."""

    dialled: str
    name: str
    started_at: int
    answered_at: int | None
    outcome: str


class OfferRow(NamedTuple):
    """What is looked at of a recipient who was called."""

    name: str
    uri: str
    outcome: str | None
    invited_at: int
    ringing_at: int | None
    answered_at: int | None
    late_by: int | None


class OfRecipient:
    """How one recipient fared. waited: from his ringing, or where none was heard from the INVITE, to the answer."""

    __slots__ = ("answer", "late", "outcomes", "rang", "ring", "waited")

    def __init__(self) -> None:
        self.rang = 0
        self.outcomes: dict[str | None, int] = {}
        self.ring: Counts = {}
        self.answer: Counts = {}
        self.late: Counts = {}
        self.waited: Counts = {}

    @property
    def lengths(self) -> tuple[Counts, Counts, Counts, Counts]:
        return self.ring, self.answer, self.late, self.waited

    def add(self, offer: OfferRow) -> None:
        _, _, outcome, invited_at, ringing_at, answered_at, late_by = offer
        self.outcomes[outcome] = self.outcomes.get(outcome, 0) + 1
        if ringing_at is not None:
            self.rang += 1
            _count(self.ring, rounded(ringing_at - invited_at))
        if answered_at is not None:
            _count(self.answer, rounded(answered_at - invited_at))
            waited = answered_at - (invited_at if ringing_at is None else ringing_at)
            _count(self.waited, rounded(waited))
        if late_by is not None:
            _count(self.late, rounded(late_by))

    def merge(self, other: OfRecipient) -> None:
        self.rang += other.rang
        add_counts(self.outcomes, other.outcomes)
        for own, more in zip(self.lengths, other.lengths, strict=True):
            add_counts(own, more)


class OfNumber:
    """How the calls to one number came out. quarters: outcome → quarter of an hour since 1970 → calls."""

    __slots__ = ("answer", "quarters")

    def __init__(self) -> None:
        self.quarters: dict[str, Counts] = {}
        self.answer: Counts = {}

    def add(self, call: CallRow) -> None:
        _count(self.quarters.setdefault(call.outcome, {}), call.started_at // QUARTER)
        if call.answered_at is not None:
            _count(self.answer, rounded(call.answered_at - call.started_at))


class Tally:
    """The sums of some calls, by number and by the recipients who were rung for that number."""

    __slots__ = ("numbers", "recipients")

    def __init__(self) -> None:
        self.numbers: dict[CalledNumber, OfNumber] = {}
        self.recipients: dict[tuple[CalledNumber, RungRecipient], OfRecipient] = {}

    def add(self, call: CallRow, offers: Iterable[OfferRow]) -> None:
        """One more call that has ended, with those of its recipients who were called."""
        called = CalledNumber(call.dialled, call.name)
        self._number(called).add(call)
        for offer in offers:
            self._recipient(called, RungRecipient(offer.name, offer.uri)).add(offer)

    def merge(self, other: Tally) -> None:
        """The calls of another one, too."""
        self.add_packed(other.pack())

    def add_packed(self, body: bytes, number: str = "") -> None:
        """The calls of a tally as `pack` gave it; of those only the calls to a number, by its name or its digits."""
        numbers, recipients = _decode(zlib.decompress(body))
        for dialled, name, quarters, answer in numbers:
            called = CalledNumber(dialled, name)
            if called.is_meant_by(number):
                of_number = self._number(called)
                for outcome, counts in quarters:
                    _add_flat(of_number.quarters.setdefault(outcome, {}), counts)
                _add_flat(of_number.answer, answer)
        for dialled, name, *rung, rang, outcomes, lengths in recipients:
            called = CalledNumber(dialled, name)
            if called.is_meant_by(number):
                of = self._recipient(called, RungRecipient(*rung))
                of.rang += rang
                add_counts(of.outcomes, dict(outcomes))
                for own, counts in zip(of.lengths, lengths, strict=True):
                    _add_flat(own, counts)

    def _number(self, called: CalledNumber) -> OfNumber:
        found = self.numbers.get(called)
        if found is None:
            found = self.numbers[called] = OfNumber()
        return found

    def _recipient(self, called: CalledNumber, rung: RungRecipient) -> OfRecipient:
        found = self.recipients.get((called, rung))
        if found is None:
            found = self.recipients[called, rung] = OfRecipient()
        return found

    def pack(self) -> bytes:
        numbers = [
            [*called, [[outcome, _flat(counts)] for outcome, counts in of.quarters.items()], _flat(of.answer)]
            for called, of in self.numbers.items()
        ]
        recipients = [
            [*called, *rung, of.rang, list(of.outcomes.items()), [_flat(counts) for counts in of.lengths]]
            for (called, rung), of in self.recipients.items()
        ]
        return zlib.compress(_encode((numbers, recipients)), _COMPRESSION)


def rounded(length: int) -> int:
    """A length of time to three significant digits."""
    if -1000 < length < 1000:
        return length
    unit = 10 ** (len(str(abs(length))) - 3)
    return int((length + unit // 2) // unit * unit)


def _count(counts: Counts, key: int) -> None:
    counts[key] = counts.get(key, 0) + 1


def add_counts(counts: dict[Key, int], more: Mapping[Key, int]) -> None:
    get = counts.get
    for key, count in more.items():
        counts[key] = get(key, 0) + count


def _flat(counts: Counts) -> list[int]:
    return [each for pair in counts.items() for each in pair]


def _add_flat(counts: Counts, flat: Iterable[int]) -> None:
    values = iter(flat)
    get = counts.get
    for key, count in zip(values, values, strict=True):
        counts[key] = get(key, 0) + count
