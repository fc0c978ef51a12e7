"""What passes between the legs: offers with their answers, refusals, glare, and requests that carry no offer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from rtp_relay import control
from tests.world.caller import TrunkCall
from tests.world.description import Description, Medium, ways
from tests.world.dialog import Dialog
from tests.world.exchange import ClientRequest
from tests.world.network import Packet
from tests.world.phone import Phone
from tests.world.world import World

SENDONLY = (Medium(direction="sendonly"),)
IMAGE = Medium(kind="image", port=15100, profile="udptl", formats=("t38",), attributes=("T38FaxVersion:0",))


class Rig:
    """ana and the caller have talked for a second; `asker` is the one of them who asks, `other` who is asked."""

    def __init__(self, by: str = "caller", **script: Any) -> None:
        self.world = World()
        self.ana: Phone = self.world.phone("ana", answers_after=1.0, **script)
        self.call: TrunkCall = self.world.connect(self.ana)
        self.by = by
        sides = [self.call.session, self.ana.dialog]
        self.asker, self.other = sides if by == "caller" else sides[::-1]

    @property
    def offer(self) -> Description:
        """What the asker said last, to be said anew."""
        assert self.asker.local_description is not None
        return self.asker.local_description

    @property
    def heard(self) -> Description:
        """What the other side takes the asker to have said."""
        assert self.other.remote_description is not None
        return self.other.remote_description

    def reinvite(self, offer: Description | None, seconds: float = 1.0) -> ClientRequest:
        request = self.asker.reinvite(offer)
        self.world.run(seconds)
        return request

    def ask(self, method: str, body: str = "", headers: tuple[tuple[str, str], ...] = ()) -> ClientRequest:
        request = self.asker.request(method, body, headers)
        self.world.run(1.0)
        return request

    def got(self, method: str) -> list[Packet]:
        """What of the method the other side was sent."""
        agent = self.other.agent
        return [p for p in agent.packets if p.begins(f"{method} ") and p.message.to_tag]

    def finish(self) -> None:
        self.world.finish_after(self.call)


BOTH = pytest.mark.parametrize("by", ["caller", "ana"])


# Offers.


@BOTH
def test_an_offer_passes_and_its_answer_comes_back(by: str) -> None:
    rig = Rig(by)
    held = rig.reinvite(rig.offer.changed(media=(replace(rig.offer.media[0], direction="sendonly"),)))
    assert held.status == 200
    assert ways(rig.heard) == ["sendonly"]
    assert rig.asker.remote_description is not None
    assert ways(rig.asker.remote_description) == ["recvonly"]
    rig.finish()


@BOTH
def test_an_offer_that_says_nothing_new_stays_on_its_side(by: str) -> None:
    """TMR-3: a refresh."""
    rig = Rig(by)
    again = rig.reinvite(rig.offer)
    assert again.status == 200 and again.final is not None and again.final.sdp
    assert rig.got("INVITE") == []
    rig.finish()


@BOTH
@pytest.mark.parametrize("status", [488, 486, 500, 606, 403])
def test_a_refusal_comes_back_and_leaves_all_as_it_was(by: str, status: int) -> None:
    """SDP-11, RFC 3261 §14.1."""
    rig = Rig(by)
    before = [rig.asker.remote_description, rig.other.remote_description]
    rig.other.agent.answers["INVITE"] = status
    refused = rig.reinvite(rig.offer.changed(media=(replace(rig.offer.media[0], direction="sendonly"),)))
    assert refused.status == status
    assert [rig.asker.remote_description, rig.other.remote_description] == before
    rig.other.agent.answers["INVITE"] = 200
    again = rig.reinvite(
        rig.offer.changed().changed(media=(replace(rig.offer.media[0], direction="inactive"),))
    )
    assert (again.status, ways(rig.heard)) == (200, ["inactive"])
    rig.finish()


@BOTH
@pytest.mark.parametrize(("status", "told"), [(408, 500), (481, 481)])
def test_a_dialog_that_is_gone_ends_both(by: str, status: int, told: int) -> None:
    """DLG-7; and a 408 that is not ours is no 408 to the other side (RFC 4320)."""
    rig = Rig(by)
    rig.world.tolerate("481 to BYE")
    rig.other.agent.answers["INVITE"] = status
    refused = rig.reinvite(rig.offer.changed(media=(replace(rig.offer.media[0], direction="sendonly"),)))
    assert refused.status == told
    rig.world.run(2.0)
    assert rig.asker.state == "ended"
    rig.world.finish()


@BOTH
def test_no_answer_at_all_ends_both(by: str) -> None:
    rig = Rig(by)
    rig.other.agent.answers["INVITE"] = None
    refused = rig.reinvite(
        rig.offer.changed(media=(replace(rig.offer.media[0], direction="sendonly"),)), 40.0
    )
    assert refused.status == 500
    rig.world.tolerate("answered nothing, no ACK")
    rig.world.finish()
    assert rig.world.records[0].reason == "lost: timeout"


@BOTH
def test_a_session_interval_that_is_too_small_is_refused_here(by: str) -> None:
    """RFC 4028 §9."""
    rig = Rig(by)
    rig.asker.agent.supported = ("timer",)
    refused = rig.asker.reinvite(rig.offer.changed(), headers=[("Session-Expires", "30")])
    rig.world.run(1.0)
    assert refused.status == 422 and refused.final is not None and refused.final.get("min-se") == "90"
    assert rig.got("INVITE") == []
    rig.finish()


@BOTH
def test_what_is_no_description_is_refused_here(by: str) -> None:
    rig = Rig(by)
    request = rig.asker.request("INVITE", "v=0\r\nm=audio what\r\n")
    rig.world.run(1.0)
    assert request.status == 400
    assert rig.got("INVITE") == []
    rig.finish()


# More media.


@BOTH
def test_an_added_medium_is_lent_for_first(by: str) -> None:
    rig = Rig(by)
    rig.other.agent.accepts = ("audio", "video")
    video = Medium(kind="video", port=15200, formats=("31",))
    added = rig.reinvite(rig.offer.changed(media=(*rig.offer.media, video)))
    assert added.status == 200
    more = rig.world.relay.of(control.Reserve)[-1]
    assert isinstance(more, control.Reserve)
    assert {(each.leg, each.media, each.first_medium) for each in more.legs} == {(0, 1, 1), (1, 1, 1)}
    assert len([each for each in rig.heard.media if each.port]) == 2
    rig.finish()


@BOTH
def test_no_ports_for_an_added_medium(by: str) -> None:
    rig = Rig(by)
    rig.world.relay.refuses = "no ports"
    refused = rig.reinvite(rig.offer.changed(media=(*rig.offer.media, Medium(kind="video", port=15200))))
    assert refused.status == 488
    rig.world.relay.refuses = ""
    held = rig.reinvite(
        rig.offer.changed().changed(media=(replace(rig.offer.media[0], direction="sendonly"),))
    )
    assert held.status == 200
    rig.finish()


@BOTH
def test_the_relay_is_lost_while_an_added_medium_waits_for_it(by: str) -> None:
    """What was asked of the old relay is never answered: the offer is refused, and the call goes on."""
    rig = Rig(by)
    rig.world.relay.dies()
    refused = rig.reinvite(rig.offer.changed(media=(*rig.offer.media, Medium(kind="video", port=15200))), 0.1)
    rig.world.switchboard.relay_lost(rig.world.clock.now)
    rig.world.run(0.2)
    assert refused.status == 488
    rig.world.relay.is_dead = False
    rig.world.switchboard.relay_is_back(rig.world.clock.now)
    rig.world.run(1.0)
    held = rig.reinvite(
        rig.offer.changed().changed(media=(replace(rig.offer.media[0], direction="sendonly"),))
    )
    assert held.status == 200
    rig.finish()


@BOTH
def test_the_asker_gives_up_while_the_relay_is_asked(by: str) -> None:
    rig = Rig(by)
    rig.world.relay.delay = 0.5
    request = rig.reinvite(rig.offer.changed(media=(*rig.offer.media, Medium(kind="video", port=15200))), 0.1)
    cancel(rig.asker, request)
    rig.world.run(5.0)
    assert request.status == 487
    assert [medium.port for medium in rig.heard.media][1:] in ([], [0]), "the other side has what it had"
    rig.finish()


@BOTH
def test_the_call_ends_while_the_relay_is_asked(by: str) -> None:
    rig = Rig(by)
    rig.world.relay.delay = 0.5
    request = rig.reinvite(rig.offer.changed(media=(*rig.offer.media, Medium(kind="video", port=15200))), 0.1)
    rig.other.hang_up()
    rig.world.finish()
    assert request.status == 487


@BOTH
def test_audio_becomes_t38(by: str) -> None:
    """SDP-5."""
    rig = Rig(by)
    rig.other.agent.accepts = ("image",)
    fax = rig.reinvite(rig.offer.changed(media=(IMAGE,)))
    assert fax.status == 200
    assert [medium.kind for medium in rig.heard.media] == ["image"]
    kinds = {each.leg: each.kind for each in rig.world.relay.of(control.Direct)}  # type: ignore[union-attr]
    assert kinds == {0: "udptl", 1: "udptl"}
    rig.finish()


# Glare.


@BOTH
def test_an_offer_meets_one_of_the_other_side_that_is_on_its_way(by: str) -> None:
    """SDP-10: the second is told 491, the first goes through."""
    rig = Rig(by)
    rig.other.agent.reinvite_after = 0.5
    first = rig.reinvite(rig.offer.changed(media=(replace(rig.offer.media[0], direction="sendonly"),)), 0.1)
    assert rig.other.local_description is not None
    second = rig.other.reinvite(rig.other.local_description.changed(direction="inactive"))
    rig.world.run(2.0)
    assert second.status == 491
    assert first.status in (200, 491)
    rig.finish()


@BOTH
def test_an_update_meets_an_offer_that_is_on_its_way(by: str) -> None:
    """RFC 3311 §5.2."""
    rig = Rig(by)
    rig.other.agent.reinvite_after = 0.5
    first = rig.reinvite(rig.offer.changed(media=(replace(rig.offer.media[0], direction="sendonly"),)), 0.1)
    assert rig.other.local_description is not None
    second = rig.other.request("UPDATE", rig.other.local_description.changed(direction="inactive").text())
    rig.world.run(2.0)
    assert (first.status, second.status) == (200, 491)
    rig.finish()


@BOTH
def test_two_offers_of_one_side_do_not_overlap(by: str) -> None:
    """RFC 3261 §14.2 and RFC 3311 §5.2: 500 with Retry-After."""
    rig = Rig(by)
    rig.other.agent.reinvite_after = 0.5
    first = rig.reinvite(rig.offer.changed(media=(replace(rig.offer.media[0], direction="sendonly"),)), 0.1)
    second = rig.ask("UPDATE", rig.offer.changed().text())
    assert (first.status, second.status) == (200, 500)
    assert second.final is not None and 0 <= int(second.final.must("retry-after")) <= 10
    rig.finish()


@BOTH
def test_an_offerless_reinvite_meets_an_offer(by: str) -> None:
    rig = Rig(by)
    rig.other.agent.reinvite_after = 0.5
    first = rig.reinvite(rig.offer.changed(direction="sendonly"), 0.1)
    second = rig.other.reinvite(None)
    rig.world.run(2.0)
    assert second.status == 491 and first.status in (200, 491)
    rig.finish()


# Taken back while it is across.


def cancel(dialog: Dialog, request: ClientRequest) -> ClientRequest:
    """CANCEL of a re-INVITE."""
    from tests.world.reading import write

    sent = request.sent
    lines = [(name.title(), sent.must(name)) for name in ("via", "max-forwards", "from", "to", "call-id")]
    octets = write(f"CANCEL {sent.uri} SIP/2.0", [*lines, ("CSeq", f"{sent.cseq} CANCEL")])
    return ClientRequest(dialog.agent, octets, request.path)


@BOTH
def test_an_offer_is_taken_back_and_the_other_side_too_has_what_it_had(by: str) -> None:
    rig = Rig(by)
    rig.other.agent.reinvite_after = 0.5
    before = ways(rig.heard)
    request = rig.reinvite(rig.offer.changed(direction="sendonly"), 0.1)
    cancel(rig.asker, request)
    rig.world.run(5.0)
    assert request.status == 487
    assert ways(rig.heard) == before
    held = rig.reinvite(rig.offer.changed().changed(direction="inactive"))
    assert (held.status, ways(rig.heard)) == (200, ["inactive"])
    rig.finish()


@BOTH
def test_an_offer_is_taken_back_and_the_other_side_refuses_it_anyway(by: str) -> None:
    rig = Rig(by)
    rig.other.agent.reinvite_after, rig.other.agent.answers["INVITE"] = 0.5, 488
    request = rig.reinvite(rig.offer.changed(direction="sendonly"), 0.1)
    cancel(rig.asker, request)
    rig.world.run(2.0)
    rig.other.agent.answers["INVITE"] = 200
    held = rig.reinvite(rig.offer.changed().changed(direction="inactive"))
    assert (request.status, held.status) == (487, 200)
    rig.finish()


@BOTH
def test_an_offerless_reinvite_is_taken_back_while_it_is_across(by: str) -> None:
    """The offer that comes back is answered with what held before, or the far end would wait for its ACK."""
    rig = Rig(by)
    rig.other.agent.reinvite_after = 0.5
    before = ways(rig.heard)
    request = rig.reinvite(None, 0.1)
    cancel(rig.asker, request)
    rig.world.run(3.0)
    assert request.status == 487
    assert ways(rig.heard) == before and all(medium.port for medium in rig.heard.media)
    held = rig.reinvite(rig.offer.changed(direction="sendonly"))
    assert (held.status, ways(rig.heard)) == (200, ["sendonly"])
    rig.finish()


# Asked for an offer.


@BOTH
def test_asked_for_an_offer_we_ask_the_other_side(by: str) -> None:
    """SDP-8."""
    rig = Rig(by)
    asked = rig.reinvite(None)
    assert asked.status == 200
    (invite,) = rig.got("INVITE")
    assert not invite.message.sdp
    assert ways(rig.heard) == ["sendrecv"]
    rig.finish()


@BOTH
def test_asked_for_an_offer_the_other_side_refuses(by: str) -> None:
    rig = Rig(by)
    rig.other.agent.answers["INVITE"] = 480
    assert rig.reinvite(None).status == 480
    rig.finish()


@BOTH
def test_no_answer_comes_in_the_ack(by: str) -> None:
    """Both sides are hung up; the far end's offer is refused in its ACK."""
    rig = Rig(by)
    rig.asker.agent.acks = False
    rig.world.tolerate("ACK")
    asked = rig.reinvite(None, 0.2)
    octets = rig.asker.build("ACK", asked.sent.cseq)
    rig.asker.agent.transmit(octets, asked.path)
    rig.world.run(2.0)
    assert asked.status == 200
    assert (rig.asker.state, rig.other.state) == ("ended", "ended")
    assert all(medium.port == 0 for medium in rig.heard.media)
    rig.world.tolerate("waits")
    rig.world.run_until_idle()
    assert rig.world.switchboard.leftovers() == [] and not rig.world.switchboard.failures


