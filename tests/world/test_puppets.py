"""The puppets' small parts: reading and writing, descriptions, digests, the relay, the ladder."""

from __future__ import annotations

import pytest

from rtp_relay import control
from tests.world import description
from tests.world.caller import Caller
from tests.world.challenge import Challenge
from tests.world.clock import Clock
from tests.world.description import Description, Medium
from tests.world.network import Address, Network
from tests.world.pass_through import PassThrough
from tests.world.phone_call import is_completed_elsewhere
from tests.world.reading import Heard, host_and_port, shape_faults, split_list, tag_of, write
from tests.world.relay import PuppetRelay
from tests.world.world import World


def request(*headers: tuple[str, str], body: bytes = b"") -> Heard:
    lines = [
        ("Via", "SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1"),
        ("Max-Forwards", "70"),
        ("From", '"a;tag=no" <sip:a@b;tag=no>;tag=yes'),
        ("To", "<sip:c@d>"),
        ("Call-ID", "x"),
        ("CSeq", "7 OPTIONS"),
        *headers,
    ]
    return Heard(write("OPTIONS sip:c@d SIP/2.0", lines, body))


def test_a_message_is_read_as_it_was_written() -> None:
    message = request(
        ("Supported", "timer, 100rel"), ("Reason", 'SIP;cause=200;text="a, b"'), body=b"v=0\r\n"
    )
    assert (message.method, message.uri, message.cseq, message.cseq_method) == (
        "OPTIONS",
        "sip:c@d",
        7,
        "OPTIONS",
    )
    assert (message.from_tag, message.to_tag, message.branch) == ("yes", "", "z9hG4bK1")
    assert message.tokens("supported") == {"timer", "100rel"}
    assert message.get_all("reason") == ['SIP;cause=200;text="a, b"']
    assert message.sdp == "v=0\r\n"
    assert list(shape_faults(message)) == []


def test_what_is_malformed_is_a_value_error() -> None:
    for octets in (b"", b"OPTIONS sip:x SIP/2.0\r\nVia: x\r\n", b"OPTIONS sip:x SIP/2.0\r\nVia x\r\n\r\n"):
        with pytest.raises(ValueError, match=r"empty line|header line"):
            Heard(octets)


def test_lists_tags_and_places() -> None:
    assert split_list('<sip:a,b@c>, "x, y" <sip:d@e>;q=1') == ["<sip:a,b@c>", '"x, y" <sip:d@e>;q=1']
    assert tag_of("<sip:a@b;tag=1>") == ""
    assert host_and_port("sip:a@[2001:db8::1]:5070;lr") == ("2001:db8::1", 5070)
    assert host_and_port("sip:+1@192.0.2.1") == ("192.0.2.1", 5060)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ('SIP;cause=200;text="Call completed elsewhere"', True),
        ("SIP ;cause=200", True),
        ("Q.850;cause=26", False),
        ("SIP;cause=487", False),
        ("SIP;cause=2000", False),
    ],
)
def test_what_tells_a_phone_that_somebody_else_answered(value: str, expected: bool) -> None:
    assert is_completed_elsewhere(request(("Reason", value))) is expected


def test_a_description_is_read_as_it_was_written() -> None:
    written = Description(
        "192.0.2.9", (Medium(port=4000, direction="sendonly"), Medium("video", 0)), session=5
    )
    read = description.read(written.text())
    assert [(m.kind, m.port, m.way) for m in read.media] == [
        ("audio", 4000, "sendonly"),
        ("video", 0, "sendrecv"),
    ]
    assert (read.user, read.session, read.version, read.address) == ("puppet", 5, 1, "192.0.2.9")
    answer = description.answer_to(read, "192.0.2.8", 6000)
    assert [(m.port, m.direction) for m in answer.media] == [(6000, "recvonly"), (0, "")]


@pytest.mark.parametrize(
    "text", ["", "v=0\r\n", "v=0\r\no=a 1 1 IN IP4 1.1.1.1\r\ns=-\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\n"]
)
def test_what_is_no_description_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"description|c="):
        description.read(text)


def test_a_digest_of_the_rfc_is_accepted_and_another_is_not() -> None:
    """RFC 7616 §3.9.1 has the values; with MD5."""
    challenge = Challenge("Mufasa", "Circle of Life", "http-auth@example.org")
    challenge.nonces = ["7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v"]
    right = (
        'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", algorithm=MD5, '
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
        'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
        'response="8ca523f5e9506fed4657c9700eebdbec"'
    )
    for value, expected in ((right, True), (right.replace("8ca5", "8ca6"), False)):
        message = Heard(write("GET /dir/index.html SIP/2.0", [("Authorization", value)]))
        assert challenge.accepts(message) is expected


