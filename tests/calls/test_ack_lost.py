"""The winner repeats its 200 because our ACK was lost: the same ACK each time, as long as it asks. T07."""

from __future__ import annotations

import pytest

from tests.world.picking import sent_by, sent_to
from tests.world.world import World


@pytest.mark.parametrize("lost", [1, 2, 5])
def test_each_repeated_200_gets_the_same_ack(lost: int) -> None:
    """T07, TRX-6: drachtio, livekit, sipgo and siphon each missed it once. The phone compares octets."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.network.drop(sent_to(ana, "ACK "), times=lost)
    call = world.caller().call()
    world.run(20.0)
    assert ana.is_talking
    assert ana.call.answers[0].repeated == lost
    assert call.answers_heard == 1
    world.finish_after(call)


def test_a_200_that_was_changed_by_an_octet_is_acknowledged_too() -> None:
    """T07: sippy's cache of digests let it fall."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.network.drop(sent_to(ana, "ACK "))
    world.network.alter(
        sent_by(ana, "SIP/2.0 200", "INVITE"), lambda octets: octets.replace(b"200 OK", b"200 Ok"), times=1
    )
    call = world.caller().call()
    world.run(5.0)
    assert ana.is_talking
    world.finish_after(call)


def test_a_200_that_comes_while_a_reinvite_is_open_is_acknowledged() -> None:
    """TRX-6."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ana.reinvite_after = 3.0
    call = world.connect(ana)
    assert call.offer is not None
    call.session.reinvite(call.offer.changed(direction="sendonly"))
    world.run(1.0)
    before = len(ana.call.answers[0].acknowledged)
    assert ana.call.invite.last is not None
    ana.transmit(ana.call.invite.last, ana.call.invite.path)
    world.run(1.0)
    assert len(ana.call.answers[0].acknowledged) == before + 1
    world.run(3.0)
    world.finish_after(call)


def test_a_200_that_comes_after_the_end_is_acknowledged() -> None:
    """TRX-6: also after the dialog has ended; RFC 5407 §3.1.3."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    call.hang_up()
    world.run(5.0)
    before = len(ana.call.answers[0].acknowledged)
    assert ana.call.invite.last is not None
    ana.transmit(ana.call.invite.last, ana.call.invite.path)
    world.run(1.0)
    assert len(ana.call.answers[0].acknowledged) == before + 1
    world.finish()


def test_no_ack_ever_arrives_and_the_phone_ends_the_call() -> None:
    """RFC 3261 §13.3.1.4: the phone sends BYE at 64·T1; the caller is not left hanging."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.network.drop(sent_to(ana, "ACK "), times=float("inf"))
    world.tolerate("was never acknowledged")
    call = world.caller().call()
    world.run(40.0)
    assert call.bye_heard is not None
    world.tolerate("no ACK")
    world.finish()
