"""The winner's 200 cannot be used: it is sent away, the caller not left hanging. FRK-6, SDP-6, SDP-15."""

from __future__ import annotations

import pytest

from tests.world.description import Medium
from tests.world.phone import Phone
from tests.world.picking import sent_by
from tests.world.world import World


def spoil(world: World, phone: Phone, find: bytes, put: bytes) -> None:
    """Change the body of this phone's 200s to INVITE, keeping its length right."""

    def change(octets: bytes) -> bytes:
        head, _, body = octets.partition(b"\r\n\r\n")
        body = body.replace(find, put)
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length")]
        lines.append(b"Content-Length: %d" % len(body))
        return b"\r\n".join(lines) + b"\r\n\r\n" + body

    world.network.alter(sent_by(phone, "SIP/2.0 200", "INVITE"), change, times=float("inf"))


BROKEN = [
    (b"c=IN IP4 203.0.113.10\r\n", b""),
    (b"v=0", b"v=x"),
    (b"m=audio", b"m=video"),
    (b"m=audio 15060", b"m=audio 999999"),
]


@pytest.mark.parametrize(("find", "put"), BROKEN)
def test_alone_the_call_fails_and_the_winner_is_hung_up(find: bytes, put: bytes) -> None:
    """SDP-6: fail the branch, and 5xx or 480 to the caller."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    spoil(world, ana, find, put)
    call = world.caller().call()
    world.run(40.0)
    assert call.status >= 400
    assert ana.call.state == "ended" and not ana.is_talking
    world.finish()
    assert world.records[0].answered_by is None


def test_a_200_without_any_description_is_no_answer() -> None:
    """RFC 3261 §13.2.1: the answer must be in the first reliable response."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)

    def cut(octets: bytes) -> bytes:
        head = octets.partition(b"\r\n\r\n")[0]
        lines = [line for line in head.split(b"\r\n") if not line.startswith(b"Content-")]
        return b"\r\n".join([*lines, b"Content-Length: 0"]) + b"\r\n\r\n"

    world.network.alter(sent_by(ana, "SIP/2.0 200", "INVITE"), cut, times=float("inf"))
    call = world.caller().call()
    world.run(40.0)
    assert call.status >= 400 and ana.call.state == "ended"
    world.finish()


def test_with_others_ringing_one_of_them_may_still_answer_or_all_are_stopped() -> None:
    """FRK-6: go on with those that were not yet cancelled, or end it; nobody rings for ever."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ben = world.phone("ben", answers_after=4.0)
    spoil(world, ana, b"v=0", b"v=x")
    call = world.caller().call()
    world.run(10.0)
    assert ana.call.state == "ended"
    if call.is_answered:
        assert ben.is_talking
        call.hang_up()
    else:
        assert call.status >= 400 and ben.call.state in ("stopped", "ended")
    world.finish()


def test_a_recipient_that_finds_no_codec_is_one_refusal() -> None:
    """product 5d: 488: the branch failed, the others ring on."""
    world = World()
    world.phone("ana", fails_after=0.2, failure=488)
    ben = world.phone("ben", answers_after=2.0)
    call = world.connect(ben)
    world.finish_after(call)


def test_a_488_is_in_the_record_with_the_codecs_offered_and_wanted() -> None:
    """Product 5d: nobody is bridged to whom nobody could speak, and it is to be seen why."""
    world = World()
    ana = world.phone("ana")
    call = world.caller().call()
    world.run_until(lambda: ana.is_ringing)
    wanted = ana.description(media=(Medium(port=ana.media.address.port, formats=("18",)),))
    ana.call.invite.respond(488, tag=ana.call.tag, body=wanted.text())
    ana.call.state = "failed"
    world.run_until(lambda: call.status)
    assert call.status == 488
    world.finish()
    (recipient,) = world.records[0].recipients
    assert "offered pcmu, pcma, wanted g729" in recipient.reason


def test_a_description_within_a_multipart_body_is_found() -> None:
    """SDP-15: as trunks with ISUP send it."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    offer = caller.description()
    body = (
        "--part\r\nContent-Type: application/sdp\r\n\r\n" + offer.text() + "\r\n--part\r\n"
        "Content-Type: application/isup;version=itu-t92+\r\n"
        "Content-Disposition: signal;handling=optional\r\n\r\n"
        "xyz\r\n--part--\r\n"
    )
    call = caller.call(offer=offer, body=body, headers=[("Content-Type", "multipart/mixed;boundary=part")])
    world.run(3.0)
    assert call.is_answered and ana.is_talking
    world.finish_after(call)


def test_a_part_that_must_be_understood_and_is_not() -> None:
    """SDP-15: handling=required: 415."""
    world = World()
    ana = world.phone("ana")
    body = "what"
    headers = [("Content-Type", "application/what"), ("Content-Disposition", "session;handling=required")]
    call = world.caller().call(body=body, headers=headers)
    world.run(1.0)
    assert call.status == 415 and not ana.was_rung
    world.finish()
