"""Whoever is not a trunk gets nothing out of us. OVL-5."""

from __future__ import annotations

import pytest

from tests.world.network import Address
from tests.world.world import World


@pytest.mark.parametrize("host", ["192.0.2.77", "203.0.113.250", "2001:db8:ffff::1"])
def test_a_stranger_rings_nobody(host: str) -> None:
    """Refused or unheard; not answered more than once a try, nor with more than was asked."""
    world = World()
    ana = world.phone("ana")
    stranger = world.caller("stranger", host=host)
    world.plan.trunk_media_interface = ""
    call = stranger.call()
    call.request.may_fail = True
    world.run(40.0)
    assert not ana.was_rung
    assert call.status in (0, 403)
    assert world.relay.commands == []
    answers = world.sent("", stranger)
    assert sum(len(packet.octets) for packet in answers) <= len(call.invite.octets) * call.request.times_sent
    world.finish()


def test_a_recipient_may_not_call_through_us() -> None:
    """The listener is never an open relay: a phone that is rung is no trunk."""
    world = World()
    ana = world.phone("ana")
    stranger = world.caller("ben", host="203.0.113.11")
    call = stranger.call(uri="sip:+442079460000@192.0.2.1")
    call.request.may_fail = True
    world.run(2.0)
    assert call.status in (0, 403) and not ana.was_rung
    world.finish()


def test_a_trunk_may_only_dial_our_numbers() -> None:
    """404 for a number that is none of ours."""
    world = World()
    ana = world.phone("ana")
    call = world.caller().call("+442079460000")
    world.run(1.0)
    assert call.status == 404
    assert not ana.was_rung
    world.finish()


def test_a_stranger_cannot_end_a_call() -> None:
    """A BYE with guessed tags: 481 or silence, and the call goes on."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    bye = (
        b"BYE sip:192.0.2.1 SIP/2.0\r\nMax-Forwards: 70\r\n"
        b"Via: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKevil\r\n"
        b"From: <sip:evil@192.0.2.99>;tag=evil\r\nTo: <sip:x@192.0.2.1>;tag=guess\r\n"
        b"Call-ID: " + call.invite.call_id.encode() + b"\r\nCSeq: 9 BYE\r\nContent-Length: 0\r\n\r\n"
    )
    world.raw(bye)
    world.run(1.0)
    assert call.is_answered and ana.is_talking
    world.finish_after(call)


STRANGE = {
    "malformed": b"INVITE sip:x@192.0.2.1 SIP/2.0\r\n%sCSeq: x\r\n\r\n",
    "OPTIONS": b"OPTIONS sip:192.0.2.1 SIP/2.0\r\n%sCSeq: 1 OPTIONS\r\n\r\n",
    "CANCEL": b"CANCEL sip:x@192.0.2.1 SIP/2.0\r\n%sCSeq: 1 CANCEL\r\n\r\n",
    "BYE": b"BYE sip:x@192.0.2.1 SIP/2.0\r\n%sCSeq: 1 BYE\r\n\r\n",
    "Max-Forwards": b"INVITE sip:x@192.0.2.1 SIP/2.0\r\n%sCSeq: 1 INVITE\r\nSupported: x\r\nContent-Length: 9\r\n\r\n",
}
COMMON = (
    b"Via: SIP/2.0/UDP 192.0.2.99:5060;branch=z9hG4bKstrange\r\nMax-Forwards: 70\r\nFrom: <sip:a@192.0.2.99>;tag=1\r\n"
    b"To: <sip:x@192.0.2.1>;tag=2\r\nCall-ID: strange\r\nContact: <sip:a@192.0.2.99>\r\n"
)


@pytest.mark.parametrize("what", STRANGE)
def test_a_service_that_drops_strangers_says_nothing_to_them(what: str) -> None:
    octets = STRANGE[what].replace(b"%s", COMMON)
    stranger = Address("203.0.113.99", 5060)
    world = World()
    assert world.raw(octets, stranger), "else it is refused"
    world = World()
    world.plan.unknown_sources = "drop"
    assert world.raw(octets, stranger) == []
    world.run(40.0)
    assert world.switchboard.leftovers() == []
