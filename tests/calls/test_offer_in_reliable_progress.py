"""An INVITE without an offer that requires 100rel: ours is in the first reliable provisional (RFC 3262 §5)."""

from __future__ import annotations

import pytest

from b2bua.calls import flow as flows
from b2bua.calls.flow import Dial, Prompt, PromptKind, Voicemail
from b2bua.calls.recipient import EarlyMedia
from b2bua.calls.record import CallOutcome
from tests.world.caller import Caller, TrunkCall
from tests.world.description import Medium, read
from tests.world.phone import Phone
from tests.world.world import World

REQUIRED = [("Require", "100rel")]


def requiring(world: World) -> Caller:
    caller = world.caller()
    caller.expects_early_media = True
    return caller


def assert_both_hear(world: World, call: TrunkCall, phone: Phone) -> None:
    told = phone.dialog.remote_description
    assert told is not None
    for _ in range(3):
        call.caller.media.say(b"caller", call.remote_description)
        phone.media.say(b"callee", told)
        world.run(0.02)
    assert phone.media.payloads == {b"caller"} and call.caller.media.payloads == {b"callee"}


@pytest.mark.parametrize("phones", [1, 3])
def test_our_offer_goes_first_and_the_recipients_get_what_the_caller_can_do(phones: int) -> None:
    world = World()
    ana = world.phone("ana", answers_after=2.0)
    others = [world.phone(f"other{number}") for number in range(phones - 1)]
    caller = requiring(world)
    call = caller.call(late_offer=True, headers=REQUIRED)
    world.run(1.0)
    first = call.provisionals[0][1]
    assert first.status == 183 and "100rel" in first.tokens("require")
    assert read(first.sdp).media[0].formats == ("0", "8", "101")
    assert call.statuses == [183, 180] and not call.provisionals[1][1].sdp
    assert [prack.status for prack in call.pracks] == [200, 200] and call.pracks[0].sent.sdp
    for phone in (ana, *others):
        assert read(phone.invites[0].sdp).media[0].formats == read(call.pracks[0].sent.sdp).media[0].formats
    world.run_until(lambda: call.is_answered)
    assert not call.final.sdp and call.tags == {call.final.to_tag}
    world.run(0.5)
    assert_both_hear(world, call, ana)
    assert not any(packet.begins("INVITE ") for packet in world.sent("INVITE ", caller))
    world.finish_after(call)


def test_nobody_rings_before_the_caller_has_answered() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = requiring(world)
    caller.pracks_after = 2.0
    call = caller.call(late_offer=True, headers=REQUIRED)
    world.run(1.9)
    assert not ana.was_rung
    world.run_until(lambda: ana.is_ringing, limit=1.0)
    world.run_until(lambda: call.is_answered)
    world.finish_after(call)


def test_a_recipient_who_takes_less_than_the_caller_does() -> None:
    """The caller could send what the recipient cannot hear: he is offered what is left, as soon as he has the 200."""
    world = World()
    ana = world.phone("ana")
    caller = requiring(world)
    call = caller.call(late_offer=True, headers=REQUIRED)
    world.run_until(lambda: ana.is_ringing)
    dialog = ana.call.early_dialog()
    dialog.local_description = ana.description(media=(Medium(port=ana.media.address.port, formats=("8", "101")),))
    ana.answer()
    world.run_until(lambda: call.is_answered)
    world.run(0.5)
    assert len(world.sent("INVITE ", caller)) == 1
    assert call.remote_description.media[0].formats == ("8", "101")
    assert_both_hear(world, call, ana)
    world.finish_after(call)


def test_the_caller_takes_nothing_of_it() -> None:
    world = World()
    ana = world.phone("ana")
    caller = requiring(world)
    caller.accepts = ()
    call = caller.call(late_offer=True, headers=REQUIRED)
    world.run(1.0)
    assert call.status == 488 and not ana.was_rung
    world.finish()


def test_a_prack_without_the_answer() -> None:
    world = World()
    ana = world.phone("ana")
    caller = requiring(world)
    caller.late_answers = False
    call = caller.call(late_offer=True, headers=REQUIRED)
    world.run(1.0)
    assert call.pracks[0].status == 200 and call.status == 488 and not ana.was_rung
    world.finish()


def test_the_prack_never_comes() -> None:
    world = World()
    ana = world.phone("ana")
    caller = requiring(world)
    caller.pracks_after = None
    call = caller.call(late_offer=True, headers=REQUIRED)
    world.run(40.0)
    assert call.status == 504 and not ana.was_rung
    world.finish()


def test_the_caller_gives_up_before_his_prack() -> None:
    world = World()
    ana = world.phone("ana")
    caller = requiring(world)
    caller.pracks_after = None
    call = caller.call(late_offer=True, headers=REQUIRED)
    world.run(0.5)
    call.cancel()
    world.run(0.5)
    assert call.status == 487 and not ana.was_rung
    world.finish()
    assert world.records[0].outcome is CallOutcome.ABANDONED


def test_early_media_of_the_recipient_without_another_word() -> None:
    """The exchange of the INVITE is over: who is heard is not described again."""
    world = World()
    ana = world.phone("ana", ring_status=183, ring_description=True)
    world.plan.early_media = EarlyMedia.SINGLE
    caller = requiring(world)
    call = caller.call(late_offer=True, headers=REQUIRED)
    world.run(1.0)
    assert [bool(response.sdp) for _, response in call.provisionals] == [True, False]
    told = ana.call.early_dialog().remote_description
    assert told is not None
    ana.media.say(b"the number you have dialled", told)
    world.run(0.1)
    assert caller.media.payloads == {b"the number you have dialled"}
    call.cancel()
    world.finish()


def test_our_ringing_tone_after_it() -> None:
    world = World()
    ana = world.phone("ana", answers_after=3.0)
    world.plan.early_media = EarlyMedia.RINGBACK
    call = requiring(world).call(late_offer=True, headers=REQUIRED)
    world.run_until(lambda: ana.is_ringing)
    world.run(0.5)
    assert world.relay.stage.sounding(0) == "ringback us"
    world.run_until(lambda: call.is_answered)
    world.run(0.5)
    assert_both_hear(world, call, ana)
    world.finish_after(call)


def test_nobody_answers_and_a_message_is_taken() -> None:
    world = World()
    ana = world.phone("ana")
    world.flow(
        ring=Dial((world.dialled(ana),), ring_time=5, exits={flows.NOBODY_ANSWERED: "mailbox"}),
        mailbox=Voicemail("team", Prompt(PromptKind.PLAY, "hello.wav")),
    )
    call = requiring(world).call(late_offer=True, headers=REQUIRED)
    world.run_until(lambda: call.is_answered)
    assert not call.final.sdp
    world.run_until(lambda: world.relay.stage.sounding(0) == "hello.wav")
    call.hang_up()
    world.finish()


def test_who_only_supports_100rel_gets_the_offer_in_the_200_as_ever() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    caller.supported = ("100rel",)
    call = caller.call(late_offer=True)
    world.run_until(lambda: call.is_answered)
    assert call.statuses == [180] and call.final.sdp
    world.finish_after(call)
    assert ana.was_rung
