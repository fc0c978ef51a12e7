"""Sessions that talk, for the tests of what goes on within them."""

from __future__ import annotations

from sip_stack.events import Ended
from sip_stack.session import Session
from tests.sip_stack.rig import (
    Rig,
    called,
    calling,
    response,
    rig,
)

Words = list[tuple[int, str]]


def talking(is_caller: bool = True) -> tuple[Rig, Session]:
    bench = rig()
    session = calling(bench) if is_caller else called(bench)
    session.owner = bench.owner
    bench.run(1.0)
    return bench, session


def replies(bench: Rig) -> Words:
    return [(sent.response.status, sent.response.cseq_method) for sent in bench.news() if sent.name.isdigit()]


def say(bench: Rig, name: str, status: int, **more: object) -> None:
    """The peer's response to the newest request of this method."""
    sent = bench.last(name)
    bench.receive(response(sent.request, status, **more), sent.flow)  # type: ignore[arg-type]


def ended(bench: Rig) -> list[str]:
    return [event.cause for event in bench.owner.all_of(Ended)]
