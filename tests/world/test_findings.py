"""The whole-call tests can fail: each spoils the real switchboard in one way, and the world must notice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rtp_relay.control import Release
from tests.world.plan import Plan
from tests.world.subject import make_switchboard
from tests.world.world import World

Change = Callable[[bytes], bytes | None]


class Spoilt:
    """The real switchboard with a change to what it sends; None drops."""

    def __init__(self, inner: Any, change: Change, releases: bool = True) -> None:
        self._inner, self._change, self._releases = inner, change, releases

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def take_datagrams(self) -> list[Any]:
        changed = [(flow, self._change(octets)) for flow, octets in self._inner.take_datagrams()]
        return [(flow, octets) for flow, octets in changed if octets is not None]

    def take_commands(self) -> list[Any]:
        commands = self._inner.take_commands()
        return [command for command in commands if self._releases or not isinstance(command, Release)]


def story(change: Change, releases: bool = True) -> World:
    """Ana wins, ben's answer comes too late, cora is stopped; the caller hangs up."""

    def make(plan: Plan, seed: int) -> Any:
        return Spoilt(make_switchboard(plan, seed), change, releases)

    world = World(make)
    world.phone("ana", answers_after=1.0)
    world.phone("ben", on_cancel="answer")
    world.phone("cora")
    call = world.caller().call()
    world.run(5.0)
    if call.is_answered:
        call.hang_up()
    return world


def dropping(begins: bytes) -> Change:
    return lambda octets: None if octets.startswith(begins) else octets


def replacing(find: bytes, put: bytes, begins: bytes = b"") -> Change:
    return lambda octets: octets.replace(find, put) if octets.startswith(begins) else octets


def test_the_story_itself_is_without_fault() -> None:
    story(lambda octets: octets).finish()


@pytest.mark.parametrize(
    "change",
    [
        dropping(b"CANCEL"),
        dropping(b"BYE"),
        dropping(b"ACK"),
        dropping(b"SIP/2.0 200"),
        dropping(b"SIP/2.0 100"),
        replacing(b"CSeq: 1 CANCEL", b"CSeq: 2 CANCEL"),
        replacing(b";branch=z9hG4bK", b";branch=z9hG4bKx", b"CANCEL"),
        replacing(b";tag=", b";tag=x", b"SIP/2.0 200"),
        replacing(b"Contact:", b"X-Contact:", b"SIP/2.0 200"),
        replacing(b"CSeq: 2 BYE", b"CSeq: 1 BYE"),
        replacing(b"ACK sip:ana@", b"ACK sip:eve@"),
        replacing(b"192.0.2.2", b"198.51.100.1"),
        replacing(b"Max-Forwards", b"X-Forwards"),
        replacing(b";tag=", b";tag=x", b"SIP/2.0 180"),
    ],
    ids=lambda change: "spoilt",
)
def test_a_spoilt_switchboard_is_found_out(change: Change) -> None:
    change_of_100 = change(b"SIP/2.0 100") is None
    world = story(change)
    if change_of_100:
        assert world.sent("SIP/2.0 100") == []
        return
    with pytest.raises(AssertionError):
        world.finish()


def test_ports_that_are_not_given_back_are_found() -> None:
    with pytest.raises(AssertionError, match="relay: ports of call"):
        story(lambda octets: octets, releases=False).finish()