@BOTH
def test_the_ack_never_comes(by: str) -> None:
    """RFC 3261 §13.3.1.4: the session is ended after 64·T1, on both sides."""
    rig = Rig(by)
    rig.asker.agent.acks = False
    rig.reinvite(None, 40.0)
    rig.world.tolerate("never acknowledged")
    rig.world.tolerate("no ACK")
    rig.world.finish()
    assert rig.asker.state == rig.other.state == "ended"
    assert rig.world.records[0].reason == "the answer was never acknowledged"


# An answer that is none.


@BOTH
def test_a_2xx_without_a_description_ends_the_call(by: str) -> None:
    rig = Rig(by)
    other = rig.other

    def answer(served: object, status: int) -> None:
        served.respond(200, headers=[other.agent.contact])  # type: ignore[attr-defined]

    other._answer_invite = answer  # type: ignore[method-assign]
    request = rig.reinvite(rig.offer.changed(direction="sendonly"), 3.0)
    assert request.status in (487, 488, 500)
    assert (rig.asker.state, rig.other.state) == ("ended", "ended")
    rig.world.finish()
    assert "without a session description" in rig.world.records[0].reason


# UPDATE.


@BOTH
def test_an_update_passes_as_an_update(by: str) -> None:
    rig = Rig(by, answer_headers=())
    request = rig.ask("UPDATE", rig.offer.changed(direction="sendonly").text())
    assert request.status == 200 and request.final is not None and request.final.sdp
    assert len(rig.got("UPDATE")) == 1 and ways(rig.heard) == ["sendonly"]
    assert "timer" in request.final.must("supported") and request.final.must("contact")
    rig.finish()


