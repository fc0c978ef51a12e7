"""Where two rules meet: reliable ringing and new To-tags, timers and holds, redirects and silence."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.recipient import Credentials, EarlyMedia, Recipient
from b2bua.calls.record import CallOutcome
from sip_stack.flow import Flow
from tests.world import plan
from tests.world.challenge import Challenge
from tests.world.description import Description
from tests.world.earphone import Earphone
from tests.world.network import Address
from tests.world.phone import Phone
from tests.world.world import World

PROGRESS: dict[str, Any] = {"ring_status": 183, "ring_description": True}


def moved(description: Description, port: int) -> Description:
    medium = description.media[0]
    return description.changed(media=(type(medium)(kind=medium.kind, port=port, formats=medium.formats),))


def test_another_phone_wins_before_the_leaders_early_media_has_its_prack() -> None:
    """RFC 3262 §5, FRK-15: the PRACK belongs to a dialog that was left; the 200 that waits for it must go."""
    world = World()
    world.plan.early_media = EarlyMedia.FIRST
    ana = world.phone("ana", **PROGRESS)
    ben = world.phone("ben", rings_after=0.1)
    caller = world.caller()
    caller.supported = ("100rel",)
    caller.expects_early_media = caller.expects_forked_answers = True
    caller.pracks_after = 0.4  # before the 183 is repeated
    call = caller.call()
    world.run(0.2)
    dialog = ben.call.early_dialog()
    described = ben.description()
    medium = described.media[0]
    other = type(medium)(kind=medium.kind, port=medium.port, formats=medium.formats[:1])
    dialog.local_description = described.changed(media=(other,))
    call.dialog = None  # to the caller, what comes now is another dialog
    ben.answer()
    world.run(3.0)
    assert [prack.status for prack in call.pracks][:1] == [200]
    assert call.is_answered and ben.is_talking and not ana.is_talking
    world.finish_after(call)


def test_what_a_loser_says_in_its_early_dialog_does_not_reach_the_caller() -> None:
    """FRK-18: it was cancelled, and has not heard of it yet."""
    world = World()
    ana = world.phone("ana", on_cancel="silent")
    ben = world.phone("ben", answers_after=1.0)
    call = world.caller().call()
    world.run(0.5)
    early = ana.call.early_dialog()
    assert early.request("UPDATE") is not None
    world.run(1.5)
    assert call.is_answered and ben.is_talking
    told = early.request("INFO", may_fail=True)
    world.run(1.0)
    assert told.status in (480, 481)
    assert [each.method for each in call.session.heard_requests] == []
    world.finish_after(call)


def test_a_hold_that_was_passed_starts_the_session_timer_anew() -> None:
    """RFC 4028 §7.4, §10: a re-INVITE of ours is a refresh too: the callee's own is due half an interval later."""
    world = World()
    world.plan.session_expires = 90
    ana = world.phone(
        "ana",
        answers_after=1.0,
        answer_headers=(("Session-Expires", "90;refresher=uas"), ("Require", "timer")),
    )
    call = world.connect(ana)
    world.run(40.0)
    assert call.offer is not None
    held = call.session.reinvite(call.offer.changed(direction="sendonly"))
    world.run(44.0)
    assert held.status == 200
    assert call.is_answered and ana.is_talking
    assert not call.is_over
    world.finish_after(call)


@pytest.mark.parametrize("value", ["soon", "-1", "1800;refresher", "", "99999999999999999999"])
def test_an_answer_with_an_unreadable_session_timer_is_an_answer(value: str) -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0, answer_headers=(("Session-Expires", value),))
    call = world.connect(ana)
    world.finish_after(call)


@pytest.mark.parametrize("supported", [(), ("timer",)])
def test_an_invite_with_an_unreadable_session_timer_is_refused_before_anybody_rings(
    supported: tuple[str, ...],
) -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    caller.supported = supported
    call = caller.call(headers=[("Session-Expires", "soon")])
    world.run(3.0)
    assert call.status == 400 and not ana.was_rung
    world.finish()


