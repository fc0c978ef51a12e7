"""A loser answers while its CANCEL is on the way: ACK, then BYE, and nobody else notices. T04."""

from __future__ import annotations

import pytest

from b2bua.calls.record import RecipientOutcome
from tests.world.network import Link
from tests.world.world import World


def test_the_late_200_gets_ack_then_bye_with_the_reason() -> None:
    """T04, FRK-4: sippy sent BYE first, SEMS nothing. The phone checks the order and the tags."""
    world = World()
    world.network.link = Link(delay=0.02)
    ana = world.phone("ana", answers_after=1.0)
    ben = world.phone("ben", answers_after=1.01)
    call = world.caller().call()
    world.run(3.0)
    assert call.is_answered and ana.is_talking
    assert ben.heard("CANCEL")
    assert [state for _, state in ben.sounds] == ["ringing", "answered", "confirmed", "ended"]
    assert ben.call.answered_elsewhere
    assert len(ben.heard("BYE")) == 1
    world.finish_after(call)
    (record,) = world.records
    late = record.recipients[1]
    assert record.answered_by == "ana"
    assert late.outcome is RecipientOutcome.TOO_LATE
    assert late.late_by is not None and 9_000 <= late.late_by <= 11_000


def test_the_ack_and_the_bye_leave_together() -> None:
    """FRK-4: one ordered unit from one socket."""
    world = World()
    world.phone("ana", answers_after=1.0)
    ben = world.phone("ben", on_cancel="answer")
    call = world.caller().call()
    world.run(3.0)
    (ack,), (bye,) = world.sent("ACK ", ben), world.sent("BYE ", ben)
    assert ack.number + 1 == bye.number
    assert ack.sent_at == bye.sent_at and ack.sender == bye.sender
    world.finish_after(call)


@pytest.mark.parametrize("milliseconds", range(-45, 46, 5))
def test_whatever_the_moment_of_the_second_answer_one_wins(milliseconds: int) -> None:
    """T04, T05: from long before to long after the first answer, across the whole way of the CANCEL."""
    world = World()
    world.network.link = Link(delay=0.02)
    phones = [
        world.phone("ana", answers_after=1.0),
        world.phone("ben", answers_after=1.0 + milliseconds / 1000),
    ]
    call = world.caller().call()
    world.run(3.0)
    assert call.is_answered
    assert sum(phone.is_talking for phone in phones) == 1
    world.finish_after(call)
    assert len(world.records) == 1


def test_a_phone_that_answers_after_the_caller_gave_up_is_sent_away_as_missed() -> None:
    """FRK-4, FRK-17: no 'completed elsewhere', for nobody answered."""
    world = World()
    ana = world.phone("ana", on_cancel="answer")
    call = world.caller().call()
    world.run_until(lambda: call.is_ringing)
    call.cancel()
    world.run(2.0)
    assert call.status == 487
    assert ana.call.state == "ended"
    assert not ana.call.answered_elsewhere
    world.finish()
    assert world.records[0].answered_by is None


def test_a_phone_that_answers_after_the_ring_time_is_sent_away() -> None:
    """FRK-4, FRK-9."""
    world = World()
    world.plan.ring_time = 5.0
    ana = world.phone("ana", on_cancel="answer")
    call = world.caller().call()
    world.run(8.0)
    assert call.status == 480
    assert ana.call.state == "ended"
    assert not ana.call.answered_elsewhere
    world.finish()


def test_the_losers_200_repeated_gets_the_same_ack_and_no_second_bye() -> None:
    """TRX-6, product 5d: re-ACK until quiet; never BYE twice."""
    world = World()
    world.phone("ana", answers_after=1.0)
    ben = world.phone("ben", on_cancel="answer")
    world.network.drop(lambda p: p.begins("ACK ") and p.destination.host == ben.address.host, times=3)
    call = world.caller().call()
    world.run(12.0)
    assert ben.call.answers[0].repeated == 3
    assert len({message.branch for message in ben.heard("BYE")}) == 1
    world.finish_after(call)
