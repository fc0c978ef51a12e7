"""Offers that follow on the first, before anybody has answered: in UPDATE (RFC 3311) and PRACK (RFC 3262 §5)."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.recipient import EarlyMedia
from rtp_relay.control import Direct
from tests.world.caller import Caller, TrunkCall
from tests.world.description import Description, read, ways
from tests.world.phone import Phone
from tests.world.picking import sent_by
from tests.world.world import World

RELIABLY: dict[str, Any] = {"ring_status": 183, "ring_description": True, "ring_reliable": True}
PREVIEW: dict[str, Any] = {"ring_status": 183, "ring_description": True}


def able(world: World) -> Caller:
    world.plan.early_media = EarlyMedia.SINGLE
    caller = world.caller()
    caller.supported, caller.expects_early_media = ("100rel",), True
    return caller


def early(world: World, phone: Phone, offer_in_prack: dict[str, object] | None = None) -> TrunkCall:
    """A call whose caller hears the phone, and has acknowledged that by PRACK."""
    caller = able(world)
    offer = caller.description()
    if offer_in_prack is not None:
        caller.offers_in_prack = offer.changed(**offer_in_prack)
    call = caller.call(offer=offer)
    world.run_until(lambda: call.pracks and call.pracks[0].status)
    world.run(0.1)
    return call


def offered(call: TrunkCall, **changes: object) -> Description:
    assert call.offer is not None
    return call.offer.changed(**changes)


def moved(call: TrunkCall, port: int) -> Description:
    """The caller's description with its audio elsewhere."""
    assert call.offer is not None
    medium = call.offer.media[0]
    return offered(call, media=(type(medium)(kind=medium.kind, port=port, formats=medium.formats),))


def assert_both_hear(world: World, call: TrunkCall, phone: Phone) -> None:
    told = phone.dialog.remote_description
    assert told is not None
    for _ in range(3):
        call.caller.media.say(b"caller", call.remote_description)
        phone.media.say(b"callee", told)
        world.run(0.02)
    assert b"caller" in phone.media.payloads and b"callee" in call.caller.media.payloads


def test_a_prack_with_an_offer_is_put_to_whom_the_caller_hears() -> None:
    """RFC 3262 §5: "If the UAS receives a PRACK with an offer, it MUST place the answer in the 2xx to the PRACK"."""
    world = World()
    ana = world.phone("ana", **RELIABLY)
    call = early(world, ana, {"direction": "sendonly"})
    assert call.pracks[0].status == 200
    assert ways(call.remote_description) == ["recvonly"]
    assert len(ana.heard("UPDATE")) == 1 and ways(read(ana.heard("UPDATE")[0].sdp)) == ["sendonly"]
    ana.answer()
    world.run(0.5)
    assert call.is_answered and call.tags == {call.final.to_tag} and not call.final.sdp
    world.finish_after(call)


def test_after_an_update_the_200_brings_no_older_description() -> None:
    """RFC 3261 §13.2.1: the exchange of the INVITE is over; what was agreed upon since is what holds."""
    world = World()
    ana = world.phone("ana", **RELIABLY)
    call = early(world, ana)
    for direction, answer in (("inactive", "inactive"), ("sendrecv", "sendrecv")):
        update = call.update(offered(call, direction=direction))
        world.run(0.5)
        assert update.status == 200 and ways(call.remote_description) == [answer]
    assert len(ana.heard("UPDATE")) == 2
    ana.answer()
    world.run(0.5)
    assert call.is_answered and call.tags == {call.final.to_tag} and not call.final.sdp
    assert_both_hear(world, call, ana)
    hold = call.session.reinvite(offered(call, direction="sendonly"))
    world.run(0.5)
    assert hold.status == 200 and ways(call.remote_description) == ["recvonly"]
    world.finish_after(call)


