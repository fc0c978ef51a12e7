"""What a loser does with its CANCEL: none of it reaches the caller, none of it stays. T11, T14, T29."""

from __future__ import annotations

import pytest

from b2bua.calls.record import RecipientOutcome
from tests.world.world import World


@pytest.mark.parametrize("on_cancel", ["stop", "silent", "no 487", "487 first"])
def test_the_winner_talks_whatever_the_loser_makes_of_the_cancel(on_cancel: str) -> None:
    """T11, T14, FRK-3: also when neither 200 nor 487 ever comes, and then no new INVITE goes anywhere."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ben = world.phone("ben", on_cancel=on_cancel)
    call = world.caller().call()
    world.run(90.0)
    assert call.is_answered and ana.is_talking
    assert len(ben.invites) == 1
    assert ben.call.cancel is not None
    world.finish_after(call)
    (record,) = world.records
    assert record.answered_by == "ana"
    assert record.recipients[1].outcome is RecipientOutcome.STOPPED


def test_the_200_of_a_cancel_is_not_taken_for_an_answer() -> None:
    """T14, TRX-1: it has the branch of the INVITE, and siphon took it for the carrier's answer."""
    world = World()
    ben = world.phone("ben", on_cancel="no 487")
    call = world.caller().call()
    world.run_until(lambda: call.is_ringing)
    call.cancel()
    world.run(2.0)
    assert call.status == 487
    assert ben.call.cancel is not None
    world.finish()
    assert world.sent("ACK ", ben) == []


def test_a_487_that_comes_late_frees_its_own_ports_and_no_others() -> None:
    """T29, FRK-18: rtpengine's users lost the winner's audio when the loser's 487 came."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.phone("ben", cancel_after=5.0)
    caller = world.caller()
    call = caller.call()
    world.run(3.0)
    assert ana.dialog.remote_description is not None
    for second in range(60):
        ana.media.say(b"ana %d" % second, ana.dialog.remote_description)
        caller.media.say(b"trunk %d" % second, call.remote_description)
        world.run(1.0)
    assert len(caller.media.heard) == len(ana.media.heard) == 60
    world.finish_after(call)


def test_a_lost_cancel_is_sent_again() -> None:
    world = World()
    world.phone("ana", answers_after=1.0)
    ben = world.phone("ben")
    world.network.drop(lambda packet: packet.begins("CANCEL "), times=2)
    call = world.caller().call()
    world.run(4.0)
    assert ben.call.state == "stopped"
    world.finish_after(call)


def test_a_lost_ack_to_a_487_is_sent_again() -> None:
    """TRX-3: the transaction's own ACK, for each 487 that comes."""
    world = World()
    world.phone("ana", answers_after=1.0)
    ben = world.phone("ben")
    world.network.drop(lambda p: p.begins("ACK ") and p.destination.host == ben.address.host, times=2)
    call = world.caller().call()
    world.run(10.0)
    assert ben.call.invite.repeated == 2
    world.finish_after(call)


def test_a_loser_may_be_told_nothing_if_configured_so() -> None:
    """product S2: then it shows a missed call."""
    world = World()
    world.plan.answered_elsewhere = False
    world.phone("ana", answers_after=1.0)
    ben = world.phone("ben")
    call = world.caller().call()
    world.run(3.0)
    assert ben.missed_call
    world.finish_after(call)
