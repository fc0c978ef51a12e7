"""One recipient: when it is rung and for how long, what is tried again, and how it came out."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls import inviting
from b2bua.calls.branch import Branch
from b2bua.calls.recipient import Credentials
from b2bua.calls.record import RecipientOutcome, RecipientRecord
from sip_stack.flow import Flow
from tests.world.caller import TrunkCall
from tests.world.challenge import Challenge
from tests.world.phone import Phone
from tests.world.world import World

LOCAL = "udp:192.0.2.1:5060"


def flow(phone: Phone) -> Flow:
    return Flow("UDP", LOCAL, phone.address.host, phone.address.port)


class Rig:
    """A caller; ana is rung as her recipient says, ben answers after 20 s so that the call goes on."""

    def __init__(self, recipient: dict[str, Any] | None = None, **script: Any) -> None:
        self.world = World()
        self.ana = self.world.phone("ana", recipient=recipient, **script)
        self.ben = self.world.phone("ben", answers_after=20.0)

    def call(self, seconds: float = 5.0) -> TrunkCall:
        call = self.world.caller().call()
        self.world.run(seconds)
        return call

    def finish(self, call: TrunkCall) -> RecipientRecord:
        """The call is answered by ben, if not by ana, and ended; gives ana's line of the record."""
        self.world.run_until(lambda: call.is_answered)
        self.world.run(1.0)
        self.world.finish_after(call)
        return self.world.records[0].recipients[0]


# How it came out.

OUTCOMES = {
    **dict.fromkeys((486, 600), RecipientOutcome.BUSY),
    **dict.fromkeys((603, 607, 608), RecipientOutcome.DECLINED),
    **dict.fromkeys((404, 408, 410, 430, 480, 502, 503, 504, 604), RecipientOutcome.UNREACHABLE),
    **dict.fromkeys((400, 401, 403, 406, 415, 484, 488, 500, 501, 606), RecipientOutcome.REFUSED),
    **dict.fromkeys((300, 302, 380), RecipientOutcome.REDIRECTED),
}


@pytest.mark.parametrize(("status", "outcome"), OUTCOMES.items())
def test_each_status_has_its_outcome(status: int, outcome: RecipientOutcome) -> None:
    rig = Rig(fails_after=1.0, failure=status, failure_headers=(("Warning", '399 ana "no"'),))
    record = rig.finish(rig.call())
    assert (record.outcome, record.status) == (outcome, status)
    assert record.reason and record.ended_at is not None and record.sentence


def test_every_row_of_the_table_was_met() -> None:
    assert set(inviting.OUTCOMES) <= set(OUTCOMES)


def test_a_redirection_that_is_not_followed_is_kept_in_the_record() -> None:
    contacts = (("Contact", "<sip:eve@192.0.2.50>;q=0.2, <sip:pat@192.0.2.51>;q=0.9"),)
    rig = Rig(fails_after=1.0, failure=302, failure_headers=contacts)
    assert rig.finish(rig.call()).reason == "sip:pat@192.0.2.51, sip:eve@192.0.2.50"


# When it is rung.


def test_it_starts_with_the_step_or_later() -> None:
    rig = Rig({"start_after": 3.0})
    call = rig.call(2.9)
    assert rig.ben.was_rung and not rig.ana.was_rung
    rig.world.run(0.2)
    assert rig.ana.was_rung
    assert rig.finish(call).outcome is RecipientOutcome.STOPPED


def test_it_is_not_started_when_somebody_has_answered() -> None:
    rig = Rig({"start_after": 25.0})
    record = rig.finish(rig.call())
    assert not rig.ana.was_rung
    assert (record.outcome, record.invited_at) == (RecipientOutcome.STOPPED, None)


def test_it_stops_by_itself_and_the_others_ring_on() -> None:
    rig = Rig({"stop_after": 4.0})
    call = rig.call(5.0)
    assert rig.ana.call.state == "stopped" and rig.ana.call.stop_reasons[0].startswith("Q.850;cause=19")
    assert rig.finish(call).outcome is RecipientOutcome.NO_ANSWER


