"""The caller hangs up while it rings: 200 and 487 at once, every phone stops and shows a missed call. T10."""

from __future__ import annotations

import itertools

import pytest

from b2bua.calls.record import CallOutcome, RecipientOutcome
from tests.world.world import World


def test_every_phone_stops_and_shows_a_missed_call() -> None:
    """FRK-17, FRK-13: not 'completed elsewhere', which made FreeSWITCH's missed calls vanish."""
    world = World()
    phones = [world.phone(name) for name in ("ana", "ben", "cora")]
    call = world.caller().call()
    world.run(3.0)
    cancel = call.cancel()
    world.run(0.1)
    assert cancel.status == 200 and call.status == 487
    assert all(phone.call.state == "stopped" and phone.missed_call for phone in phones)
    world.finish()
    (record,) = world.records
    assert record.outcome is CallOutcome.ABANDONED
    assert record.answered_by is None and record.answered_at is None
    assert record.ended_by == "caller"
    assert {each.outcome for each in record.recipients} == {RecipientOutcome.CALLER_HUNG_UP}


def test_the_callers_487_waits_for_no_phone() -> None:
    """FRK-17: to A at once."""
    world = World()
    world.phone("ana", on_cancel="silent")
    call = world.caller().call()
    world.run(2.0)
    call.cancel()
    world.run(0.01)
    assert call.status == 487
    world.finish()


def test_the_callers_own_reason_is_passed_on() -> None:
    """FRK-13: the caller's Reason is copied to the branches."""
    world = World()
    ana = world.phone("ana")
    call = world.caller().call()
    world.run(1.0)
    call.cancel([("Reason", 'SIP;cause=200;text="Call completed elsewhere"')])
    world.run(0.1)
    assert ana.call.answered_elsewhere and not ana.missed_call
    world.finish()


def test_every_answer_of_ours_to_the_cancelled_invite_has_one_tag() -> None:
    """TRX-11: 180, 200 to the CANCEL and 487. The caller puppet compares them; sippy gave three."""
    world = World()
    world.phone("ana")
    call = world.caller().call()
    world.run_until(lambda: call.is_ringing)
    cancel = call.cancel()
    world.run(0.1)
    assert call.tags == {cancel.final.to_tag} if cancel.final else False
    world.finish()


def test_a_cancel_sent_twice_is_answered_twice_and_done_once() -> None:
    """T10."""
    world = World()
    ana = world.phone("ana")
    caller = world.caller()
    call = caller.call()
    world.run(1.0)
    first = call.cancel()
    caller.transmit(first.sent.octets, first.path)
    world.run(1.0)
    assert len(world.sent("SIP/2.0 200", caller)) == 2
    assert len({message.branch for message in ana.heard("CANCEL")}) == 1
    world.finish()


def test_a_cancel_after_the_200_changes_nothing() -> None:
    """T10, TRX-11: 200, and the call stays up."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    cancel = call.cancel()
    world.run(5.0)
    assert cancel.status == 200
    assert call.is_answered and ana.is_talking
    world.finish_after(call)


def test_a_cancel_that_crosses_our_200_leaves_the_call_to_the_callers_bye() -> None:
    """RFC 3261 §9.1: the caller acknowledges and sends BYE."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.caller().call()
    world.run_until(lambda: ana.was_rung and ana.call.state == "answered")
    call.cancel()
    world.run(2.0)
    assert call.is_over
    world.finish()
    assert ana.call.state == "ended"


@pytest.mark.parametrize("milliseconds", [990, 1000, 1001, 1002, 1003, 1004, 1005, 1010])
def test_the_cancel_meets_the_answer_at_any_moment(milliseconds: int) -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.phone("ben")
    call = world.caller().call()
    world.run(milliseconds / 1000)
    call.cancel()
    world.run(3.0)
    if call.is_answered:
        call.hang_up()  # the CANCEL came too late
        world.run(1.0)
    assert call.is_over
    assert ana.call.state in ("stopped", "ended")
    world.finish()
    assert len(world.records) == 1


def test_a_caller_may_end_the_early_dialog_by_bye() -> None:
    """DLG-8: 200 to the BYE and 487 to the INVITE."""
    world = World()
    ana = world.phone("ana")
    call = world.caller().call()
    world.run_until(lambda: call.is_ringing)
    bye = call.session.hang_up()
    world.run(1.0)
    assert bye.status == 200 and call.status == 487
    assert ana.missed_call
    world.finish()


def test_a_487_to_the_caller_is_repeated_until_its_ack() -> None:
    world = World()
    world.phone("ana")
    caller = world.caller()
    caller.acks_failures = False
    call = caller.call()
    world.run(1.0)
    call.cancel()
    world.run(50.0)
    times = [packet.sent_at for packet in world.sent("SIP/2.0 487", caller)]
    gaps = [round(later - earlier, 1) for earlier, later in itertools.pairwise(times)]
    assert gaps[:5] == [0.5, 1.0, 2.0, 4.0, 4.0]
    assert times[-1] - times[0] <= 32.0
    world.finish()
