"""What the caller hears while it rings: his own ringback, our tone, music; and what it does to the codec (FRK-15)."""

from __future__ import annotations

import pytest

from b2bua.calls import flow as flows
from b2bua.calls.flow import Dial, Prompt, PromptKind
from b2bua.calls.recipient import EarlyMedia
from b2bua.calls.record import CallOutcome
from tests.world.caller import TrunkCall
from tests.world.description import Medium, read
from tests.world.phone import Phone
from tests.world.world import World

MUSIC = Prompt(PromptKind.PLAY, "music.mp3")
TONE = Prompt(PromptKind.TONE, "de")


def assert_both_hear(world: World, call: TrunkCall, phone: Phone) -> None:
    told = phone.call.dialog.remote_description
    assert told is not None
    for _ in range(3):
        call.caller.media.say(b"caller", call.remote_description)
        phone.media.say(b"callee", told)
        world.run(0.02)
    assert phone.media.payloads == {b"caller"} and call.caller.media.payloads == {b"callee"}


def ringback(world: World, *phones: Phone) -> TrunkCall:
    world.plan.early_media = EarlyMedia.RINGBACK
    caller = world.caller()
    caller.expects_early_media = True
    return caller.call()


def test_our_ringing_tone_until_somebody_answers() -> None:
    world = World()
    ana, ben = world.phone("ana", answers_after=4.0), world.phone("ben")
    call = ringback(world, ana, ben)
    world.run_until(lambda: ana.is_ringing)
    world.run(0.1)
    assert call.statuses == [183] and world.relay.stage.sounding(0) == "ringback us"
    sounded = world.relay.stage.sounded[0]
    assert (sounded.repeat, sounded.codec.name) == (0, "PCMU")
    world.run_until(lambda: call.is_answered)
    world.run(0.1)
    assert world.relay.stage.sounding(0) == "" and call.tags == {call.final.to_tag}
    assert call.provisionals[0][1].sdp == call.final.sdp, "RFC 3261 §13.2.1: the same answer"
    assert_both_hear(world, call, ana)
    world.finish_after(call)


def test_recipients_are_offered_that_codec_alone() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = ringback(world, ana)
    world.run_until(lambda: ana.is_ringing)
    assert call.offer is not None and len(call.offer.media[0].formats) > 2
    assert read(ana.invites[0].sdp).media[0].formats == ("0", "101")
    world.run_until(lambda: call.is_answered)
    world.finish_after(call)


def test_the_country_of_the_tone() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    world.flow(ring=Dial((world.dialled(ana),), caller_hears=TONE))
    caller = world.caller()
    caller.expects_early_media = True
    call = caller.call()
    world.run_until(lambda: call.is_answered)
    assert world.relay.stage.heard(0) == ["ringback de"]
    world.finish_after(call)


def test_music_begins_before_anybody_rings_and_goes_on_over_the_next_step() -> None:
    world = World()
    ana, ben = world.phone("ana", rings_after=2.0), world.phone("ben", rings_after=1.0, answers_after=3.0)
    world.flow(
        ring=Dial(
            (world.dialled(ana),), ring_time=10, caller_hears=MUSIC, exits={flows.NOBODY_ANSWERED: "more"}
        ),
        more=Dial((world.dialled(ben),), caller_hears=MUSIC),
    )
    caller = world.caller()
    caller.expects_early_media = True
    call = caller.call()
    world.run(0.5)
    assert world.relay.stage.sounding(0) == "music.mp3" and call.statuses == [183]
    world.run_until(lambda: call.is_answered)
    world.run(0.1)
    assert world.relay.stage.heard(0) == ["music.mp3", "music.mp3"] and len(call.tags) == 1
    assert_both_hear(world, call, ben)
    world.finish_after(call)