def test_an_update_becomes_a_reinvite_where_the_other_side_knows_no_update() -> None:
    """MTH-4."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    call = world.connect(ana, caller)
    sessions = list(world.switchboard.stack.dialogs.values())  # type: ignore[attr-defined]
    for session in sessions:
        session.peer_allows = frozenset({"INVITE", "BYE"})
    assert call.offer is not None
    request = call.update(call.offer.changed(direction="sendonly"))
    world.run(1.0)
    assert request.status == 200 and request.final is not None and request.final.sdp
    assert ana.heard("UPDATE") == []
    assert len([invite for invite in ana.heard("INVITE") if invite.to_tag]) == 1
    world.finish_after(call)


@BOTH
def test_an_update_without_an_offer_is_a_refresh(by: str) -> None:
    rig = Rig(by)
    request = rig.ask("UPDATE")
    assert request.status == 200 and rig.got("UPDATE") == []
    rig.finish()


def test_an_early_update_with_an_offer_is_told_to_wait() -> None:
    """FRK-20."""
    world = World()
    ana = world.phone("ana")
    call = world.caller().call()
    world.run_until(lambda: call.is_ringing)
    assert call.offer is not None
    assert call.session.request("UPDATE", call.offer.changed().text()) is not None
    world.run(1.0)
    update = next(request for request in call.caller.requests.values() if request.sent.method == "UPDATE")
    assert update.status in (491, 500)
    call.cancel()
    world.finish()
    assert ana.heard("UPDATE") == []


# Requests without an offer.


@BOTH
@pytest.mark.parametrize(
    ("method", "status"), [("INFO", 200), ("INFO", 469), ("MESSAGE", 415), ("NOTIFY", 489)]
)
def test_a_request_passes_and_the_far_ends_answer_comes_back(by: str, method: str, status: int) -> None:
    """MTH-1: never answered by us."""
    rig = Rig(by)
    rig.other.agent.answers[method] = status
    headers = (("Content-Type", "application/dtmf-relay"), ("Info-Package", "dtmf"), ("X-Private", "1"))
    request = rig.asker.request(method, "", headers)
    rig.world.run(1.0)
    assert request.status == status
    (passed,) = rig.got(method)
    assert passed.message.get("info-package") == "dtmf" and passed.message.get("x-private") is None
    rig.finish()


@BOTH
@pytest.mark.parametrize("silent", [None, 408])
def test_a_request_that_the_far_end_does_not_answer(by: str, silent: int | None) -> None:
    """RFC 4320 §4.2: never a 408; and the dialog is gone (RFC 3261 §12.2.1.2), so the call is."""
    rig = Rig(by)
    rig.other.agent.answers["INFO"] = silent
    request = rig.asker.request("INFO", "", (), may_fail=True)
    rig.world.run(40.0)
    assert request.status in (0, 500)
    rig.world.tolerate("481 to BYE")
    rig.world.finish()
    assert rig.asker.state == "ended"


@BOTH
def test_refer_is_declined_here(by: str) -> None:
    rig = Rig(by)
    request = rig.ask("REFER", headers=(("Refer-To", "<sip:eve@192.0.2.99>"),))
    assert request.status == 603 and rig.got("REFER") == []
    rig.finish()


@BOTH
def test_options_within_the_call_are_answered_here(by: str) -> None:
    rig = Rig(by)
    assert rig.ask("OPTIONS").status == 200 and rig.got("OPTIONS") == []
    rig.finish()


def test_a_request_before_there_is_another_side() -> None:
    """Nobody has answered: there is nowhere to pass it to."""
    world = World()
    ana, ben = world.phone("ana"), world.phone("ben")
    call = world.caller().call()
    world.run_until(lambda: ana.is_ringing and ben.is_ringing and call.is_ringing)
    request = call.session.request("INFO")
    world.run(1.0)
    assert request.status == 480
    assert ana.heard("INFO") == ben.heard("INFO") == []
    call.cancel()
    world.finish()


@BOTH
def test_the_call_ends_while_a_request_is_across(by: str) -> None:
    rig = Rig(by)
    rig.other.agent.answers["INFO"] = None
    request = rig.asker.request("INFO")
    rig.world.run(0.2)
    rig.other.hang_up()
    rig.world.run(1.0)
    assert request.status == 487
    rig.world.finish()


# Further corners.


def test_an_offer_in_a_prack_is_refused() -> None:
    """RFC 3262 §5; the INVITE's own exchange is still open."""
    world = World()
    ana = world.phone("ana")
    caller = world.caller()
    caller.pracks_after = None
    call = caller.call(headers=[("Require", "100rel")])
    world.run_until(lambda: call.is_ringing)
    ringing = call.provisionals[0][1]
    rack = ("RAck", f"{ringing.must('rseq')} {ringing.cseq} INVITE")
    prack = call.session.request("PRACK", caller.description().text(), [rack])
    world.run(1.0)
    assert prack.status == 488 and ana.heard("PRACK") == []
    call.cancel()
    world.finish()


