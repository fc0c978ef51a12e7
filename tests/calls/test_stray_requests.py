"""Requests that belong to nothing get the status that they earn, and no more. T10, MTH-3, MTH-5, PAR-5."""

from __future__ import annotations

import pytest

from tests.world.agent import UserAgent
from tests.world.dialog import Dialog
from tests.world.exchange import ClientRequest
from tests.world.network import Address
from tests.world.reading import Heard
from tests.world.world import World


def asked(world: World, method: str, headers: list[tuple[str, str]] | None = None) -> ClientRequest:
    caller = world.caller()
    request = caller.send_outside(method, f"sip:{world.plan.number}@192.0.2.1", caller.gateway, headers)
    world.run(1.0)
    return request


def test_a_stray_cancel_is_481() -> None:
    """T10, TRX-11: JsSIP gave no answer."""
    world = World()
    assert asked(world, "CANCEL").status == 481
    world.finish()


@pytest.mark.parametrize("method", ["BYE", "INFO", "UPDATE", "PRACK", "NOTIFY", "REFER", "INVITE"])
def test_a_request_of_a_dialog_that_does_not_exist_is_481(method: str) -> None:
    """RFC 3261 §12.2.2."""
    world = World()
    caller = world.caller()
    call = caller.call("+19990000000")
    world.run(1.0)
    assert call.status == 404
    dialog = Dialog(
        caller,
        "never@was",
        "<sip:a@198.51.100.1>;tag=1",
        "<sip:b@192.0.2.1>;tag=2",
        "sip:b@192.0.2.1:5060",
        caller.gateway,
    )
    request = dialog.request(method, headers=[("RAck", "1 1 INVITE")] if method == "PRACK" else [])
    world.run(1.0)
    assert request.status == 481
    dialog.state = "ended"
    world.finish()


def test_options_tells_what_we_can() -> None:
    """MTH-3: 200 with Allow, Accept and Supported."""
    world = World()
    options = asked(world, "OPTIONS")
    assert options.status == 200 and options.final is not None
    assert {"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "UPDATE", "PRACK"} <= options.final.tokens("allow")
    assert "application/sdp" in (options.final.get("accept") or "")
    assert options.final.get("supported") is not None
    world.finish()


@pytest.mark.parametrize("method", ["MESSAGE", "SUBSCRIBE", "PUBLISH", "REGISTER", "FROBNICATE"])
def test_a_method_that_is_not_for_us_is_refused_with_what_is(method: str) -> None:
    """MTH-5: 405 with Allow, 501 only for the truly unknown, 489 for events."""
    world = World()
    request = asked(world, method)
    assert request.status in (405, 489, 501)
    if request.status == 405:
        assert request.final is not None and "INVITE" in request.final.tokens("allow")
    world.finish()


def test_a_stray_ack_is_never_answered() -> None:
    """PAR-5."""
    world = World()
    answers = world.raw(
        b"ACK sip:x@192.0.2.1 SIP/2.0\r\nMax-Forwards: 70\r\n"
        b"Via: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bKstray\r\n"
        b"From: <sip:a@b>;tag=1\r\nTo: <sip:x@192.0.2.1>;tag=2\r\nCall-ID: stray\r\nCSeq: 1 ACK\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    assert answers == []
    world.finish()


def test_a_stray_response_is_never_answered() -> None:
    world = World()
    answers = world.raw(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKstray\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:x@192.0.2.1>;tag=2\r\nCall-ID: stray\r\nCSeq: 1 INVITE\r\nContent-Length: 0\r\n\r\n"
    )
    assert answers == []
    world.finish()


@pytest.mark.parametrize(
    "octets", [b"", b"\r\n\r\n", b"\x00" * 200, b"GET / HTTP/1.1\r\n\r\n", b"\xff" * 1500, b"INVITE"]
)
def test_rubbish_does_nothing(octets: bytes) -> None:
    world = World()
    assert all(packet.begins("SIP/2.0 4") or packet.octets == b"\r\n" for packet in world.raw(octets))
    world.finish()


INVITE = (
    "INVITE {uri} SIP/2.0\r\n{forwards}Via: SIP/2.0/UDP 198.51.100.9:5060;branch=z9hG4bK{branch};rport\r\n"
    "From: <sip:a@198.51.100.9>;tag=1\r\nTo: <sip:x@192.0.2.1>\r\n"
    "Call-ID: strange-{branch}\r\nCSeq: {cseq}\r\n"
    "Contact: <sip:a@198.51.100.9>\r\n{extra}Content-Length: {length}\r\n\r\n{body}"
)


def strange(**parts: str) -> bytes:
    body = parts.get("body", "")
    fields = {
        "uri": "sip:+15550100@192.0.2.1",
        "branch": "strange",
        "forwards": "Max-Forwards: 70\r\n",
        "cseq": "1 INVITE",
        "extra": "",
        "length": str(len(body)),
        "body": "",
    }
    return INVITE.format(**(fields | parts)).encode()


@pytest.mark.parametrize(
    ("octets", "statuses"),
    [
        (strange(extra="Require: frobnication\r\n"), {420}),
        (strange(extra="Content-Type: application/frob\r\n", body="frob"), {415}),
        (strange(uri="nobodyKnowsThisScheme:totallyopaquecontent"), {416}),
        (strange(cseq="1 BYE"), {400}),
        (strange(cseq="2147483648 INVITE"), {400}),
        (strange(forwards="Max-Forwards: 0\r\n"), {483}),
        (strange(length="500"), {400}),
        (strange().replace(b"SIP/2.0\r\n", b"SIP/7.0\r\n", 1), {505}),
        (strange(extra="Content-Type: application/sdp\r\n", body="v=0\r\nnonsense\r\n"), {400, 488}),
        (strange().replace(b"Contact: <sip:a@198.51.100.9>\r\n", b""), {400}),
    ],
)
def test_a_strange_invite_gets_what_it_earns(octets: bytes, statuses: set[int]) -> None:
    """PAR-5, T41; nobody is rung, nothing stays."""
    world = World()
    ana = world.phone("ana")
    world.run(0.1)
    answers = [Heard(packet.octets) for packet in world.raw(octets)]
    finals = {answer.status for answer in answers if answer.status >= 200}
    assert finals and finals <= statuses
    if finals == {420}:
        assert answers[-1].get("unsupported") == "frobnication"
    assert not ana.was_rung
    world.run(60.0)
    world.finish()


def test_the_service_answers_as_before_after_all_of_it() -> None:
    """T41: alive afterwards, with OPTIONS as the control."""
    world = World()
    for octets in (b"", b"\x00", strange(cseq="x"), strange(length="-1"), strange(length="99999999999")):
        world.raw(octets)
    options = asked(world, "OPTIONS")
    assert options.status == 200
    world.finish()


def test_a_caller_that_is_no_agent_at_all() -> None:
    """An INVITE and then nothing: neither ACK nor BYE nor CANCEL; all is gone after a while."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    mute = UserAgent(world, "mute", "198.51.100.9")
    mute.receive = lambda packet: None  # type: ignore[method-assign]
    body = mute.description().text()
    octets = strange(extra="Content-Type: application/sdp\r\n", body=body)
    world.network.send("UDP", mute.address, Address("192.0.2.1", 5060), octets)
    world.run(50.0)
    assert ana.call.state == "ended"
    world.finish()
