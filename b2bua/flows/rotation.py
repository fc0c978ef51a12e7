"""Whose turn it is in a round robin: in memory, so that a call need not wait, and noted for the database.

Theory. The turns of a step lie on a wheel, on which a recipient of weight 3 has three places, as far apart as they
go. A pointer counts the places that have had their turn; modulo the length of the wheel it says with whom the next
call begins. A call moves it by one as it begins, so that the next call begins with somebody else even while this
one rings; when it turns out that recipients were passed over, the pointer moves past whoever answered, unless
another call has moved it meanwhile, or a place would be skipped whose turn was not offered to anybody.

Neighbours on the wheel may be the same person, and calls come at the same time. So a call does not begin with
somebody whom another call of the step rings in that moment, if there is somebody else: those two change places, and
the shares stay as they are. Which places were changed is forgotten in a restart; where the pointer stands is not.

A caller may come to somebody before the turns begin. His call takes a place on the wheel when that one has not
taken it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from math import gcd
from typing import Final, NamedTuple

from b2bua.flows.regulars import Regular, RegularRow, Regulars

MOST_EXCHANGED: Final = 100  # places of one recipient that others wait for; more is rung by too many calls at once


class PointerRow(NamedTuple):
    flow: str
    step: str
    pointer: int


class TakenRow(NamedTuple):
    flow: str
    step: str
    recipient: str
    calls: int


class Changes(NamedTuple):
    """What has changed since it was last asked for: rows as they are now, and callers to be forgotten."""

    pointers: list[PointerRow]
    taken: list[TakenRow]
    regulars: tuple[RegularRow, ...] = ()
    forgotten: tuple[Regular, ...] = ()

    def __bool__(self) -> bool:
        return any(self)


@lru_cache(maxsize=256)
def wheel(weights: tuple[int, ...]) -> tuple[int, ...]:
    """Indices of recipients, each as often as its weight says, in lowest terms, and spread evenly.

    Smooth weighted round robin: everybody gains his weight in each turn, whoever has most has it and pays all that
    was gained. Of equals the first comes first, so that equal weights go round in the order of the list.
    """
    divisor = gcd(*weights)
    gains = [weight // divisor for weight in weights]
    held = [0] * len(gains)
    places = []
    for _ in range(sum(gains)):
        held = [has + gain for has, gain in zip(held, gains, strict=True)]
        index = held.index(max(held))
        held[index] -= sum(gains)
        places.append(index)
    return tuple(places)


class Turn:
    """One call's turn. start: with whom the turns begin, -1 while nobody knows; rings: who is rung now, if anybody."""

    __slots__ = ("_rotation", "first", "pointer", "rings", "round", "start")

    def __init__(self, rotation: Rotation, round_: _Round, first: int | None) -> None:
        self._rotation = rotation
        self.round = round_
        self.first = first
        self.pointer = -1  # the place on the wheel that this call has taken
        self.start = -1
        self.rings = -1 if first is None else first

    def order(self) -> Iterator[int]:
        """Indices of all recipients in the order in which this call rings them, each when the one before has been rung.

        To be gone through once.
        """
        left = set(range(len(self.round.weights)))
        if self.first is not None:
            left.remove(self.first)
            yield self.first
            if left:
                self._rotation.take_place(self)
        for index in (self.start, *self.round.from_place(self.pointer)) if left else ():
            if index in left:
                left.remove(index)
                self.rings = index
                yield index


class _Round:
    """The round robin of one step with certain weights, without its pointer.

    turns: of the calls that ring. exchanged: for whom the next places of a recipient are. last: the last to begin with.
    """

    __slots__ = ("exchanged", "key", "last", "places", "turns", "weights")

    def __init__(self, key: tuple[str, str], weights: tuple[int, ...]) -> None:
        self.key = key
        self.weights = weights
        self.places = wheel(weights)
        self.turns: list[Turn] = []
        self.exchanged: dict[int, deque[int]] = {}
        self.last = -1

    def from_place(self, pointer: int) -> Iterator[int]:
        """Everybody on the wheel once, in the order of their next places."""
        start = pointer % len(self.places)
        return iter(dict.fromkeys(self.places[start:] + self.places[:start]))

    def give_place(self, turn: Turn) -> int:
        """With whom a call begins that has taken the place of turn.pointer."""
        holder = self.places[turn.pointer % len(self.places)]
        waiting = self.exchanged.get(holder)
        due = waiting.popleft() if waiting else holder
        rung = {other.rings for other in self.turns if other is not turn}
        if due in rung or due == turn.first:
            others = [index for index in self.from_place(turn.pointer) if index != turn.first]
            other = min(others, key=lambda index: (index == self.last, index in rung))
            if other != due:
                self._exchange(other, due)
                due = other
        self.last = due
        return due

    def _exchange(self, index: int, due: int) -> None:
        """Somebody begins in the place of who was due, who will get one of his."""
        waiting = self.exchanged.setdefault(index, deque())
        if len(waiting) < MOST_EXCHANGED:
            waiting.append(due)