@BOTH
def test_a_session_timer_is_agreed_anew_on_each_leg(by: str) -> None:
    """RFC 4028 §7.2, §9: each dialog has its own."""
    world = World()
    world.plan.session_expires = 1800
    timer = (("Session-Expires", "1800;refresher=uas"), ("Require", "timer"))
    ana = world.phone("ana", answers_after=1.0, answer_headers=timer)
    caller = world.caller()
    caller.supported = ana.supported = ("timer",)
    call = world.connect(ana, caller, headers=[("Session-Expires", "1800")])
    asker, other = (call.session, ana.dialog) if by == "caller" else (ana.dialog, call.session)
    assert asker.local_description is not None
    changed = asker.local_description.changed(direction="sendonly")
    request = asker.reinvite(changed, headers=[("Session-Expires", "900")])
    world.run(1.0)
    assert request.final is not None and request.final.must("session-expires").startswith("900;refresher=")
    passed = [message for message in other.heard_requests if message.method == "INVITE"][-1]
    assert passed.must("session-expires").startswith("1800;refresher=ua")
    world.finish_after(call)


@BOTH
def test_the_other_side_has_become_busy_until_the_relay_has_lent(by: str) -> None:
    """Its refresh waits for its ACK: two INVITEs at once must not be (RFC 3261 §14.1)."""
    rig = Rig(by)
    rig.world.relay.delay = 0.5
    rig.other.agent.acks_after = 1.0
    request = rig.reinvite(rig.offer.changed(media=(*rig.offer.media, Medium(kind="video", port=15200))), 0.3)
    refresh = rig.other.reinvite(rig.other.local_description)
    rig.world.run(3.0)
    assert (refresh.status, request.status) == (200, 491)
    rig.finish()


