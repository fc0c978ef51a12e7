"""Offers that cross: with more media, in an UPDATE, refused, and two at once."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rtp_relay import control
from tests.b2bua.calls.two_sides import BOTH, Rig, cancel
from tests.world.description import Medium, ways
from tests.world.world import World

IMAGE = Medium(kind="image", port=15100, profile="udptl", formats=("t38",), attributes=("T38FaxVersion:0",))


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
def test_what_is_no_description_is_refused_here(by: str) -> None:
    rig = Rig(by)
    request = rig.asker.request("INVITE", "v=0\r\nm=audio what\r\n")
    rig.world.run(1.0)
    assert request.status == 400
    assert rig.got("INVITE") == []
    rig.finish()


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