def test_all_stop_by_themselves() -> None:
    world = World()
    for name in ("ana", "ben"):
        world.phone(name, recipient={"stop_after": 4.0})
    call = world.caller().call()
    world.finish()
    assert call.status == 480
    assert [each.outcome for each in world.records[0].recipients] == [RecipientOutcome.NO_ANSWER] * 2


def test_it_may_ring_only_for_a_while() -> None:
    rig = Rig({"start_after": 3.0, "stop_after": 6.0})
    call = rig.call(10.0)
    assert [round(at) for at, state in rig.ana.sounds if state in ("ringing", "stopped")] == [3, 6]
    rig.finish(call)


# Finding it.


@pytest.mark.parametrize("start_after", [0.0, 2.0])
@pytest.mark.parametrize("delay", [0.02, 4.0])
def test_it_is_rung_when_it_is_found_and_its_time_has_come(start_after: float, delay: float) -> None:
    rig = Rig({"uri": "sip:ana@phones.example", "start_after": start_after})
    rig.ana.requested_uri = "sip:ana@phones.example"
    rig.world.names["phones.example"] = [flow(rig.ana)]
    rig.world.resolver_delay = delay
    call = rig.call(10.0)
    rang = rig.ana.sounds[0][0]
    assert rang == pytest.approx(max(start_after, delay) + 0.1, abs=0.1)
    assert len(rig.ana.invites) == 1
    rig.finish(call)


def test_a_name_that_is_not_found() -> None:
    rig = Rig({"uri": "sip:ana@nowhere.example"})
    record = rig.finish(rig.call())
    assert (record.outcome, record.reason) == (RecipientOutcome.UNREACHABLE, "address not found")


def test_a_name_that_is_found_after_its_time_rings_nobody() -> None:
    rig = Rig({"uri": "sip:ana@phones.example", "stop_after": 2.0})
    rig.world.names["phones.example"] = [flow(rig.ana)]
    rig.world.resolver_delay = 4.0
    assert rig.finish(rig.call()).outcome is RecipientOutcome.NO_ANSWER
    assert not rig.ana.was_rung


def test_the_outbound_proxy_is_asked_for_and_the_uri_stays() -> None:
    rig = Rig({"uri": "sip:ana@home.example", "route": "sip:proxy.example"})
    rig.ana.requested_uri = "sip:ana@home.example"
    rig.world.names["proxy.example"] = [flow(rig.ana)]
    call = rig.call()
    assert rig.ana.invites[0].get_all("route") == ["<sip:proxy.example;lr>"]
    rig.finish(call)


# Not a word from it.


def two_places(**recipient: Any) -> tuple[Rig, Phone]:
    """ana has two addresses; at the first there is silence."""
    rig = Rig({"uri": "sip:ana@phones.example", **recipient}, trying=False, rings_after=None)
    other = rig.world.phone("desk", is_recipient=False)
    rig.ana.requested_uri = other.requested_uri = "sip:ana@phones.example"
    rig.world.names["phones.example"] = [flow(rig.ana), flow(other)]
    return rig, other


def test_after_seconds_of_silence_it_is_given_up() -> None:
    rig = Rig({"unreachable_after": 3.0}, trying=False, rings_after=None)
    call = rig.call(3.5)
    (running,) = rig.world.switchboard.calls.values()  # type: ignore[attr-defined]
    assert running.branches[0].record.outcome is RecipientOutcome.UNREACHABLE
    record = rig.finish(call)
    assert (record.reason, record.status) == ("no response", None)


def test_zero_is_never_early() -> None:
    rig = Rig({"unreachable_after": 0.0}, trying=False, rings_after=None)
    assert rig.finish(rig.call(15.0)).outcome is RecipientOutcome.STOPPED


