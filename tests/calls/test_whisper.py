"""What a recipient is told before he is connected: he alone hears it, the caller hears ringing. M7, product 5d."""

from __future__ import annotations

import pytest

from b2bua.calls.flow import Prompt, PromptKind
from b2bua.calls.recipient import EarlyMedia
from b2bua.calls.record import CallOutcome, RecipientOutcome
from rtp_relay import control
from tests.calls.dialling import WHISPER, WHISPERED, ring
from tests.world.description import Medium
from tests.world.world import World

G729 = (Medium(formats=("18", "101")),)


def test_the_recipient_hears_it_and_the_caller_hears_ringing_until_its_end() -> None:
    world = World()
    ana, ben = world.phone("ana", answers_after=1.0), world.phone("ben")
    ring(world, [ana, ben], whisper=WHISPER)
    caller = world.caller()
    call = caller.call()
    world.run_until(lambda: ana.is_talking)
    world.run(1.9)
    assert world.relay.stage.sounding(1) == WHISPERED
    assert call.statuses == [180] and not call.is_answered
    assert ben.call.answered_elsewhere
    assert world.relay.of(control.Bridge) == []
    world.run_until(lambda: call.is_answered, limit=0.2)
    caller.media.say(b"hello", call.remote_description)
    world.run(0.1)
    assert b"hello" in ana.media.payloads
    world.finish_after(call)
    assert [sounded.leg for sounded in world.relay.stage.sounded] == [1]


def test_it_leaves_with_the_ack_and_waits_for_the_first_packet_no_longer_than_200_ms() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana], whisper=WHISPER)
    call = world.caller().call()
    world.run(5.0)
    (at,) = [at for at, command in world.relay.commands if isinstance(command, control.Play)]
    (play,) = world.relay.of(control.Play)
    assert isinstance(play, control.Play)
    assert at == world.sent("ACK ", ana)[0].sent_at
    assert 0 < play.patience <= 0.2 and play.repeat == 1
    assert play.codec == control.Codec(0, "PCMU", 8000)
    world.finish_after(call)


def test_its_variables_are_filled_in() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana], whisper=Prompt(PromptKind.SAY, "{caller} for {source} by {flow}, not {nobody}"))
    call = world.caller().call()
    world.run(5.0)
    (words,) = world.relay.stage.heard(1)
    assert "{caller}" not in words and "for Sales by flow, not {nobody}" in words
    world.finish_after(call)


@pytest.mark.parametrize("by_info", [False, True])
def test_any_key_ends_it_and_connects(by_info: bool) -> None:
    world = World()
    world.relay.stage.length = 20.0
    ana = world.phone("ana", answers_after=1.0, presses=((3.0, "5"),), by_info=by_info)
    ring(world, [ana], whisper=WHISPER)
    caller = world.caller()
    call = caller.call()
    world.run_until(lambda: call.is_answered, limit=4.1)
    assert world.relay.stage.sounding(1) == ""
    world.run(1.0)
    assert caller.media.payloads == set(), "the rest of the key is not for the caller"
    world.finish_after(call)


def test_a_key_after_it_goes_to_the_caller() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0, presses=((5.0, "5"),))
    ring(world, [ana], whisper=WHISPER)
    caller = world.caller()
    call = caller.call()
    world.run(8.0)
    assert len(caller.media.heard) == 7
    world.finish_after(call)


def test_hanging_up_in_it_ends_the_step_and_leaves_the_caller_alone() -> None:
    """FS-2830, FPBX-IT-479: he hears ringing on, and the next step."""
    world = World()
    ana = world.phone("ana", answers_after=1.0, hangs_up_after=1.0)
    ring(world, [ana, world.phone("ben")], whisper=WHISPER)
    call = world.caller().call()
    world.run(1.9)
    assert call.statuses == [180]
    world.run(0.3)
    assert call.status == 480
    world.finish()
    (record,) = world.records
    assert record.outcome is CallOutcome.NO_ANSWER and record.answered_by is None
    first, second = record.recipients
    assert first.outcome is RecipientOutcome.NOT_ACCEPTED
    assert first.sentence == "Answered after 1.0 s, but did not accept"
    assert second.outcome is RecipientOutcome.STOPPED


