"""The system under test, made from a plan. The one file of the world that knows how it is constructed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from tests.world.plan import Plan

if TYPE_CHECKING:
    from b2bua.calls.record import CallRecord
    from rtp_relay.control import Command, Event
    from sip_stack.flow import Flow


class Question(Protocol):
    """A DNS look-up that the switchboard wants made."""

    @property
    def id(self) -> int: ...

    @property
    def uri(self) -> str: ...


class Subject(Protocol):
    """What the world asks of a switchboard."""

    def receive(self, data: bytes, flow: Flow, now: float) -> None: ...

    def transport_failed(self, flow: Flow, reason: str, now: float) -> None: ...

    def relay_event(self, event: Event, now: float) -> None: ...

    def located(self, query_id: int, targets: list[Flow], now: float) -> None: ...

    def handle_deadline(self, now: float) -> None: ...

    def next_deadline(self) -> float | None: ...

    def take_datagrams(self) -> list[tuple[Flow, bytes]]: ...

    def take_commands(self) -> list[Command]: ...

    def take_questions(self) -> Sequence[Question]: ...

    def take_records(self) -> list[CallRecord]: ...

    def take_notices(self) -> list[dict[str, object]]: ...

    def leftovers(self) -> list[str]: ...


def make_switchboard(plan: Plan, seed: int) -> Subject:
    """The real one, listening on plan.LOCAL_SOCKETS, with `seed` behind its tags and branches."""
    from b2bua.calls.switchboard import Switchboard

    return Switchboard(plan, seed)  # type: ignore[no-any-return]