def test_a_word_is_enough() -> None:
    rig = Rig({"unreachable_after": 3.0}, trying=True, rings_after=None)
    assert rig.finish(rig.call(10.0)).outcome is RecipientOutcome.STOPPED


def test_the_next_address_is_tried() -> None:
    """FRK-12."""
    rig, desk = two_places(unreachable_after=3.0)
    call = rig.call(3.5)
    assert desk.was_rung
    first, second = rig.ana.invites[0], desk.invites[0]
    assert second.cseq == first.cseq + 1 and second.branch != first.branch, "TRX-16"
    assert (second.call_id, second.from_tag) == (first.call_id, first.from_tag)
    desk.answer()
    rig.world.run_until(lambda: call.is_answered)
    assert rig.finish(call).outcome is RecipientOutcome.ANSWERED


def test_a_late_answer_from_the_first_address_is_refused() -> None:
    rig, _desk = two_places(unreachable_after=3.0)
    call = rig.call(3.5)
    rig.ana.answer()
    rig.world.run(1.0)
    assert rig.ana.call.state == "ended" and not call.is_answered
    rig.finish(call)


@pytest.mark.parametrize("status", [503, 408])
def test_a_failure_that_sends_on_to_the_next_address(status: int) -> None:
    """RFC 3263 §4.3."""
    rig, desk = two_places()
    rig.ana.script.fails_after, rig.ana.script.failure = 0.5, status
    call = rig.call(2.0)
    assert desk.is_ringing
    rig.finish(call)


@pytest.mark.parametrize("status", [486, 500, 404])
def test_a_failure_that_does_not(status: int) -> None:
    rig, desk = two_places()
    rig.ana.script.fails_after, rig.ana.script.failure = 0.5, status
    rig.finish(rig.call(2.0))
    assert not desk.was_rung


def test_not_after_it_has_rung() -> None:
    """FRK-12."""
    rig, desk = two_places()
    rig.ana.script.rings_after, rig.ana.script.fails_after, rig.ana.script.failure = 0.2, 0.5, 503
    rig.finish(rig.call(2.0))
    assert not desk.was_rung


def test_nothing_listens_at_the_first_address() -> None:
    """TRX-14."""
    rig, desk = two_places()
    rig.world.names["phones.example"][0] = Flow("UDP", LOCAL, "203.0.113.250", 5060)
    call = rig.call(6.0)
    assert desk.is_ringing
    rig.finish(call)


def test_icmp_says_no() -> None:
    rig = Rig()
    rig.ana.script.trying, rig.ana.script.rings_after = False, None
    call = rig.call(0.2)
    rig.world.switchboard.transport_failed(flow(rig.ana), "port unreachable", rig.world.clock.now)
    record = rig.finish(call)
    assert (record.outcome, record.reason) == (RecipientOutcome.UNREACHABLE, "port unreachable")
    assert record.status is None, "FRK-8a: what we made up is no status of theirs"


# Credentials.

ANA = Credentials("ana", "secret", "pbx")


def challenge(**parts: Any) -> Challenge:
    return Challenge(username="ana", password="secret", realm="pbx", **parts)


def test_it_wants_to_know_who_rings() -> None:
    """FRK-11."""
    rig = Rig({"credentials": (ANA,)}, challenge=challenge())
    call = rig.call(1.0)
    assert rig.ana.is_ringing
    assert rig.ana.invites[1].cseq == rig.ana.invites[0].cseq + 1
    assert rig.finish(call).outcome is RecipientOutcome.STOPPED


@pytest.mark.parametrize(
    "credentials", [(), (Credentials("ana", "wrong", "pbx"),), (Credentials("ana", "secret", "elsewhere"),)]
)
def test_it_does_not_know_us(credentials: tuple[Credentials, ...]) -> None:
    rig = Rig({"credentials": credentials}, challenge=challenge())
    call = rig.call(2.0)
    assert not rig.ana.was_rung and len(rig.ana.invites) <= 3
    record = rig.finish(call)
    assert (record.outcome, record.status) == (RecipientOutcome.REFUSED, 401)
    assert call.status == 200, "and the caller never sees the challenge"


