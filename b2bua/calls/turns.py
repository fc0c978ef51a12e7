"""Whose turn it is in a round robin, as far as a call asks."""

from __future__ import annotations

from typing import Any, Protocol


class Turn(Protocol):
    """One call's turn."""

    def order(self) -> tuple[int, ...]:
        """Indices of all recipients in the order in which this call rings them."""


class Turns(Protocol):
    """All round robins; b2bua.flows.rotation.Rotation is one. Answers at once: a call does not wait for a database."""

    def begin(self, flow: str, step: str, recipients: int) -> Turn:
        """A call's turn among so many recipients, at least 1."""

    def answered(self, turn: Any, index: int, name: str) -> None:
        """The recipient of this index has taken the call. turn: what begin gave."""


class _AsListed:
    """Everybody in the order of the list, for every call."""

    def __init__(self, recipients: int) -> None:
        self._recipients = recipients

    def order(self) -> tuple[int, ...]:
        return tuple(range(self._recipients))


class NoTurns:
    """Where nothing keeps turns: each call begins with the first."""

    def begin(self, flow: str, step: str, recipients: int) -> Turn:
        return _AsListed(recipients)

    def answered(self, turn: Any, index: int, name: str) -> None:
        """Nobody counts."""