def test_the_offer_of_a_recipient_reaches_the_caller_too() -> None:
    world = World()
    ana = world.phone("ana", **RELIABLY)
    call = early(world, ana)
    said = ana.call.early_dialog().local_description
    assert said is not None
    update = ana.call.early_dialog().request("UPDATE", said.changed(direction="sendonly").text())
    world.run(0.5)
    assert update.status == 200 and ways(call.remote_description) == ["sendonly"]
    ana.call.early_dialog().local_description = said.changed(direction="sendonly")
    ana.answer()
    world.run(0.5)
    assert call.is_answered and not call.final.sdp
    world.finish_after(call)


def test_an_offer_of_a_recipient_that_the_caller_cannot_be_asked_about() -> None:
    """Nothing says that he understands UPDATE: 488, and all is as before."""
    world = World()
    ana = world.phone("ana", **RELIABLY)
    world.network.alter(
        lambda packet: packet.begins("INVITE ") and packet.destination.host != ana.address.host,
        lambda octets: octets.replace(b"INFO, UPDATE, PRACK", b"INFO, PRACK"),
    )
    call = early(world, ana)
    said = ana.call.early_dialog().local_description
    assert said is not None
    update = ana.call.early_dialog().request("UPDATE", said.changed(direction="sendonly").text())
    world.run(0.5)
    assert update.status == 488
    ana.answer()
    world.run(0.5)
    assert call.is_answered
    world.finish_after(call)


def test_a_recipient_refuses_what_the_prack_offers() -> None:
    """RFC 6337, table 2: a PRACK is not refused; what was said before answers the new offer, as far as it can."""
    world = World()
    ana = world.phone("ana", **RELIABLY)
    ana.answers["UPDATE"] = 488
    world.tolerate("has version")  # the phone does not read what it refuses in an UPDATE
    call = early(world, ana, {"direction": "sendonly"})
    assert call.pracks[0].status == 200 and ways(call.remote_description) == ["recvonly"]
    ana.answer()
    world.run(0.5)
    assert call.is_answered and call.tags == {call.final.to_tag} and not call.final.sdp
    world.finish_after(call)


@pytest.mark.parametrize("by", ["UPDATE", "PRACK"])
def test_a_recipient_who_has_only_previewed_is_not_asked(by: str) -> None:
    """His offer is still unanswered by a reliable message: he could take no other (RFC 3311 §5.1)."""
    world = World()
    ana = world.phone("ana", **PREVIEW)
    call = early(world, ana, {"direction": "sendonly"} if by == "PRACK" else None)
    if by == "UPDATE":
        update = call.update(offered(call, direction="sendonly"))
        world.run(0.5)
        assert update.status == 200
    assert ways(call.remote_description) == ["recvonly"] and not ana.heard("UPDATE")
    ana.answer()
    world.run(0.5)
    assert call.is_answered and call.tags == {call.final.to_tag} and not call.final.sdp
    told = ana.dialog.remote_description
    assert told is not None and ways(told) == ["sendonly"], "he is told when the call is up"
    assert_both_hear(world, call, ana)
    world.finish_after(call)


def test_an_offer_in_the_prack_with_nothing_in_common() -> None:
    world = World()
    ana = world.phone("ana", **PREVIEW)
    caller = able(world)
    offer = caller.description()
    medium = offer.media[0]
    caller.offers_in_prack = offer.changed(media=(type(medium)(kind="audio", port=medium.port, formats=("18",)),))
    call = caller.call(offer=offer)
    world.run(1.0)
    assert call.pracks[0].status == 488
    ana.answer()
    world.run(0.5)
    assert call.is_answered and call.final.sdp
    world.finish_after(call)


def test_the_media_of_the_caller_move_before_he_is_answered() -> None:
    world = World()
    ana = world.phone("ana", **RELIABLY)
    call = early(world, ana)
    update = call.update(moved(call, 17000))
    world.run(0.5)
    assert update.status == 200
    ana.answer()
    world.run(0.5)
    ports = [each.port for _, each in world.relay.commands if isinstance(each, Direct) and each.leg == 0]
    assert ports[-1] == 17000
    world.finish_after(call)


