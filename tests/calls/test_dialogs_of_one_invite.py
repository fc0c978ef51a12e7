"""One INVITE of ours may bring several dialogs, each with an exchange of its own (DLG-3, RFC 3261 §13.2.2.4)."""

from __future__ import annotations

from b2bua.calls.recipient import EarlyMedia
from tests.world.caller import TrunkCall
from tests.world.description import Description, read, ways
from tests.world.phone import Phone
from tests.world.world import World


def answered_elsewhere(world: World, ana: Phone) -> TrunkCall:
    """Ana has described herself reliably under one To-tag, and another device of hers answers under another."""
    caller = world.caller()
    caller.supported = ("100rel",)
    caller.expects_early_media = caller.expects_forked_answers = True
    call = caller.call()
    world.run(0.5)
    assert len(ana.call.pracks) == 1
    ana.call.early_dialog("device").local_description = other(ana)
    ana.call.answer("device")
    world.run(0.5)
    assert call.is_answered
    return call


def other(ana: Phone) -> Description:
    said = ana.call.early_dialog().local_description
    assert said is not None
    medium = said.media[0]
    return ana.description(media=(type(medium)(kind="audio", port=ana.media.address.port + 2, formats=("8", "101")),))


def reliable(world: World) -> Phone:
    return world.phone("ana", ring_status=183, ring_description=True, ring_reliable=True)


def test_the_answer_of_the_dialog_that_was_confirmed_counts() -> None:
    world = World()
    world.plan.early_media = EarlyMedia.SINGLE
    ana = reliable(world)
    call = answered_elsewhere(world, ana)
    assert call.remote_description.media[0].formats == ("8", "101"), "the caller has the winner's"
    world.finish_after(call)


def test_a_refresh_of_the_winner_is_known_for_one() -> None:
    """It says what the 200 said: nothing new, and nothing for the caller."""
    world = World()
    ana = reliable(world)
    call = answered_elsewhere(world, ana)
    refresh = ana.dialog.reinvite(ana.dialog.local_description)
    world.run(0.5)
    assert refresh.status == 200 and not world.sent("INVITE ", call.caller)
    world.finish_after(call)


def test_what_the_other_device_had_said_is_news_from_the_winner() -> None:
    world = World()
    ana = reliable(world)
    call = answered_elsewhere(world, ana)
    before = ana.call.early_dialog(ana.call.tag).local_description
    now = ana.dialog.local_description
    assert before is not None and now is not None
    change = ana.dialog.reinvite(now.changed(media=before.media))
    world.run(0.5)
    assert change.status == 200 and len(world.sent("INVITE ", call.caller)) == 1
    assert call.remote_description.media[0].formats == before.media[0].formats
    world.finish_after(call)


def test_a_refused_change_leads_back_to_the_right_one() -> None:
    """RFC 3261 §14.1: the session is as before the re-INVITE, which is as the 200 had it."""
    world = World()
    ana = reliable(world)
    call = answered_elsewhere(world, ana)
    ana.answers["INVITE"] = 488
    world.tolerate("has version")  # the phone does not count what it refuses
    assert call.offer is not None
    hold = call.session.reinvite(call.offer.changed(direction="sendonly"))
    world.run(0.5)
    assert hold.status == 488
    ana.answers["INVITE"] = 200
    hold = call.session.reinvite(call.offer.changed().changed(direction="sendonly"))
    world.run(0.5)
    assert hold.status == 200 and ways(call.remote_description) == ["recvonly"]
    world.finish_after(call)


def test_the_caller_is_asked_by_the_device_that_he_hears() -> None:
    """A mailbox behind the phone, say, under a To-tag of its own (FRK-21): its dialog is the one that is spoken in."""
    world = World()
    world.plan.early_media = EarlyMedia.SINGLE
    ana = reliable(world)
    caller = world.caller()
    caller.supported = ("100rel",)
    caller.expects_early_media = caller.expects_forked_answers = True
    call = caller.call()
    world.run(0.5)
    dialog = ana.call.early_dialog("mailbox")
    dialog.local_description = other(ana)
    ana.call.ring(183, description=True, reliable=True, tag="mailbox")
    world.run(0.5)
    assert len(ana.call.pracks) == 2 and len(call.pracks) == 2
    assert call.offer is not None
    update = call.update(call.offer.changed(direction="sendonly"))
    world.run(0.5)
    assert update.status == 200
    heard = ana.heard("UPDATE")
    assert [message.to_tag for message in heard] == ["mailbox"] and ways(read(heard[0].sdp)) == ["sendonly"]
    stray = ana.call.early_dialog(ana.call.tag).request("INFO", may_fail=True)
    world.run(0.5)
    assert stray.status == 491
    call.cancel()
    world.finish()
