"""The caller never acknowledges our 200: repeated on time, then both legs are ended. T22, T24."""

from __future__ import annotations

import pytest

from tests.world.world import World

INTERVALS = [0.5, 1.0, 2.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]


@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_the_200_is_repeated_with_a_cap_and_the_call_ended(transport: str) -> None:
    """T22, TRX-5: also over TCP; sippy knew no cap, sipgo no end."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller(transport=transport)
    caller.acks = False
    call = caller.call()
    world.run(30.0)
    assert call.is_answered and ana.is_talking
    world.run(5.0)
    assert call.intervals() == pytest.approx(INTERVALS, abs=0.1)
    assert call.bye_heard is not None
    assert ana.call.state == "ended"
    assert ana.call.bye is not None
    assert "cause=102" in " ".join(call.bye_heard.get_all("reason") + ana.call.bye.get_all("reason"))
    world.finish()
    assert world.records[0].ended_by == "service"


def test_an_ack_with_another_cseq_is_no_ack() -> None:
    """T24, TRX-8."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    caller.ack_cseq_offset = 1
    call = caller.call()
    world.run(40.0)
    assert call.intervals() == pytest.approx(INTERVALS, abs=0.1)
    assert call.bye_heard is not None and ana.call.state == "ended"
    world.finish()


def test_the_repeated_200_is_the_same_octets() -> None:
    """The caller puppet finds a second final response otherwise."""
    world = World()
    world.phone("ana", answers_after=1.0)
    caller = world.caller()
    caller.acks_after = 9.0
    call = caller.call()
    world.run(15.0)
    octets = {p.octets for p in world.sent("SIP/2.0 200", caller) if p.message.cseq_method == "INVITE"}
    assert len(octets) == 1
    assert call.is_answered
    world.finish_after(call)


def test_a_repeated_invite_after_the_200_brings_no_second_answer() -> None:
    """RFC 6026 §7.1: the server transaction in Accepted absorbs it."""
    world = World()
    world.phone("ana", answers_after=1.0)
    caller = world.caller()
    call = caller.call()
    world.run(3.0)
    before = len(world.sent("SIP/2.0 200", caller))
    caller.transmit(call.invite.octets, call.request.path)
    world.run(1.0)
    assert len(world.sent("SIP/2.0 200", caller)) == before
    assert len(world.sent("INVITE ")) == 1
    world.finish_after(call)