def test_nobody_answers_and_the_caller_is_told_so_as_ever() -> None:
    world = World()
    world.plan.ring_time = 5.0
    world.phone("ana")
    call = ringback(world)
    world.finish()
    assert call.status == 480 and world.records[0].outcome is CallOutcome.NO_ANSWER
    assert world.relay.stage.sounded[0].reason in ("stopped", "released")


def test_the_caller_hangs_up_in_the_tone() -> None:
    world = World()
    ana = world.phone("ana")
    call = ringback(world)
    world.run_until(lambda: ana.is_ringing)
    world.run(1.0)
    call.cancel()
    world.finish()
    assert call.status == 487 and world.records[0].outcome is CallOutcome.ABANDONED


def test_reliably_where_the_caller_knows_how() -> None:
    """RFC 3262: a 183 with a description wants its PRACK, and the 200 waits for it."""
    world = World()
    ana = world.phone("ana", answers_after=2.0)
    world.plan.early_media = EarlyMedia.RINGBACK
    caller = world.caller()
    caller.expects_early_media, caller.supported = True, ("100rel",)
    call = caller.call()
    world.run_until(lambda: call.is_answered)
    assert len(call.pracks) == 1
    world.run(0.1)
    assert_both_hear(world, call, ana)
    world.finish_after(call)


def test_a_caller_without_an_offer_keeps_his_own_ringback() -> None:
    """A 183 could only bring our offer, which nobody would have answered yet."""
    world = World()
    ana = world.phone("ana", answers_after=2.0)
    world.plan.early_media = EarlyMedia.RINGBACK
    call = world.caller().call(late_offer=True)
    world.run_until(lambda: call.is_answered)
    assert call.statuses == [180] and not world.relay.stage.sounded
    world.run(0.1)
    assert_both_hear(world, call, ana)
    world.finish_after(call)


def test_a_caller_without_an_offer_is_offered_what_the_recipient_took() -> None:
    """And not what we would have said in the tone that he never heard."""
    world = World()
    ana = world.phone("ana")
    world.plan.early_media = EarlyMedia.RINGBACK
    call = world.caller().call(late_offer=True)
    world.run_until(lambda: ana.is_ringing)
    pcma = Medium(port=ana.media.address.port, formats=("8", "101"))
    ana.call.early_dialog().local_description = ana.description(media=(pcma,))
    ana.answer()
    world.run_until(lambda: call.is_answered)
    assert call.remote_description.media[0].formats == ("8", "101")
    world.finish_after(call)


def test_a_caller_without_a_codec_of_ours_keeps_his_own_ringback() -> None:
    world = World()
    ana = world.phone("ana")
    world.plan.early_media = EarlyMedia.RINGBACK
    caller = world.caller()
    call = caller.call(body=caller.description().text().replace("RTP/AVP 0 8", "RTP/AVP 18 18"))
    world.run_until(lambda: ana.is_ringing)
    world.run(0.1)
    assert call.statuses == [180] and not world.relay.stage.sounded
    call.cancel()
    world.finish()


@pytest.mark.parametrize("away", [0.1, 5.0])
def test_a_relay_that_was_started_anew_goes_on_with_the_tone(away: float) -> None:
    world = World()
    ana = world.phone("ana", answers_after=20.0)
    call = ringback(world)
    world.run(2.0)
    world.restart_relay(away)
    world.run(0.5)
    assert world.relay.stage.sounding(0) == "ringback us"
    world.run_until(lambda: call.is_answered)
    world.run(0.1)
    assert_both_hear(world, call, ana)
    world.finish_after(call)


def test_early_media_of_recipients_is_not_heard_beside_ours() -> None:
    world = World()
    ana = world.phone("ana", ring_status=183, ring_description=True, answers_after=3.0)
    call = ringback(world)
    world.run(1.0)
    assert world.relay.stage.sounding(0) == "ringback us"
    assert not world.relay.bridges
    world.run_until(lambda: call.is_answered)
    world.finish_after(call)
    assert ana.was_rung