def relay() -> tuple[PuppetRelay, list[control.Event], list[str], Clock]:
    clock = Clock(0.0)
    events: list[control.Event] = []
    faults: list[str] = []
    made = PuppetRelay(
        Network(clock), {"": "192.0.2.2"}, events.append, lambda who, text: faults.append(text)
    )
    return made, events, faults, clock


def pass_time(clock: Clock) -> None:
    while (due := clock.next_due()) is not None:
        clock.now = due
        clock.ring_one()


def test_the_relay_lends_and_takes_back() -> None:
    made, events, faults, clock = relay()
    made.command(control.Reserve("c", (control.LegRequest(0), control.LegRequest(1, media=2))))
    pass_time(clock)
    (reserved,) = events
    assert isinstance(reserved, control.Reserved)
    assert [(lent.leg, lent.medium) for lent in reserved.lent] == [(0, 0), (1, 0), (1, 1)]
    assert len({lent.port for lent in reserved.lent}) == 3
    made.command(control.Release("c", (1,)))
    assert made.legs("c") == {0} and len(made.leftovers()) == 1
    made.command(control.Release("c"))
    assert made.leftovers() == [] and faults == []


def test_the_relay_finds_commands_for_what_is_not_lent() -> None:
    made, _, faults, _ = relay()
    made.command(control.Direct("c", 0, 0, "192.0.2.9", 4000, 4001))
    made.command(control.Bridge("c", 0, 1))
    assert len(faults) == 2


def test_the_relay_forwards_over_an_open_bridge_only() -> None:
    made, _, _, clock = relay()
    made.command(control.Reserve("c", (control.LegRequest(0), control.LegRequest(1))))
    far = [Address("192.0.2.10", 4000), Address("192.0.2.11", 4000)]
    for leg, address in enumerate(far):
        made.command(control.Direct("c", leg, 0, *address, address.port + 1))
    ends = [made.endpoints["c", leg, 0] for leg in (0, 1)]
    network = made.network
    for a_to_b, b_to_a, expected in ((False, False, 0), (True, False, 1), (True, True, 2)):
        made.command(control.Bridge("c", 0, 1, a_to_b, b_to_a))
        before = len(network.packets)
        for address, end in zip(far, ends, strict=True):
            network.send("UDP", address, end.address, b"\x80" + bytes(11))
        pass_time(clock)
        assert len(network.packets) - before - 2 == expected
    before = len(network.packets)
    network.send("UDP", Address("192.0.2.66", 4000), ends[0].address, b"\x80" + bytes(11))
    pass_time(clock)
    assert len(network.packets) - before == 1  # a stranger's packet goes nowhere


def test_the_caller_finds_a_second_final_response() -> None:
    world = World(PassThrough)
    world.media_addresses = ("198.51.100.1", "203.0.113.10")
    ana = world.phone("ana", fails_after=1.0, failure=486)
    call = world.caller().call()
    world.run(2.0)
    ana.call.invite.final = 0
    ana.call.invite.respond(603, tag=ana.call.tag)
    world.run(1.0)
    assert any("a second final response 603" in text for text in world.violations)
    assert isinstance(call.caller, Caller) and call.status == 486


def test_the_phone_takes_a_cancel_that_is_not_the_invites_for_a_fault() -> None:
    world = World(PassThrough)
    ana = world.phone("ana")
    call = world.caller().call()
    world.run(1.0)
    world.network.alter(
        lambda packet: packet.begins("CANCEL") and packet.destination == ana.address,
        lambda octets: octets.replace(b"1 CANCEL", b"2 CANCEL"),
    )
    call.cancel()
    world.run(0.1)
    assert any("is not the INVITE's" in text for text in world.violations)


def test_the_ladder_names_who_what_and_its_fate() -> None:
    world = World(PassThrough)
    world.phone("ana")
    world.network.drop(lambda packet: packet.begins("SIP/2.0 180"))
    world.caller().call()
    world.run(1.0)
    assert "trunk → us" in world.ladder()
    assert "180 Ringing [1 INVITE]   ✗ dropped" in world.ladder()