def test_the_caller_hangs_up_in_it() -> None:
    """5d: BYE to the recipient with a Reason, no sound any more, "Answered, but the caller had hung up"."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana], whisper=WHISPER)
    call = world.caller().call()
    world.run(2.0)
    call.cancel()
    world.run(0.1)
    assert call.status == 487
    assert ana.call.state == "ended" and ana.call.stop_reasons and not ana.call.answered_elsewhere
    assert world.relay.stage.sounded[0].reason == "stopped"
    world.finish()
    (record,) = world.records
    assert record.outcome is CallOutcome.ABANDONED
    (recipient,) = record.recipients
    assert recipient.outcome is RecipientOutcome.CALLER_HUNG_UP
    assert "but the caller had hung up" in recipient.sentence


def test_a_phone_that_never_rang_leaves_the_caller_no_silence() -> None:
    world = World()
    ana = world.phone("ana", rings_after=None, answers_after=0.5)
    ring(world, [ana], whisper=WHISPER)
    call = world.caller().call()
    world.run(1.0)
    assert call.statuses == [180] and ana.is_talking
    world.run(3.0)
    world.finish_after(call)


def test_what_cannot_be_played_is_left_out_and_noted() -> None:
    world = World()
    world.relay.stage.fails = "no such file"
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana], whisper=WHISPER)
    call = world.caller().call()
    world.run_until(lambda: call.is_answered, limit=1.1)
    world.finish_after(call)
    assert "no such file" in world.records[0].recipients[0].sentence


def test_a_relay_that_never_says_that_it_is_over_costs_half_a_minute() -> None:
    world = World()
    world.relay.stage.is_mute = True
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana], whisper=WHISPER)
    call = world.caller().call()
    world.run_until(lambda: call.is_answered, limit=31.1)
    world.finish_after(call)


def test_who_takes_no_codec_of_ours_is_connected_without_it() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana], whisper=WHISPER)
    caller = world.caller()
    call = caller.call(offer=caller.description(media=G729))
    world.run_until(lambda: call.is_answered, limit=1.1)
    assert world.relay.of(control.Play) == []
    world.finish_after(call)
    assert "g729" in world.records[0].recipients[0].sentence


def test_a_new_relay_begins_it_again() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana], whisper=WHISPER)
    call = world.caller().call()
    world.run(2.0)
    world.restart_relay()
    world.run_until(lambda: call.is_answered, limit=2.1)
    assert world.relay.stage.heard(1) == [WHISPERED, WHISPERED]
    world.finish_after(call)


def test_early_media_of_who_is_to_hear_it_is_not_for_the_caller() -> None:
    world = World()
    ana = world.phone("ana", answers_after=2.0, ring_status=183, ring_description=True)
    ring(world, [ana], whisper=WHISPER, early_media=EarlyMedia.FIRST)
    call = world.caller().call()
    world.run(3.0)
    assert world.relay.of(control.Bridge) == [] and set(call.statuses) == {180}
    world.run(3.0)
    world.finish_after(call)


@pytest.mark.parametrize("offers", [True, False])
def test_a_hold_in_it_has_to_wait(offers: bool) -> None:
    """491: he asks again when he is connected; nothing of it reaches the caller."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana], whisper=WHISPER)
    call = world.caller().call()
    world.run(2.0)
    local = ana.dialog.local_description
    assert local is not None
    hold = ana.dialog.reinvite(local.changed(direction="inactive") if offers else None)
    world.run(0.5)
    assert hold.status == 491
    world.run(2.0)
    assert call.is_answered
    world.finish_after(call)


@pytest.mark.parametrize(
    ("method", "kind", "body", "status"),
    [
        ("INFO", "application/dtmf-relay", "Signal=x", 415),
        ("INFO", "text/plain", "hello", 415),
        ("INFO", "", "", 200),
        ("MESSAGE", "text/plain", "hello", 480),
        ("REFER", "", "", 603),
        ("UPDATE", "", "", 200),
        ("OPTIONS", "", "", 200),
    ],
)
def test_what_else_he_may_ask_in_it_stays_with_us(method: str, kind: str, body: str, status: int) -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana], whisper=WHISPER)
    call = world.caller().call()
    world.run(2.0)
    asked = ana.dialog.request(method, body, [("Content-Type", kind)] if kind else (), may_fail=True)
    world.run(0.5)
    assert asked.status == status and not call.is_answered
    world.run(2.0)
    world.finish_after(call)