def test_our_ringing_tone_is_agreed_upon_anew() -> None:
    """Nobody else is concerned: answered by us, and still the only answer of its dialog."""
    world = World()
    ana = world.phone("ana", answers_after=4.0)
    caller = able(world)
    world.plan.early_media = EarlyMedia.RINGBACK
    offer = caller.description()
    caller.offers_in_prack = offer.changed(direction="sendrecv")
    call = caller.call(offer=offer)
    world.run(1.0)
    assert call.pracks[0].status == 200 and len(call.remote_description.media[0].formats) == 2
    update = call.update(offer.changed().changed(direction="recvonly"))
    world.run(0.5)
    assert update.status == 200 and ways(call.remote_description) == ["sendonly"]
    world.run_until(lambda: call.is_answered)
    assert call.tags == {call.final.to_tag} and not call.final.sdp
    world.finish_after(call)
    assert ana.was_rung


def test_another_recipient_answers_than_the_one_agreed_with() -> None:
    """His answer is for the INVITE's own offer: a dialog of its own (RFC 3261 §13.2.2.4)."""
    world = World()
    ana = world.phone("ana", rings_after=0.1, **PREVIEW)
    ben = world.phone("ben", rings_after=0.2)
    caller = able(world)
    world.plan.early_media = EarlyMedia.FIRST
    caller.expects_forked_answers = True
    call = caller.call()
    world.run(1.0)
    update = call.update(offered(call, direction="sendonly"))
    world.run(0.5)
    assert update.status == 200
    dialog = ben.call.early_dialog()
    medium = ben.description().media[0]
    narrow = type(medium)(kind="audio", port=medium.port, formats=("8", "101"))
    dialog.local_description = ben.description(media=(narrow,))
    ben.answer()
    world.run(0.5)
    assert call.is_answered and len(call.tags) == 2 and ways(call.remote_description) == ["sendrecv"]
    assert_both_hear(world, call, ben)
    world.finish_after(call)
    assert ana.was_rung


def test_the_200_waits_for_the_answer_to_the_offer_in_the_prack() -> None:
    """While an exchange in a PRACK is open, the INVITE has no final response (RFC 6337)."""
    world = World()
    ana = world.phone("ana", **RELIABLY, answers_after=0.5)
    caller = able(world)
    caller.pracks_after = 1.0
    offer = caller.description()
    caller.offers_in_prack = offer.changed(direction="sendonly")
    call = caller.call(offer=offer)
    world.network.drop(sent_by(ana, "SIP/2.0 200", "UPDATE"), times=1)
    world.run_until(lambda: ana.is_talking)
    world.run_until(lambda: call.is_answered)
    answered = [packet.message.cseq_method for packet in world.sent("SIP/2.0 200", caller)]
    assert answered[:2] == ["PRACK", "INVITE"]
    assert ways(call.remote_description) == ["recvonly"]
    world.finish_after(call)


def test_the_recipient_fails_while_he_is_asked() -> None:
    """Whoever offered is answered all the same, and at once."""
    world = World()
    ana = world.phone("ana", **RELIABLY)
    ana.answers["UPDATE"] = None
    call = early(world, ana)
    update = call.update(offered(call, direction="sendonly"))
    world.run(0.2)
    ana.fail(486)
    world.run(0.2)
    assert update.status >= 400 and call.status == 486
    world.finish()


def test_the_caller_gives_up_while_his_prack_is_under_way() -> None:
    world = World()
    ana = world.phone("ana", **RELIABLY)
    ana.answers["UPDATE"] = None
    caller = able(world)
    offer = caller.description()
    caller.offers_in_prack = offer.changed(direction="sendonly")
    call = caller.call(offer=offer)
    world.run(1.0)
    call.cancel()
    world.run(0.5)
    assert call.status == 487 and call.pracks[0].status >= 400
    world.finish()


