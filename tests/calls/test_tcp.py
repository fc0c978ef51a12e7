"""The same calls over connections, and over one kind on each side. T42, NET-5, NET-6, TRX-18."""

from __future__ import annotations

import pytest

from tests.world.world import World


@pytest.mark.parametrize("trunk", ["UDP", "TCP"])
@pytest.mark.parametrize("phones", ["UDP", "TCP"])
def test_a_call_over_any_pair_of_transports(trunk: str, phones: str) -> None:
    world = World()
    ana = world.phone("ana", transport=phones, answers_after=1.0)
    ben = world.phone("ben", transport=phones)
    caller = world.caller(transport=trunk)
    call = world.connect(ana, caller)
    assert ben.call.answered_elsewhere
    assert call.offer is not None
    held = call.session.reinvite(call.offer.changed(direction="sendonly"))
    world.run(1.0)
    assert held.status == 200
    ana.hang_up()
    world.run(1.0)
    assert call.is_over
    world.finish()


def test_nothing_is_sent_twice_over_a_connection() -> None:
    """RFC 3261 §17.1.1.2: no Timer A over a reliable transport."""
    world = World()
    ana = world.phone("ana", transport="TCP", script=None, trying=False, rings_after=3.0, answers_after=4.0)
    call = world.connect(ana, world.caller(transport="TCP"))
    assert ana.invites_on_wire == 1
    world.finish_after(call)


def test_via_and_contact_name_the_transport() -> None:
    """NET-8."""
    world = World()
    ana = world.phone("ana", transport="TCP", answers_after=1.0)
    call = world.connect(ana, world.caller(transport="TCP"))
    invite = ana.invites[0]
    assert invite.via.startswith("SIP/2.0/TCP ")
    assert "transport=tcp" in invite.contact_uri.lower()
    assert "transport=tcp" in call.final.contact_uri.lower()
    world.finish_after(call)


def test_the_cancel_goes_over_the_connection_of_its_invite() -> None:
    """FRK-2."""
    world = World()
    ana = world.phone("ana", transport="TCP")
    call = world.caller().call()
    world.run(1.0)
    call.cancel()
    world.run(1.0)
    assert len({packet.connection for packet in world.sent("", ana)}) == 1
    assert ana.missed_call
    world.finish()


def test_a_connection_refused_is_known_at_once() -> None:
    """T20."""
    world = World()
    ana = world.phone("ana", transport="TCP")
    world.network.unbind("TCP", ana.address)
    ben = world.phone("ben", answers_after=1.0)
    call = world.connect(ben)
    world.finish_after(call)
    gone = world.records[0].recipients[0]
    assert gone.ended_at is not None and gone.ended_at - world.records[0].started_at < 100_000


def test_the_callees_connection_dies_in_the_call_and_its_bye_comes_over_a_new_one() -> None:
    """T35, NET-6, DLG-1."""
    world = World()
    ana = world.phone("ana", transport="TCP", answers_after=1.0)
    call = world.connect(ana)
    for connection in list(world.network.connections.values()):
        world.network.close(connection)
    world.run(1.0)
    assert call.is_answered
    ana.hang_up()
    world.run(1.0)
    assert call.is_over
    world.finish()


def test_the_callers_connection_dies_in_the_call_and_our_bye_opens_a_new_one() -> None:
    """NET-6: to its Contact, not to the port that it came from."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller(transport="TCP")
    call = world.connect(ana, caller)
    for connection in list(world.network.connections.values()):
        world.network.close(connection)
    world.run(1.0)
    ana.hang_up()
    world.run(1.0)
    assert call.bye_heard is not None
    world.finish()


def test_the_callers_connection_dies_while_it_rings() -> None:
    """TRX-18: the 200 goes over a new connection to received and sent-by port; or the phones are stopped."""
    world = World()
    ana = world.phone("ana", answers_after=3.0)
    caller = world.caller(transport="TCP")
    call = caller.call()
    world.run(1.0)
    for connection in list(world.network.connections.values()):
        world.network.close(connection)
    world.run(60.0)
    assert ana.is_talking == call.is_answered
    if call.is_answered:
        call.hang_up()
    world.tolerate("trunk: ")
    world.finish()


def test_a_phone_whose_connection_dies_while_it_rings() -> None:
    world = World()
    ana = world.phone("ana", transport="TCP")
    ben = world.phone("ben", answers_after=3.0)
    call = world.caller().call()
    world.run(1.0)
    for connection in list(world.network.connections.values()):
        world.network.close(connection)
    world.run(4.0)
    assert call.is_answered and ben.is_talking
    assert ana.call.state in ("ringing", "stopped")
    world.tolerate("no ACK")
    world.finish_after(call)


def test_an_invite_longer_than_a_datagram_should_be_passes() -> None:
    """PAR-10: 3 kB of body over a connection."""
    world = World()
    ana = world.phone("ana", transport="TCP", answers_after=1.0)
    caller = world.caller(transport="TCP")
    offer = caller.description()
    medium = offer.media[0]
    long = offer.changed(media=(type(medium)(port=medium.port, attributes=("x-long:" + "y" * 3000,)),))
    call = world.connect(ana, caller, offer=long)
    world.finish_after(call)
