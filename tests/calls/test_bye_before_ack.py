"""BYE at awkward moments: before the caller's ACK, from both sides, with no answer. T23."""

from __future__ import annotations

import pytest

from b2bua.calls.record import CallOutcome
from tests.world.picking import sent_to
from tests.world.world import World


def test_the_callers_bye_waits_for_its_ack() -> None:
    """T23, DLG-6, RFC 3261 §15: the callee hangs up 0 ms after our ACK, the caller has not acknowledged."""
    world = World()
    ana = world.phone("ana", answers_after=1.0, hangs_up_after=0.0)
    caller = world.caller()
    caller.acks_after = 0.5
    call = caller.call()
    world.run(1.2)
    assert ana.call.state == "ended"
    assert world.sent("BYE ", caller) == []
    world.run(1.0)
    (bye,) = world.sent("BYE ", caller)
    acknowledged = next(
        packet
        for packet in world.network.packets
        if packet.begins("ACK ") and packet.sender == caller.address
    )
    assert bye.number > acknowledged.number
    assert bye.sent_at >= acknowledged.arrivals[0]
    assert call.is_over
    world.finish()


def test_the_callers_bye_waits_no_longer_than_for_the_end_of_the_200s() -> None:
    """DLG-6: or 64·T1."""
    world = World()
    world.phone("ana", answers_after=1.0, hangs_up_after=0.0)
    caller = world.caller()
    caller.acks = False
    call = caller.call()
    world.run(30.0)
    assert call.bye_heard is None
    world.run(5.0)
    assert call.bye_heard is not None
    world.finish()


def test_the_callers_own_bye_before_its_ack_ends_the_call() -> None:
    """A caller may be so rude: its BYE is answered, and the callee told."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    caller.acks_after = 5.0
    call = caller.call()
    world.run_until(lambda: call.is_answered)
    bye = call.hang_up()
    world.run(1.0)
    assert bye.status == 200 and ana.call.state == "ended"
    world.finish()


@pytest.mark.parametrize("at_once", [False, True])
def test_both_hang_up_at_the_same_moment(at_once: bool) -> None:
    """DLG-9: BYE glare, both answered 200; one record."""
    world = World(at_once=at_once)
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    ours, theirs = call.hang_up(), ana.hang_up()
    world.run(2.0)
    assert ours.status == theirs.status == 200
    world.finish()
    assert len(world.records) == 1


def test_a_bye_that_is_never_answered_does_not_hold_the_call() -> None:
    """TRX-13: our BYE is repeated ten times; the other leg and the record do not wait for it."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    ana.answers["BYE"] = None
    call.hang_up()
    world.run(1.0)
    assert len(world.relay.endpoints) == 0
    world.run(60.0)
    assert len(ana.heard("BYE")) == 11
    world.finish()


def test_a_lost_bye_is_repeated() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.network.drop(sent_to(ana, "BYE "), times=3)
    call = world.connect(ana)
    call.hang_up()
    world.run(10.0)
    assert ana.call.state == "ended"
    world.finish()


def test_the_callee_hangs_up() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    ana.hang_up('Q.850;cause=16;text="Normal call clearing"')
    world.run(1.0)
    assert call.bye_heard is not None
    assert "cause=16" in " ".join(call.bye_heard.get_all("reason"))
    world.finish()
    (record,) = world.records
    assert record.outcome is CallOutcome.ANSWERED and record.ended_by == "ana"


def test_a_481_to_a_request_of_ours_ends_both_legs() -> None:
    """DLG-7: the phone has forgotten the call; it is learnt by an INFO from the caller."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    ana.answers["INFO"] = 481
    ana.dialog.state = "ended"
    digits = call.session.request("INFO", "Signal=1\r\n", [("Content-Type", "application/dtmf-relay")])
    world.run(2.0)
    assert digits.status == 481
    assert call.is_over
    world.finish()
