"""Whose turn it is in a round robin, and who took a caller's last call, as far as a call asks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Protocol


class Turn(Protocol):
    """One call's turn."""

    def order(self) -> Iterable[int]:
        """Indices of all recipients in the order in which this call rings them, each asked for when he is to ring."""


class Turns(Protocol):
    """All round robins; b2bua.flows.rotation.Rotation is one. Answers at once: a call does not wait for a database.

    turn: what begin gave. caller: his number, digits alone. moment: seconds since 1970. days: for which it counts.
    """

    def begin(self, flow: str, step: str, weights: Sequence[int], first: int | None = None) -> Turn:
        """A call's turn among recipients of these weights, at least one. first: who is rung before it is theirs."""

    def answered(self, turn: Any, index: int, name: str) -> None:
        """The recipient of this index has taken the call."""

    def over(self, turn: Any) -> None:
        """The call rings nobody of that step any more."""

    def regular(self, flow: str, step: str, caller: str, days: int, moment: float) -> str:
        """Who of the step has taken the caller's last call, by name; "" for nobody."""

    def remember(self, flow: str, step: str, caller: str, name: str, days: int, moment: float) -> None:
        """Somebody has taken a call of this caller."""


class _AsListed:
    """Everybody in the order of the list, for every call."""

    def __init__(self, recipients: int) -> None:
        self._recipients = recipients

    def order(self) -> Iterable[int]:
        return range(self._recipients)


class NoTurns:
    """Where nothing keeps turns: each call begins with the first."""

    def begin(self, flow: str, step: str, weights: Sequence[int], first: int | None = None) -> Turn:
        return _AsListed(len(weights))

    def answered(self, turn: Any, index: int, name: str) -> None:
        """Nobody counts."""

    def over(self, turn: Any) -> None:
        """Nobody waits for it."""

    def regular(self, flow: str, step: str, caller: str, days: int, moment: float) -> str:
        return ""

    def remember(self, flow: str, step: str, caller: str, name: str, days: int, moment: float) -> None:
        """Nobody is remembered."""
