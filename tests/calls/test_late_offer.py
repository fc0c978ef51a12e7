"""The caller's INVITE has no description: SDP-9."""

from __future__ import annotations

import pytest

from tests.world.world import World


@pytest.mark.parametrize("phones", [1, 3])
def test_the_winners_media_and_the_callers_meet(phones: int) -> None:
    """SDP-9: our 200 carries the offer, the caller's ACK the answer."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    others = [world.phone(f"other{number}") for number in range(phones - 1)]
    for phone in (ana, *others):
        phone.expects_offer = phones > 1
    caller = world.caller()
    call = world.connect(ana, caller, late_offer=True)
    assert call.remote_description.media[0].kind == "audio"
    caller.media.say(b"hello", call.remote_description)
    assert ana.dialog.remote_description is not None
    ana.media.say(b"yes", ana.dialog.remote_description)
    world.run(0.1)
    assert b"hello" in ana.media.payloads and b"yes" in caller.media.payloads
    assert all(other.call.answered_elsewhere for other in others)
    world.finish_after(call)


def test_a_loser_that_answers_late_gets_a_good_ack_too() -> None:
    """SDP-9, FRK-4: whoever made the offer, its ACK says what it must."""
    world = World(at_once=True)
    phones = [world.phone("ana", answers_after=1.0), world.phone("ben", answers_after=1.0)]
    call = world.caller().call(late_offer=True)
    world.run(3.0)
    assert sum(phone.is_talking for phone in phones) == 1
    world.finish_after(call)


def test_the_caller_refuses_our_offer_in_its_ack() -> None:
    """All media refused: the call stands or ends, but nothing is left over."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ana.expects_offer = False
    caller = world.caller()
    caller.accepts = ()
    call = caller.call(late_offer=True)
    world.run(5.0)
    if call.is_answered:
        call.hang_up()
    world.finish()


def test_the_late_caller_never_acknowledges() -> None:
    """TRX-5, SDP-9: both legs are ended."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ana.expects_offer = False
    caller = world.caller()
    caller.acks = False
    call = caller.call(late_offer=True)
    world.run(40.0)
    assert call.is_over
    assert ana.call.state == "ended"
    world.finish()


def test_the_late_caller_gives_up() -> None:
    world = World()
    ana = world.phone("ana")
    ana.expects_offer = False
    call = world.caller().call(late_offer=True)
    world.run(2.0)
    call.cancel()
    world.run(0.1)
    assert call.status == 487 and ana.missed_call
    world.finish()
