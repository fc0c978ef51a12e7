"""Two 200s wait in the queue, or one branch sends two: one dialog is taken, the rest sent away. T05, T06."""

from __future__ import annotations

import pytest

from b2bua.calls.record import RecipientOutcome
from tests.world.world import World


@pytest.mark.parametrize("at_once", [False, True])
@pytest.mark.parametrize("phones", [2, 5])
def test_of_answers_at_the_same_instant_one_wins(at_once: bool, phones: int) -> None:
    """T05, FRK-6: all are read before anything is sent, or one after the other."""
    world = World(at_once=at_once)
    rung = [world.phone(f"phone{number}", answers_after=1.0) for number in range(phones)]
    call = world.caller().call()
    world.run(3.0)
    talking = [phone for phone in rung if phone.is_talking]
    assert call.is_answered and call.answers_heard == 1
    assert len(talking) == 1
    late = [phone for phone in rung if phone not in talking]
    assert all(phone.call.state == "ended" and phone.call.answered_elsewhere for phone in late)
    world.finish_after(call)
    (record,) = world.records
    assert record.answered_by == talking[0].name
    outcomes = [each.outcome for each in record.recipients]
    assert outcomes.count(RecipientOutcome.ANSWERED) == 1
    assert outcomes.count(RecipientOutcome.TOO_LATE) == phones - 1


def test_a_second_200_of_the_winning_branch_is_sent_away() -> None:
    """T06, FRK-5: sippy kept silent. The first dialog is not touched."""
    world = World()
    ana = world.phone("ana", answers_after=1.0, answer_tags=2)
    call = world.caller().call()
    world.run(3.0)
    first, second = (ana.call.dialogs[answer.tag] for answer in ana.call.answers)
    assert first.state == "confirmed" and call.is_answered
    assert second.state == "ended" and second.bye_heard is not None
    world.finish_after(call)
    assert first.state == "ended"


def test_two_200s_of_a_losing_branch_are_both_sent_away() -> None:
    """FRK-4 and FRK-5 together."""
    world = World(at_once=True)
    ana = world.phone("ana", answers_after=1.0)
    ben = world.phone("ben", answers_after=1.0, answer_tags=3)
    call = world.caller().call()
    world.run(3.0)
    assert ana.is_talking
    dialogs = [ben.call.dialogs[answer.tag] for answer in ben.call.answers]
    assert [dialog.state for dialog in dialogs] == ["ended"] * 3
    world.finish_after(call)


def test_the_second_200_comes_after_the_call_was_hung_up() -> None:
    """RFC 6026: the client transaction hears 2xx's for 64·T1 after the first, whatever became of the call."""
    world = World()
    ana = world.phone("ana", answers_after=1.0, answer_tags=2, answer_spread=10.0)
    call = world.caller().call()
    world.run(3.0)
    call.hang_up()
    world.run(12.0)
    assert [ana.call.dialogs[answer.tag].state for answer in ana.call.answers] == ["ended", "ended"]
    world.finish()
