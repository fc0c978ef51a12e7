"""A loser that has said nothing yet may not be cancelled; its INVITE goes on until it speaks. T02."""

from __future__ import annotations

import pytest

from b2bua.calls.record import RecipientOutcome
from tests.world.world import World


def test_the_invite_goes_on_and_the_first_180_brings_the_cancel_with_its_reason() -> None:
    """T02, FRK-2: Kamailio stopped retransmitting, sippy lost the Reason."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ben = world.silent_phone("ben")
    call = world.caller().call()
    world.run(2.2)
    assert call.is_answered and ana.is_talking
    assert ben.heard("CANCEL") == []
    assert ben.invites_on_wire == 3  # at 0, 0.5 and 1.5 s
    ben.ring()
    world.run(0.1)
    assert ben.call.state == "stopped"
    assert ben.call.answered_elsewhere
    world.finish_after(call)
    assert world.records[0].recipients[1].outcome is RecipientOutcome.STOPPED


def test_a_100_is_enough_for_the_cancel() -> None:
    world = World()
    world.phone("ana", answers_after=1.0)
    ben = world.silent_phone("ben")
    call = world.caller().call()
    world.run(2.0)
    ben.call.invite.respond(100)
    world.run(0.1)
    assert ben.call.state == "stopped"
    world.finish_after(call)


@pytest.mark.parametrize("status", [200, 486, 404, 503, 603, 302])
def test_a_final_response_comes_first(status: int) -> None:
    """FRK-2: a 2xx gets ACK and BYE, anything else its ACK; no CANCEL any more."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ben = world.silent_phone("ben")
    call = world.caller().call()
    world.run(2.0)
    if status == 200:
        ben.answer()
    else:
        ben.fail(status)
    world.run(1.0)
    assert ben.heard("CANCEL") == []
    assert ben.call.state == ("ended" if status == 200 else "failed")
    assert len(ben.heard("ACK")) == 1
    assert ana.is_talking
    world.finish_after(call)


def test_a_loser_that_never_speaks_gets_seven_invites_and_no_cancel() -> None:
    """FRK-2, TRX-3: nothing by 64·T1, and it is dropped."""
    world = World()
    world.phone("ana", answers_after=1.0)
    ben = world.silent_phone("ben")
    call = world.caller().call()
    world.run(60.0)
    assert ben.invites_on_wire == 7
    assert ben.heard("CANCEL") == []
    world.finish_after(call)


def test_the_caller_gives_up_and_the_silent_phone_rings_later() -> None:
    """FRK-2, FRK-17: the CANCEL comes with the 180, and the call is a missed one."""
    world = World()
    ben = world.silent_phone("ben")
    call = world.caller().call()
    world.run(0.7)
    call.cancel()
    world.run(1.5)
    assert call.status == 487
    ben.ring()
    world.run(0.1)
    assert ben.call.state == "stopped" and ben.missed_call
    world.finish()


def test_the_relays_ports_of_a_silent_loser_do_not_wait_for_it() -> None:
    """FRK-18: what is kept for it is a transaction, not media."""
    world = World()
    world.phone("ana", answers_after=1.0)
    world.silent_phone("ben")
    call = world.caller().call()
    world.run(3.0)
    call.hang_up()
    world.run(1.0)
    assert len(world.records) <= 1
    world.finish()
    assert len(world.records) == 1
