"""Whose turn it is in a round robin: in memory, so that a call need not wait, and noted for the database.

A pointer counts the recipients that have had their turn; modulo their number it says with whom the next call
begins. A call moves it by one as it begins, so that the next call begins with somebody else even while this
one rings; when it turns out that recipients were passed over, the pointer moves past whoever answered,
unless another call has moved it meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple


class Turn(NamedTuple):
    """One call's turn. start: the index, among those that are on, of the recipient to begin with."""

    flow: str
    step: str
    pointer: int
    recipients: int

    @property
    def start(self) -> int:
        return self.pointer % self.recipients

    def order(self) -> tuple[int, ...]:
        """Indices of all recipients in the order in which this call rings them."""
        return tuple((self.start + passed) % self.recipients for passed in range(self.recipients))


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
    """What has changed since it was last asked for: rows as they are now."""

    pointers: list[PointerRow]
    taken: list[TakenRow]

    def __bool__(self) -> bool:
        return bool(self.pointers or self.taken)


class Rotation:
    """All round robins of one core."""

    def __init__(self, pointers: Iterable[PointerRow] = (), taken: Iterable[TakenRow] = ()) -> None:
        self._pointers = {(row.flow, row.step): row.pointer for row in pointers}
        self._taken: dict[tuple[str, str], dict[str, int]] = {}
        for row in taken:
            self._taken.setdefault((row.flow, row.step), {})[row.recipient] = row.calls
        self._moved: set[tuple[str, str]] = set()
        self._counted: set[tuple[str, str, str]] = set()

    def begin(self, flow: str, step: str, recipients: int) -> Turn:
        """A call's turn; recipients is how many are on, at least 1."""
        if recipients < 1:
            raise ValueError("a round robin of nobody")
        pointer = self._pointers.get((flow, step), 0)
        self._move(flow, step, pointer + 1)
        return Turn(flow, step, pointer, recipients)

    def answered(self, turn: Turn, index: int, name: str) -> None:
        """The recipient of an index has taken the call: counted, and the pointer moves past him."""
        passed = (index - turn.start) % turn.recipients
        if passed and self._pointers.get((turn.flow, turn.step)) == turn.pointer + 1:
            self._move(turn.flow, turn.step, turn.pointer + 1 + passed)
        counts = self._taken.setdefault((turn.flow, turn.step), {})
        counts[name] = counts.get(name, 0) + 1
        self._counted.add((turn.flow, turn.step, name))

    def taken(self, flow: str, step: str) -> Mapping[str, int]:
        """How many calls each recipient has got, by name."""
        return self._taken.get((flow, step), {})

    def changes(self) -> Changes:
        """What is to be written; asked for again, only what has changed since."""
        found = Changes(
            [PointerRow(flow, step, self._pointers[flow, step]) for flow, step in sorted(self._moved)],
            [TakenRow(*key, self._taken[key[:2]][key[2]]) for key in sorted(self._counted)],
        )
        self._moved, self._counted = set(), set()
        return found

    def put_back(self, changes: Changes) -> None:
        """They could not be written: they will be among the next changes, with what they are then."""
        self._moved |= {(row.flow, row.step) for row in changes.pointers}
        self._counted |= {(row.flow, row.step, row.recipient) for row in changes.taken}

    def _move(self, flow: str, step: str, pointer: int) -> None:
        self._pointers[flow, step] = pointer
        self._moved.add((flow, step))
