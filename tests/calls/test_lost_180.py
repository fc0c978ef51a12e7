"""Provisional responses that are lost, late, or out of order. T03, T13."""

from __future__ import annotations

import pytest

from tests.world.picking import sent_by
from tests.world.world import World


def test_a_lost_180_is_made_good_by_the_next_invite() -> None:
    """T03: the loser's first 180 is lost; the retransmitted INVITE brings another, and that the CANCEL."""
    world = World()
    world.phone("ana", answers_after=0.4)
    ben = world.phone("ben", trying=False)
    world.network.drop(sent_by(ben, "SIP/2.0 180"))
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    assert ben.heard("CANCEL") == []
    world.run(1.0)
    assert ben.call.state == "stopped" and ben.call.answered_elsewhere
    world.finish_after(call)


@pytest.mark.parametrize("status", [180, 183])
@pytest.mark.parametrize("late_by", [0.95, 5.0])
def test_a_180_that_arrives_after_the_200_is_dropped(status: int, late_by: float) -> None:
    """T13, TRX-9: sofia lost the ACK over it. The caller puppet finds a provisional after the final."""
    world = World()
    ana = world.phone("ana", ring_status=status, ring_description=status == 183, answers_after=1.0)
    world.network.hold(sent_by(ana, f"SIP/2.0 {status}"), late_by)
    call = world.caller().call()
    world.run(8.0)
    assert call.is_answered and ana.is_talking
    assert call.statuses == []
    assert ana.call.answers[0].repeated == 0
    world.finish_after(call)


def test_a_180_that_arrives_after_a_refusal_is_dropped() -> None:
    world = World()
    ana = world.phone("ana", fails_after=1.0)
    world.network.hold(sent_by(ana, "SIP/2.0 180"), 2.0)
    call = world.caller().call()
    world.run(5.0)
    assert call.status == 486 and call.statuses == []
    world.finish()


def test_a_100_after_the_cancel_is_no_reason_for_another() -> None:
    """FRK-3: a 1xx after CANCEL is ignored."""
    world = World()
    world.phone("ana", answers_after=1.0)
    ben = world.phone("ben", cancel_after=2.0)
    call = world.caller().call()
    world.run(1.5)
    ben.ring(183)
    world.run(3.0)
    assert len({message.branch for message in ben.heard("CANCEL")}) == 1
    world.finish_after(call)
