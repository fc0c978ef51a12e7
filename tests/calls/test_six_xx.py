"""A 6xx of one recipient is final for that one only, unless configured otherwise. T16."""

from __future__ import annotations

import pytest

from b2bua.calls.recipient import SixXX
from b2bua.calls.record import RecipientOutcome
from tests.world.world import World


@pytest.mark.parametrize("status", [600, 603, 604, 606, 607])
def test_the_others_ring_on_and_one_answers(status: int) -> None:
    """T16, FRK-8b."""
    world = World()
    world.phone("ana", fails_after=1.0, failure=status)
    ben = world.phone("ben", answers_after=3.0)
    call = world.caller().call()
    world.run(5.0)
    assert call.is_answered and ben.is_talking
    world.finish_after(call)


def test_it_ends_the_step_if_it_is_to_speak_for_everyone() -> None:
    """T16: RFC 3261 §16.7 (5) as for the devices of one person."""
    world = World()
    world.plan.six_xx = SixXX.EVERYONE
    world.phone("ana", fails_after=1.0, failure=603)
    ben = world.phone("ben")
    call = world.caller().call()
    world.run(2.0)
    assert call.status in (603, 480)
    assert ben.call.state == "stopped"
    assert not ben.call.answered_elsewhere
    world.finish()
    outcomes = [each.outcome for each in world.records[0].recipients]
    assert outcomes == [RecipientOutcome.DECLINED, RecipientOutcome.STEP_ENDED]


def test_a_603_that_crosses_an_answer_does_not_undo_it() -> None:
    world = World(at_once=True)
    world.plan.six_xx = SixXX.EVERYONE
    ana = world.phone("ana", answers_after=1.0)
    world.phone("ben", fails_after=1.0, failure=603)
    call = world.connect(ana)
    assert call.status == 200
    world.finish_after(call)