def test_the_time_of_day_is_set_during_a_call() -> None:
    """The record's times are on one clock: the durations in it stay true."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    world.run(9.0)
    world.switchboard.wall_offset -= 3600.0  # type: ignore[attr-defined]
    call.hang_up()
    world.finish()
    (record,) = world.records
    assert record.answered_at is not None and record.ended_at is not None
    assert 9_500_000 < record.ended_at - record.answered_at < 10_500_000


def test_the_next_contact_of_a_redirect_is_tried_when_the_first_is_silent() -> None:
    """FRK-10: as it is when the first refuses, or cannot be found."""
    world = World()
    yann = world.phone("yann", is_recipient=False, trying=False, rings_after=None)
    zoe = world.phone("zoe", is_recipient=False, answers_after=1.0)
    contacts = (("Contact", f"<{yann.uri}>;q=1, <{zoe.uri}>;q=0.5"),)
    world.phone(
        "ana", fails_after=0.5, failure=302, failure_headers=contacts, recipient={"follow_redirects": 1}
    )
    call = world.connect(zoe)
    world.finish_after(call)


def test_early_media_under_another_to_tag_is_heard() -> None:
    """FRK-21: behind one recipient the call goes on from a phone to its mailbox, another dialog."""
    world = World()
    world.plan.early_media = EarlyMedia.SINGLE
    ana = world.phone("ana", **PROGRESS)
    caller = world.caller()
    caller.expects_early_media = True
    call = caller.call()
    world.run(1.0)
    mailbox = Earphone(world, Address(ana.address.host, 17000))
    second = ana.call.early_dialog("mailbox")
    assert ana.call.dialog.local_description is not None
    second.local_description = moved(ana.call.dialog.local_description, 17000)
    ana.call.ring(183, description=True, tag="mailbox")
    world.run(0.5)
    offer = second.remote_description
    assert offer is not None
    mailbox.say(b"after the tone", offer)
    caller.media.say(b"hello", call.remote_description)
    world.run(0.5)
    assert b"after the tone" in caller.media.payloads
    assert mailbox.payloads == {b"hello"}
    call.cancel()
    world.finish()


def reached_by_tcp(world: World) -> None:
    world.plan.recipients.append(Recipient("gone", "sip:gone@203.0.113.99;transport=tcp"))


@pytest.mark.parametrize("others", [0, 1])
def test_no_socket_of_ours_reaches_the_recipient(others: int) -> None:
    """Known while the call is still being prepared: nothing is asked for after its end."""
    world = World()
    phones: list[Phone] = [world.phone("ana", answers_after=1.0) for _ in range(others)]
    reached_by_tcp(world)
    stack = world.switchboard.stack  # type: ignore[attr-defined]
    for name in [name for name, each in stack.listeners.items() if each.transport == "TCP"]:
        del stack.listeners[name]
    call = world.caller().call()
    world.run(3.0)
    if phones:
        assert call.is_answered
        call.hang_up()
    else:
        assert call.status == 480
    world.finish()
    assert world.records[0].outcome is (CallOutcome.ANSWERED if phones else CallOutcome.UNREACHABLE)


def test_a_relay_that_cannot_lend_again_ends_a_call_that_rings() -> None:
    """An answer would be one to silence: the ports that the phones were told are not there."""
    world = World()
    ana = world.phone("ana", answers_after=5.0)
    call = world.caller().call()
    world.run(1.0)
    world.relay.refuses = "the port is taken"
    world.restart_relay(away=0.5)
    world.run(1.0)
    assert call.status == 500 and not ana.is_ringing
    world.finish()


@pytest.mark.parametrize("method", ["OPTIONS", "MESSAGE", "SUBSCRIBE", "FOO"])
def test_requests_outside_of_a_call_leave_nothing_and_are_answered_alike(method: str) -> None:
    """RFC 3261 §8.2.7: a flood from a trunk's address, which anybody may write on a datagram, fills nothing."""
    world = World()
    world.phone("ana")
    trunk = Address("198.51.100.9", 5060)
    asked = (
        f"{method} sip:192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 198.51.100.9;branch=z9hG4bKone;rport\r\n"
        "Max-Forwards: 70\r\nFrom: <sip:a@198.51.100.9>;tag=a\r\nTo: <sip:192.0.2.1>\r\n"
        f"Call-ID: one\r\nCSeq: 1 {method}\r\nContent-Length: 0\r\n\r\n"
    ).encode()
    (first,), (second,) = world.raw(asked, trunk), world.raw(asked, trunk)
    assert first.octets == second.octets
    assert world.switchboard.leftovers() == []
    world.finish()


class OtherNonces(Challenge):
    """Another server of the same realm, which knows no nonce of the first."""

    def next_round(self) -> None:
        self.nonces.append("nonce-of-another-server")


def test_the_next_address_asks_for_credentials_too() -> None:
    """FRK-11 meets FRK-12: what the first server was told is not refused by the second, it is new to it."""
    world = World()
    ana = world.phone(
        "ana", is_recipient=False, challenge=Challenge(), rings_after=None, fails_after=0.1, failure=503
    )
    ben = world.phone("ben", is_recipient=False, challenge=OtherNonces(), answers_after=1.0)
    ana.requested_uri = ben.requested_uri = "sip:desk@pbx.example"
    local = plan.LOCAL_SOCKETS[0]
    world.names["pbx.example"] = [Flow("UDP", local, *phone.address) for phone in (ana, ben)]
    known = (Credentials("multiring", "secret"),)
    world.plan.recipients.append(Recipient("desk", "sip:desk@pbx.example", credentials=known))
    call = world.connect(ben)
    world.finish_after(call)
