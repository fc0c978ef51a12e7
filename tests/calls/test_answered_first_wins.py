"""Every recipient rings at once; the first that answers gets the caller, the others are stopped. T01."""

from __future__ import annotations

import pytest

from b2bua.calls.record import CallOutcome, RecipientOutcome
from tests.world.description import read
from tests.world.picking import sent_to
from tests.world.world import World


def test_all_ring_one_answers_and_the_others_stop() -> None:
    """T01, FRK-1, FRK-7, FRK-13."""
    world = World()
    ana, ben, cora = (world.phone(name) for name in ("ana", "ben", "cora"))
    call = world.caller().call()
    world.run_until(lambda: ana.is_ringing and ben.is_ringing and cora.is_ringing)
    world.run(2.0)
    ben.answer()
    world.run(0.1)
    assert call.is_answered and ben.is_talking
    assert ana.call.state == cora.call.state == "stopped"
    assert ana.call.answered_elsewhere and cora.call.answered_elsewhere
    assert not (ana.missed_call or ben.missed_call or cora.missed_call)
    world.finish_after(call)
    assert ben.call.state == "ended"


def test_the_losers_are_told_why_in_both_vocabularies() -> None:
    """FRK-13; a phone that only knows Q.850 is told as well."""
    world = World()
    world.phone("ana", answers_after=1.0)
    ben = world.phone("ben")
    call = world.caller().call()
    world.run(2.0)
    assert any(
        value.startswith('SIP;cause=200;text="Call completed elsewhere"') for value in ben.call.stop_reasons
    )
    assert any(value.replace(" ", "").startswith("Q.850;cause=26") for value in ben.call.stop_reasons)
    world.finish_after(call)


def test_a_losers_487_is_acknowledged_at_once() -> None:
    """T12: siphon left it to be retransmitted for 32 s."""
    world = World()
    world.phone("ana", answers_after=1.0)
    ben = world.phone("ben")
    call = world.caller().call()
    world.run(5.0)
    assert ben.call.invite.final == 487
    assert ben.call.invite.repeated == 0
    world.finish_after(call)


def test_ten_invites_leave_within_five_milliseconds_each_standing_alone() -> None:
    """M1, DLG-2: the phones check that no Call-ID, From tag or branch is shared."""
    world = World()
    phones = [world.phone(f"phone{number}") for number in range(10)]
    call = world.caller().call()
    world.run_until(lambda: all(phone.was_rung for phone in phones), limit=1.0)
    invites = world.sent("INVITE ")
    assert len(invites) == 10
    assert invites[-1].sent_at - invites[0].sent_at < 0.005
    assert len({packet.message.call_id for packet in invites}) == 10
    assert len({packet.message.from_tag for packet in invites}) == 10
    call.cancel()
    world.finish()


def test_the_caller_is_told_at_once_that_we_try() -> None:
    """TRX-10: 100 without waiting for anybody."""
    world = World()
    world.relay.delay = 0.3
    world.silent_phone("ana")
    call = world.caller().call()
    world.run(0.05)
    assert call.trying_at == pytest.approx(0.002, abs=0.001)
    assert call.provisionals == []
    call.cancel()
    world.finish()


def test_the_callers_200_and_the_losers_cancel_leave_without_waiting() -> None:
    """FRK-7, product section 6: within 5 ms of the winner's 200, and before any answer to a CANCEL."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ben = world.phone("ben")
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    world.run(0.1)
    claimed = ana.call.invite.sent[-1].arrivals[0]
    assert world.sent("CANCEL ", ben)[0].sent_at - claimed < 0.005
    assert world.sent("SIP/2.0 200", world.agents[-1])[0].sent_at - claimed < 0.005
    world.finish_after(call)


def test_the_winner_is_acknowledged_before_the_caller_acknowledges_us() -> None:
    """TRX-7."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    caller.acks_after = 3.0
    call = caller.call()
    world.run_until(lambda: ana.is_talking, limit=1.5)
    world.run(4.0)
    world.finish_after(call)


def test_every_leg_is_described_by_the_relays_own_ports() -> None:
    """FRK-18: the caller and each branch have ports of their own; losers give theirs back at once."""
    world = World()
    phones = [world.phone(name) for name in ("ana", "ben", "cora")]
    call = world.caller().call()
    world.run(1.0)
    offered = [read(phone.invites[0].sdp).media[0].port for phone in phones]
    assert len(set(offered)) == 3 and all(port % 2 == 0 for port in offered)
    phones[0].answer()
    world.run(2.0)
    answered = call.remote_description.media[0].port
    assert answered not in offered
    assert len(world.relay.endpoints) == 2
    world.finish_after(call)


def test_the_record_says_who_answered() -> None:
    world = World()
    world.phone("ana", answers_after=2.0)
    world.phone("ben")
    call = world.caller().call()
    world.run(5.0)
    world.finish_after(call)
    (record,) = world.records
    assert record.outcome is CallOutcome.ANSWERED
    assert record.answered_by == "ana"
    assert record.status == 200
    assert record.ended_by == "caller"
    assert record.dialled == world.plan.number
    outcomes = {each.name: each.outcome for each in record.recipients}
    assert outcomes == {"ana": RecipientOutcome.ANSWERED, "ben": RecipientOutcome.STOPPED}
    assert record.started_at < record.ringing_at < record.answered_at < record.ended_at  # type: ignore[operator]


def test_an_answer_without_ringing_is_as_good() -> None:
    world = World()
    ana = world.phone("ana", trying=False, rings_after=None, answers_after=0.3)
    ben = world.phone("ben")
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    world.run(1.0)
    assert ana.is_talking and ben.call.answered_elsewhere
    world.finish_after(call)


@pytest.mark.parametrize("answers", [1, 2, 3])
def test_nobody_but_the_caller_learns_of_a_lost_ack_from_the_caller(answers: int) -> None:
    """TRX-5: our 200 is repeated until the ACK comes, and the call stands."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    ours = world.service_address(caller.address.host)[0]
    world.network.drop(
        lambda p: p.begins("ACK") and p.destination.host == ours and p.sender == caller.address, answers
    )
    call = caller.call()
    world.run(20.0)
    assert call.is_answered and ana.is_talking
    assert call.answers_heard == answers + 1
    world.finish_after(call)


def test_a_lost_200_to_the_caller_is_repeated() -> None:
    world = World()
    world.phone("ana", answers_after=1.0)
    caller = world.caller()
    world.network.drop(sent_to(caller, "SIP/2.0 200"), times=2)
    call = caller.call()
    world.run_until(lambda: call.is_answered, limit=4.0)
    world.finish_after(call)
