"""A 2xx to an INVITE that nobody knows any more, as after kill -9: ACK and BYE, so that no phone stays in a call."""

from __future__ import annotations

from tests.world.network import Address
from tests.world.world import World

ANSWER = """\
SIP/2.0 200 OK
Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK{branch};rport
From: <sip:+15550199@192.0.2.1>;tag=ours
To: <sip:ana@203.0.113.7>;tag={tag}
Call-ID: forgotten
CSeq: 1 {method}
{contact}Record-Route: <sip:proxy.example;lr>
Content-Length: 0

"""
PHONE = Address("203.0.113.7", 5060)


def answer(
    tag: str = "theirs", method: str = "INVITE", contact: str = "Contact: <sip:ana@198.51.100.77:5070>\n"
) -> bytes:
    text = ANSWER.format(branch="old", tag=tag, method=method, contact=contact)
    return text.replace("\n", "\r\n").encode()


def test_ack_and_bye_go_where_it_came_from() -> None:
    """And not where its Contact says: nobody can have us shout at others."""
    world = World()
    ack, bye = world.raw(answer(), PHONE)
    assert ack.begins("ACK sip:ana@198.51.100.77:5070") and bye.begins("BYE sip:ana@198.51.100.77:5070")
    assert {ack.destination, bye.destination} == {PHONE}
    assert ack.message.cseq == 1 and bye.message.cseq == 2
    assert ack.message.must("route") == bye.message.must("route") == "<sip:proxy.example;lr>"
    assert bye.message.must("from") == "<sip:+15550199@192.0.2.1>;tag=ours" and bye.message.to_tag == "theirs"
    world.run(40.0)
    assert world.switchboard.leftovers() == []


def test_the_bye_is_repeated_until_it_is_answered() -> None:
    world = World()
    _, bye = world.raw(answer(), PHONE)
    world.run(2.0)
    again = [packet for packet in world.sent("BYE ") if packet.destination == PHONE]
    assert len(again) >= 3 and {packet.octets for packet in again} == {bye.octets}


def test_what_is_no_answer_to_an_invite_is_left_alone() -> None:
    world = World()
    for octets in (answer(method="BYE"), answer(contact=""), answer().replace(b";tag=theirs", b"")):
        assert world.raw(octets, PHONE) == []
    assert world.raw(answer().replace(b"200 OK", b"486 Busy Here"), PHONE) == []


def test_a_few_a_second_and_no_more() -> None:
    world = World()
    sent = sum(len(world.raw(answer(f"tag{number}"), PHONE)) for number in range(100))
    acks = len(world.sent("ACK "))
    assert 20 <= acks <= 20 + 100 * 0.1 * 20 and sent >= acks


def test_an_answer_of_a_call_that_is_there_is_no_orphan() -> None:
    """A copy with another branch, as a broken proxy makes them, does not end the call."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    octets = next(
        packet.octets
        for packet in ana.world.network.packets
        if packet.begins("SIP/2.0 200") and b"INVITE" in packet.octets
    )
    world.raw(octets.replace(b"z9hG4bK", b"z9hG4bKx"), ana.address)
    assert ana.is_talking and call.is_answered
    world.finish_after(call)