class Rotation:
    """All round robins of one core, and who has taken the calls of whom."""

    def __init__(
        self,
        pointers: Iterable[PointerRow] = (),
        taken: Iterable[TakenRow] = (),
        regulars: Regulars | None = None,
    ) -> None:
        self._pointers = {(row.flow, row.step): row.pointer for row in pointers}
        self._taken: dict[tuple[str, str], dict[str, int]] = {}
        for row in taken:
            self._taken.setdefault((row.flow, row.step), {})[row.recipient] = row.calls
        self._rounds: dict[tuple[str, str], _Round] = {}
        self._moved: set[tuple[str, str]] = set()
        self._counted: set[tuple[str, str, str]] = set()
        self.regulars = regulars if regulars is not None else Regulars()

    def begin(self, flow: str, step: str, weights: Sequence[int], first: int | None = None) -> Turn:
        """A call's turn among those who are on, at least one. weights: from 1. first: who rings before the turns."""
        if not weights:
            raise ValueError("a round robin of nobody")
        key = (flow, step)
        round_ = self._rounds.get(key)
        if round_ is None or round_.weights != tuple(weights):  # the flow was changed: calls of before go their way
            round_ = self._rounds[key] = _Round(key, tuple(weights))
        turn = Turn(self, round_, first)
        round_.turns.append(turn)
        if first is None:
            self.take_place(turn)
        return turn

    def take_place(self, turn: Turn) -> None:
        """The turns of a call begin."""
        round_ = turn.round
        turn.pointer = self._pointers.get(round_.key, 0)
        self._move(round_.key, turn.pointer + 1)
        turn.start = turn.rings = round_.give_place(turn)

    def answered(self, turn: Turn, index: int, name: str) -> None:
        """The recipient of an index has taken the call: counted, and the pointer moves past him."""
        key = turn.round.key
        if self._pointers.get(key) == turn.pointer + 1 and (passed := _passed(turn, index)):
            self._move(key, turn.pointer + 1 + passed)
        counts = self._taken.setdefault(key, {})
        counts[name] = counts.get(name, 0) + 1
        self._counted.add((*key, name))
        self.over(turn)

    def over(self, turn: Turn) -> None:
        """The call rings nobody of the step any more."""
        if turn in turn.round.turns:
            turn.round.turns.remove(turn)

    def taken(self, flow: str, step: str) -> Mapping[str, int]:
        """How many calls each recipient has got, by name."""
        return self._taken.get((flow, step), {})

    # Callers who call again.

    def regular(self, flow: str, step: str, caller: str, days: int, moment: float) -> str:
        """Who took the caller's last call that was answered in the step, within so many days; "" for nobody."""
        return self.regulars.recipient(Regular(flow, step, caller), days, moment)

    def remember(self, flow: str, step: str, caller: str, name: str, days: int, moment: float) -> None:
        """Somebody has taken a call of this caller, "" for one who withholds his number."""
        self.regulars.remember(Regular(flow, step, caller), name, days, moment)

    # For the database.

    def changes(self) -> Changes:
        """What is to be written; asked for again, only what has changed since."""
        found = Changes(
            [PointerRow(flow, step, self._pointers[flow, step]) for flow, step in sorted(self._moved)],
            [TakenRow(*key, self._taken[key[:2]][key[2]]) for key in sorted(self._counted)],
            *self.regulars.changes(),
        )
        self._moved, self._counted = set(), set()
        return found

    def put_back(self, changes: Changes) -> None:
        """They could not be written: they will be among the next changes, with what they are then."""
        self._moved |= {(row.flow, row.step) for row in changes.pointers}
        self._counted |= {(row.flow, row.step, row.recipient) for row in changes.taken}
        self.regulars.put_back(changes.regulars, changes.forgotten)

    def _move(self, key: tuple[str, str], pointer: int) -> None:
        self._pointers[key] = pointer
        self._moved.add(key)


def _passed(turn: Turn, index: int) -> int:
    """How many places lie between the one that a call has taken and that of whoever answered, all of them offered.

    0 where a place between the two is somebody's second: nobody was offered a call for that one.
    """
    if turn.pointer < 0:
        return 0
    places = turn.round.places
    seen: set[int] = set()
    for passed in range(len(places)):
        place = places[(turn.pointer + passed) % len(places)]
        if place in seen or (not passed and place != turn.start):
            return 0
        if place == index:
            return passed
        seen.add(place)
    return 0
