"""Nobody answers within the ring time: all are stopped, and it is a missed call. T18, FRK-9."""

from __future__ import annotations

import pytest

from b2bua.calls.record import CallOutcome, RecipientOutcome
from tests.world.world import World


@pytest.mark.parametrize("ring_time", [5.0, 30.0, 120.0])
def test_all_are_stopped_and_show_a_missed_call(ring_time: float) -> None:
    """FRK-9, FRK-13: 480 with Q.850 cause 19; the same cause to the phones."""
    world = World()
    world.plan.ring_time = ring_time
    phones = [world.phone("ana"), world.phone("ben")]
    call = world.caller().call()
    world.run_until(lambda: call.status, limit=ring_time + 1)
    assert call.failed_at == pytest.approx(ring_time, abs=0.1)
    assert call.status == 480
    assert "Q.850;cause=19" in (call.final.get("reason") or "").replace(" ", "")
    world.run(1.0)
    assert all(phone.missed_call for phone in phones)
    assert all("cause=19" in " ".join(phone.call.stop_reasons) for phone in phones)
    world.finish()
    (record,) = world.records
    assert record.outcome is CallOutcome.NO_ANSWER
    assert {each.outcome for each in record.recipients} == {RecipientOutcome.NO_ANSWER}


def test_the_status_may_be_set() -> None:
    """FRK-9: many trunks re-route on 408 but not on 480."""
    world = World()
    world.plan.ring_time, world.plan.timeout_status = 5.0, 408
    world.phone("ana")
    call = world.caller().call()
    world.run(6.0)
    assert call.status == 408
    world.finish()


def test_a_held_refusal_is_better_than_the_timeout() -> None:
    """T18, FRK-9: B1 was busy, B2 rings on: the caller hears that somebody is busy."""
    world = World()
    world.plan.ring_time = 5.0
    world.phone("ana", fails_after=1.0, failure=486)
    ben = world.phone("ben")
    call = world.caller().call()
    world.run(6.0)
    assert call.status == 486
    assert ben.missed_call
    world.finish()


def test_a_phone_may_stop_before_the_others() -> None:
    """product S1, TRX-15: a ring time of its own."""
    world = World()
    ana = world.phone("ana", recipient={"stop_after": 4.0})
    ben = world.phone("ben", answers_after=8.0)
    call = world.caller().call()
    world.run(5.0)
    assert ana.call.state == "stopped" and ana.missed_call
    assert ben.is_ringing
    world.run(5.0)
    assert call.is_answered
    world.finish_after(call)


def test_a_phone_may_join_later() -> None:
    """product S1."""
    world = World()
    world.phone("ana")
    ben = world.phone("ben", recipient={"start_after": 6.0})
    call = world.caller().call()
    world.run(5.9)
    assert not ben.was_rung
    world.run(0.3)
    assert ben.is_ringing
    call.cancel()
    world.finish()


def test_a_phone_that_was_to_join_later_is_not_rung_once_somebody_has_answered() -> None:
    world = World()
    ana = world.phone("ana", answers_after=2.0)
    ben = world.phone("ben", recipient={"start_after": 6.0})
    call = world.connect(ana)
    world.run(10.0)
    assert not ben.was_rung
    world.finish_after(call)


def test_all_have_refused_and_a_later_one_is_still_to_come() -> None:
    """Nobody is left ringing, but the step has not ended: the late joiner is rung at its time."""
    world = World()
    world.phone("ana", fails_after=1.0)
    ben = world.phone("ben", answers_after=1.0, recipient={"start_after": 6.0})
    call = world.caller().call()
    world.run(9.0)
    assert ben.is_talking and call.is_answered
    world.finish_after(call)


def test_the_caller_is_reminded_every_minute_that_it_rings() -> None:
    """FRK-15, RFC 3261 §13.3.1.1: a provisional response every minute, so that proxies do not give up."""
    world = World()
    world.plan.ring_time = 200.0
    world.phone("ana")
    call = world.caller().call()
    world.run(190.0)
    assert len(call.provisionals) == 4
    assert set(call.statuses) == {180}
    world.run(15.0)
    assert call.status == 480
    world.finish()