# A session interval that is too small.


@pytest.mark.parametrize(
    ("min_se", "invites"),
    [
        ("600", 2),
        ("600;x=y", 2),
        (" 90 ", 2),
        ("", 1),
        ("soon", 1),
        ("-5", 1),
        ("99999999999", 1),
        ("٣٠٠", 1),
    ],
)
def test_422_is_met_once(min_se: str, invites: int) -> None:
    """RFC 4028 §7.3."""
    rig = Rig(refuses_first=(422, (("Min-SE", min_se),) if min_se else ()))
    rig.world.plan.session_expires = 300
    call = rig.call(2.0)
    assert len(rig.ana.invites) == invites
    if min_se.startswith("600"):
        assert rig.ana.invites[1].get("session-expires") == "600" == rig.ana.invites[1].get("min-se")
    rig.finish(call)


def test_422_twice_is_enough() -> None:
    rig = Rig(fails_after=0.2, failure=422, failure_headers=(("Min-SE", "600"),))
    assert rig.finish(rig.call(3.0)).outcome is RecipientOutcome.REFUSED
    assert len(rig.ana.invites) == 2


# Redirections.


def redirecting(contact: str, follow: int = 1, extra: int = 1) -> tuple[Rig, list[Phone]]:
    rig = Rig({"follow_redirects": follow}, fails_after=0.2, failure=302)
    others = [rig.world.phone(name, is_recipient=False) for name in ("desk", "cell")[:extra]]
    uris = {phone.name: phone.uri for phone in (rig.ana, *others)}
    rig.ana.script.failure_headers = (("Contact", contact.format(**uris)),)
    return rig, others


def test_it_is_followed() -> None:
    """FRK-10."""
    rig, (desk,) = redirecting("<{desk}>")
    call = rig.call(1.0)
    assert desk.is_ringing and desk.invites[0].call_id == rig.ana.invites[0].call_id
    desk.answer()
    record = rig.finish(call)
    assert (record.outcome, record.name) == (RecipientOutcome.ANSWERED, "ana")


def test_the_best_is_rung_first_and_the_next_when_that_fails() -> None:
    """RFC 3261 §8.1.3.4."""
    rig, (desk, cell) = redirecting("<{desk}>;q=0.3, <{cell}>;q=0.7", extra=2)
    call = rig.call(1.0)
    assert cell.is_ringing and not desk.was_rung
    cell.fail(486)
    rig.world.run(1.0)
    assert desk.is_ringing
    desk.fail(486)
    rig.world.run(1.0)
    assert rig.finish(call).outcome is RecipientOutcome.BUSY


def test_the_next_is_rung_when_the_first_is_not_found() -> None:
    rig, (desk,) = redirecting("<sip:x@nowhere.example>;q=0.9, <{desk}>;q=0.1")
    call = rig.call(2.0)
    assert desk.is_ringing
    rig.finish(call)


@pytest.mark.parametrize(
    "contact",
    [
        "<{ana}>",
        "<sip:+15550100@192.0.2.1>",
        "<tel:+15550142>",
        "<sips:x@192.0.2.9>",
        "<http://example.com>",
        "@@@",
    ],
)
def test_where_it_is_not_followed_to(contact: str) -> None:
    rig, _ = redirecting(contact)
    rig.world.names.clear()
    assert rig.finish(rig.call(2.0)).outcome is RecipientOutcome.REDIRECTED
    assert len(rig.ana.invites) == 1


def test_no_more_often_than_is_allowed() -> None:
    rig, (desk, cell) = redirecting("<{desk}>", follow=1, extra=2)
    desk.script.rings_after, desk.script.fails_after, desk.script.failure = None, 0.2, 302
    desk.script.failure_headers = (("Contact", f"<{cell.uri}>"),)
    record = rig.finish(rig.call(2.0))
    assert not cell.was_rung and record.outcome is RecipientOutcome.REDIRECTED
    assert record.reason == cell.uri


