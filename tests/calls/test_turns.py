"""Round robin: one recipient rings at a time, each for his own ring time. M5, product 5d."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.flow import Decline, Mode
from b2bua.calls.record import CallOutcome, RecipientOutcome
from tests.calls.dialling import ASK, WHISPER, ask, ring
from tests.world.phone import Phone
from tests.world.world import World


def turns(world: World, phones: list[Phone], **dial: Any) -> None:
    in_turns: dict[str, Any] = {"mode": Mode.TURNS, "ring_time": 5.0}
    ring(world, phones, **(in_turns | dial))


def test_one_rings_at_a_time_each_for_the_ring_time() -> None:
    world = World()
    ana, ben, carl = phones = [world.phone(name) for name in ("ana", "ben", "carl")]
    turns(world, phones)
    call = world.caller().call()
    for second, ringing in ((1, ana), (6, ben), (11, carl)):
        world.run(second - world.clock.elapsed)
        assert [phone.is_ringing for phone in phones] == [phone is ringing for phone in phones]
    world.run(5.0)
    assert call.status == 480 and all(phone.missed_call for phone in phones)
    world.finish()
    (record,) = world.records
    assert record.outcome is CallOutcome.NO_ANSWER
    assert {each.outcome for each in record.recipients} == {RecipientOutcome.NO_ANSWER}


@pytest.mark.parametrize("failure", [486, 603, 480, 503, 404])
def test_who_cannot_take_it_is_passed_over_at_once(failure: int) -> None:
    world = World()
    ana, ben = world.phone("ana", fails_after=0.5, failure=failure), world.phone("ben", answers_after=1.0)
    turns(world, [ana, ben])
    call = world.caller().call()
    world.run_until(lambda: call.is_answered, limit=1.6)
    world.finish_after(call)


def test_who_cannot_be_reached_is_passed_over() -> None:
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben", answers_after=1.0)
    world.network.unbind("UDP", ana.address)
    turns(world, [ana, ben])
    call = world.caller().call()
    world.run_until(lambda: call.is_answered, limit=1.2)
    world.finish_after(call)


def test_the_first_that_answers_has_it_and_nobody_rings_after() -> None:
    world = World()
    ana, ben = world.phone("ana", answers_after=2.0), world.phone("ben")
    turns(world, [ana, ben])
    call = world.caller().call()
    world.run(10.0)
    assert call.is_answered and not ben.was_rung
    world.finish_after(call)
    assert world.records[0].recipients[1].sentence == "Not called: ana answered"


def test_the_next_call_begins_with_the_next() -> None:
    """Two at once start at different recipients."""
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben")
    turns(world, [ana, ben])
    caller = world.caller()
    first, second = caller.call(), caller.call()
    world.run(1.0)
    assert ana.is_ringing and ben.is_ringing
    assert (len(ana.calls), len(ben.calls)) == (1, 1)
    first.cancel()
    second.cancel()
    world.finish()


def test_all_refuse() -> None:
    world = World()
    phones = [
        world.phone("ana", fails_after=0.5, failure=486),
        world.phone("ben", fails_after=0.5, failure=603),
    ]
    turns(world, phones)
    call = world.caller().call()
    world.run(2.0)
    assert call.status == 486
    world.finish()
    assert world.records[0].outcome is CallOutcome.BUSY


def test_a_decline_for_everyone_ends_the_turns() -> None:
    world = World()
    ana, ben = world.phone("ana", fails_after=0.5, failure=603), world.phone("ben")
    turns(world, [ana, ben], decline=Decline.EVERYONE)
    call = world.caller().call()
    world.run(1.0)
    assert call.status == 480 and not ben.was_rung
    world.finish()


def test_his_own_delay_counts_from_his_turn() -> None:
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben")
    ring(world, [ana, ben], {"ben": {"start_after": 1.0, "stop_after": 3.0}}, mode=Mode.TURNS, ring_time=5.0)
    call = world.caller().call()
    world.run(5.9)
    assert not ben.was_rung
    world.run(0.5)
    assert ben.is_ringing
    world.run_until(lambda: call.status, limit=2.0)
    assert world.clock.elapsed == pytest.approx(8.0, abs=0.1)
    world.finish()


def test_the_end_of_his_ring_time_leaves_who_is_asked_his_time() -> None:
    world = World()
    ana, ben = world.phone("ana", answers_after=3.0), world.phone("ben", answers_after=1.0)
    ask(world, [ana, ben], mode=Mode.TURNS, ring_time=5.0, confirm_time=6.0)
    call = world.caller().call()
    world.run(8.5)
    assert ana.is_talking and not ben.was_rung
    world.run(2.0)
    assert ana.call.state == "ended"
    ben.press("1")
    world.run(0.2)
    assert call.is_answered
    world.finish_after(call)
    first, second = world.records[0].recipients
    assert (first.outcome, second.outcome) == (RecipientOutcome.NOT_CONFIRMED, RecipientOutcome.ANSWERED)


def test_who_hangs_up_in_the_whisper_is_followed_by_the_next() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0, hangs_up_after=1.0)
    ben = world.phone("ben", answers_after=1.0)
    turns(world, [ana, ben], whisper=WHISPER)
    call = world.caller().call()
    world.run_until(lambda: call.is_answered, limit=5.2)
    assert ben.is_talking
    world.finish_after(call)
    assert world.records[0].recipients[0].outcome is RecipientOutcome.NOT_ACCEPTED


def test_an_answer_that_crosses_the_end_of_a_turn_is_sent_away() -> None:
    world = World()
    ana, ben = world.phone("ana", answers_after=4.9995), world.phone("ben", answers_after=1.0)
    world.network.link.delay = 0.02
    turns(world, [ana, ben])
    call = world.caller().call()
    world.run(8.0)
    assert call.is_answered
    assert ana.call.state == "ended" and ben.is_talking
    world.finish_after(call)


def test_the_caller_gives_up_in_the_second_turn() -> None:
    world = World()
    ana, ben, carl = phones = [world.phone(name) for name in ("ana", "ben", "carl")]
    turns(world, phones, confirm_prompt=ASK)
    call = world.caller().call()
    world.run(7.0)
    call.cancel()
    world.run(1.0)
    assert ana.missed_call and ben.missed_call and not carl.was_rung
    world.finish()
    assert world.records[0].outcome is CallOutcome.ABANDONED


def test_one_recipient_only() -> None:
    """Mode ONE is the first who is on."""
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben")
    ring(world, [ana, ben], {"ana": {"is_on": False}}, mode=Mode.ONE)
    call = world.caller().call()
    world.run(1.0)
    assert ben.is_ringing and not ana.was_rung
    call.cancel()
    world.finish()