@BOTH
def test_an_offer_that_comes_back_too_late_and_has_other_media_is_refused(by: str) -> None:
    rig = Rig(by)
    rig.other.agent.reinvite_after = 0.5
    before = rig.other.local_description
    assert before is not None
    request = rig.reinvite(None, 0.1)
    rig.other.local_description = before.changed(media=(*before.media, Medium(kind="video", port=15200)))
    cancel(rig.asker, request)
    rig.world.run(3.0)
    assert request.status == 487
    assert [medium.port for medium in rig.heard.media] == [0, 0]
    rig.other.local_description = rig.other.local_description.changed(media=before.media)
    rig.finish()


@BOTH
@pytest.mark.parametrize("offerless", [False, True])
def test_the_other_side_has_yet_to_acknowledge_its_refresh(by: str, offerless: bool) -> None:
    """RFC 3261 §14.1: no INVITE of ours may go there; whoever asks may come again."""
    rig = Rig(by)
    rig.other.agent.acks_after = 1.0
    rig.other.reinvite(rig.other.local_description)
    rig.world.run(0.2)
    assert rig.reinvite(None if offerless else rig.offer.changed(direction="sendonly"), 0.5).status == 491
    rig.world.run(3.0)
    assert rig.reinvite(rig.offer.changed(direction="sendonly")).status == 200
    rig.finish()