def test_as_often_as_is_allowed() -> None:
    rig, (desk, cell) = redirecting("<{desk}>", follow=2, extra=2)
    desk.script.rings_after, desk.script.fails_after, desk.script.failure = None, 0.2, 302
    desk.script.failure_headers = (("Contact", f"<{cell.uri}>"),)
    call = rig.call(2.0)
    assert cell.is_ringing
    rig.finish(call)


# Answers.


def test_too_late_by_so_much() -> None:
    """T01: its 200 crosses our CANCEL."""
    rig = Rig(answers_after=20.0005)
    record = rig.finish(rig.call())
    assert rig.ana.call.state == "ended" and rig.ana.call.answered_elsewhere
    assert record.outcome is RecipientOutcome.TOO_LATE
    assert record.late_by is not None and 0 <= record.late_by < 10_000
    assert record.status == 200 and record.answered_at is not None


def test_the_times_of_the_record() -> None:
    rig = Rig(rings_after=1.0, answers_after=4.0)
    record = rig.finish(rig.call())
    times = [record.invited_at, record.ringing_at, record.answered_at, record.ended_at]
    assert all(isinstance(at, int) for at in times)
    started = rig.world.records[0].started_at
    assert [round((at - started) / 1e6) for at in times[:3] if at is not None] == [0, 1, 4]


# What it is told.


@pytest.mark.parametrize("alone", [True, False])
@pytest.mark.parametrize("supported", [(), ("100rel",)])
def test_reliable_provisionals_are_offered_only_to_one(alone: bool, supported: tuple[str, ...]) -> None:
    """FRK-19."""
    world = World()
    ana = world.phone("ana")
    if not alone:
        world.phone("ben")
    caller = world.caller()
    caller.supported = supported
    call = caller.call()
    world.run(0.5)
    assert ("100rel" in ana.invites[0].tokens("supported")) == (alone and bool(supported))
    call.cancel()
    world.finish()


def test_the_call_id_is_its_own_or_the_callers() -> None:
    """DLG-2."""
    rig = Rig({"keep_call_id": True})
    rig.ana.shares_call_id = rig.ben.shares_call_id = True
    call = rig.call(1.0)
    assert rig.ana.invites[0].call_id == call.invite.call_id != rig.ben.invites[0].call_id
    rig.finish(call)


def test_it_prints_itself() -> None:
    rig = Rig(fails_after=2.0)
    call = rig.call(1.0)
    (running,) = rig.world.switchboard.calls.values()  # type: ignore[attr-defined]
    branch: Branch = running.branches[0]
    assert repr(branch) == "<branch 1 ana open>"
    rig.world.run(2.0)
    assert repr(branch) == "<branch 1 ana busy>"
    rig.finish(call)


def test_icmp_says_no_and_the_next_address_is_tried() -> None:
    """FRK-12, TRX-14: at once, without a wait."""
    rig, desk = two_places()
    call = rig.call(0.2)
    rig.world.switchboard.transport_failed(flow(rig.ana), "port unreachable", rig.world.clock.now)
    rig.world.run(0.2)
    assert desk.is_ringing
    rig.finish(call)


def test_icmp_says_no_where_a_redirection_led_and_its_next_contact_is_tried() -> None:
    """RFC 3261 §8.1.3.4."""
    rig, (desk, cell) = redirecting("<{desk}>;q=0.9, <{cell}>;q=0.1", extra=2)
    desk.script.trying, desk.script.rings_after = False, None
    call = rig.call(1.0)
    rig.world.switchboard.transport_failed(flow(desk), "port unreachable", rig.world.clock.now)
    rig.world.run(0.5)
    assert cell.is_ringing
    rig.finish(call)