def test_the_recipient_who_has_asked_the_caller_fails_before_he_is_answered() -> None:
    """What the caller says still holds in his dialog, and the next exchange finds it closed."""
    world = World()
    ana = world.phone("ana", rings_after=0.1, **PREVIEW)
    ben = world.phone("ben", rings_after=0.2)
    caller = able(world)
    world.plan.early_media = EarlyMedia.FIRST
    caller.expects_forked_answers = True
    call = caller.call()
    world.run(0.5)
    ana.ring(183, description=True, reliable=True)
    world.run(0.1)
    world.network.hold(sent_by(caller, "SIP/2.0 200", "UPDATE"), 0.5)
    said = ana.call.early_dialog().local_description
    assert said is not None
    update = ana.call.early_dialog().request("UPDATE", said.changed(direction="sendonly").text())
    world.run(0.1)
    ana.fail(486)
    world.run(0.1)
    assert update.status == 481
    world.run(1.0)
    ben.answer()
    world.run(0.5)
    assert call.is_answered
    hold = call.session.reinvite(offered(call, direction="inactive"))
    world.run(0.5)
    assert hold.status == 200 and ways(call.remote_description) == ["inactive"]
    world.finish_after(call)


def waiting(world: World, ana: Phone) -> TrunkCall:
    """Ana has answered, and our 200 waits for the PRACK of a plain 180."""
    caller = world.caller()
    caller.supported, caller.pracks_after = ("100rel",), 2.0
    offer = caller.description()
    caller.offers_in_prack = offer.changed(direction="sendonly")
    call = caller.call(offer=offer, headers=[("Require", "100rel")])
    world.run_until(lambda: ana.is_talking)
    world.run(0.1)
    assert not call.status
    return call


def test_an_offer_before_the_first_is_answered_does_not_take_its_answer_away() -> None:
    """RFC 3262 §5: an offer in a PRACK follows on an answer. The 200 waits for it, and must say what we answered."""
    world = World()
    ana = world.phone("ana", answers_after=0.5)
    call = waiting(world, ana)
    update = call.update(offered(call, direction="inactive"))
    world.run(0.5)
    assert update.status == 500 and update.final is not None and update.final.get("retry-after")
    world.run_until(lambda: call.is_answered)
    assert call.pracks[0].status == 488 and call.final.sdp
    world.run(0.1)
    assert_both_hear(world, call, ana)
    world.finish_after(call)


@pytest.mark.parametrize("is_offered", [True, False])
def test_a_recipient_changes_his_media_while_our_200_waits(is_offered: bool) -> None:
    """RFC 3261 §14.2: 491; he asks again when the caller knows of the call."""
    world = World()
    ana = world.phone("ana", answers_after=0.5)
    call = waiting(world, ana)
    said = ana.dialog.local_description
    assert said is not None
    change = ana.dialog.reinvite(said.changed(direction="sendonly") if is_offered else None)
    world.run(0.5)
    assert change.status == 491
    world.run_until(lambda: call.is_answered)
    world.finish_after(call)


def test_a_recipient_changes_his_media_while_our_200_waits_for_the_prack_of_its_answer() -> None:
    """The caller has the answer, so that UPDATE can ask him; no INVITE fits in yet."""
    world = World()
    ana = world.phone("ana", **PREVIEW, answers_after=0.5)
    caller = able(world)
    caller.pracks_after = 2.0
    call = caller.call()
    world.run_until(lambda: ana.is_talking)
    world.run(0.1)
    said = ana.dialog.local_description
    assert said is not None
    asked = ana.dialog.reinvite(None)
    world.run(0.2)
    assert asked.status == 491
    change = ana.dialog.reinvite(said.changed(direction="sendonly"))
    world.run(0.5)
    assert change.status == 200 and ways(call.remote_description) == ["sendonly"]
    world.run_until(lambda: call.is_answered)
    assert not call.final.sdp
    world.finish_after(call)
