"""Only a person can answer: nobody is connected who has not pressed 1. M8, product 5d."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.flow import NOBODY_ANSWERED, Decline, Dial
from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome
from rtp_relay import control
from tests.calls.dialling import ASK, TOO_LATE, WHISPER, WHISPERED, ask, ring
from tests.world.caller import TrunkCall
from tests.world.description import Medium
from tests.world.phone import Phone
from tests.world.world import World


def asked(ring_time: float = 30.0, **dial: Any) -> tuple[World, list[Phone], TrunkCall]:
    """Ana, who has answered and hears the prompt since a second, Ben and Carl, who ring."""
    world = World()
    phones = [world.phone("ana", answers_after=1.0), world.phone("ben"), world.phone("carl")]
    ask(world, phones, ring_time=ring_time, **dial)
    call = world.caller().call()
    world.run_until(lambda: phones[0].is_talking)
    world.run(1.0)
    return world, phones, call


def outcomes(record: CallRecord) -> list[RecipientOutcome | None]:
    return [recipient.outcome for recipient in record.recipients]


def ended(world: World) -> CallRecord:
    world.finish()
    (record,) = world.records
    return record


def test_the_others_ring_on_while_one_is_asked_and_his_key_connects_him() -> None:
    world, (ana, ben, carl), call = asked()
    assert world.relay.stage.sounding(1) == "press 1"
    assert ben.is_ringing and carl.is_ringing and call.statuses == [180]
    assert world.relay.of(control.Bridge) == []
    ana.press("1")
    pressed = world.clock.now
    world.run_until(lambda: call.is_answered)
    assert world.clock.now - pressed < 0.1
    world.run(0.1)
    assert world.relay.stage.sounded[-1].reason == "stopped"
    assert ben.call.answered_elsewhere and carl.call.answered_elsewhere
    world.finish_after(call)
    (record,) = world.records
    assert record.answered_by == "ana"
    assert outcomes(record) == [RecipientOutcome.ANSWERED, RecipientOutcome.STOPPED, RecipientOutcome.STOPPED]


def test_the_prompt_is_repeated_with_a_pause() -> None:
    world, _, call = asked()
    world.run(5.0)
    assert world.relay.stage.heard(1) == ["press 1"] * 2
    began = [sounded.began_at for sounded in world.relay.stage.sounded]
    assert began[1] - began[0] == pytest.approx(3.0, abs=0.1)
    call.cancel()
    world.finish()


def test_a_wrong_key_repeats_it_at_once() -> None:
    world, (ana, *_), call = asked()
    ana.press("7")
    world.run(0.1)
    assert [sounded.reason for sounded in world.relay.stage.sounded] == ["replaced", ""]
    assert ana.is_talking
    ana.press("1")
    world.run(0.1)
    assert call.is_answered
    world.finish_after(call)


def test_two_declines_and_the_others_ring_on() -> None:
    world, (ana, ben, _), call = asked()
    ana.press("2")
    world.run(0.1)
    assert ana.call.state == "ended" and ben.is_ringing and not call.status
    call.cancel()
    assert ended(world).recipients[0].outcome is RecipientOutcome.DECLINED


def test_two_declines_for_everyone_where_the_step_says_so() -> None:
    """S3."""
    world, (ana, ben, _), call = asked(decline=Decline.EVERYONE)
    ana.press("2")
    world.run(0.1)
    assert call.status == 480 and ben.missed_call
    record = ended(world)
    assert record.outcome is CallOutcome.DECLINED
    assert outcomes(record)[1:] == [RecipientOutcome.STEP_ENDED] * 2


def test_603_declines_for_everyone_too() -> None:
    world, (ana, ben, _), call = asked(decline=Decline.EVERYONE)
    ben.fail(603)
    world.run(0.1)
    assert call.status == 480 and ana.call.state == "ended"
    world.finish()


def test_who_does_nothing_is_hung_up_and_nobody_else() -> None:
    """5d: a mailbox hears the prompt until its time is over; the others are unaffected."""
    world, (ana, ben, _), call = asked()
    world.run_until(lambda: ana.call.state == "ended", limit=9.1)
    assert ben.is_ringing and not call.status
    ben.answer()
    world.run(0.5)
    ben.press("1")
    world.run(0.1)
    assert call.is_answered
    world.finish_after(call)
    (record,) = world.records
    assert outcomes(record)[:2] == [RecipientOutcome.NOT_CONFIRMED, RecipientOutcome.ANSWERED]
    assert record.recipients[0].sentence == "Answered after 1.0 s, but did not press 1"


def test_alone_who_does_nothing_ends_the_step() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ask(world, [ana], confirm_time=5.0)
    call = world.caller().call()
    world.run(6.2)
    assert call.status == 480
    record = ended(world)
    assert record.outcome is CallOutcome.NO_ANSWER
    assert record.sentence == "ana did not press 1"


def test_hanging_up_in_the_prompt_ends_that_branch_only() -> None:
    world, (ana, ben, _), call = asked()
    ana.hang_up()
    world.run(1.0)
    assert ben.is_ringing and not call.status
    call.cancel()
    assert ended(world).recipients[0].outcome is RecipientOutcome.NOT_ACCEPTED


@pytest.mark.parametrize("keys", ["1", "71"])
def test_a_key_in_the_whisper_counts(keys: str) -> None:
    world, (ana, *_), call = asked(whisper=WHISPER)
    assert world.relay.stage.sounding(1) == WHISPERED
    ana.press(keys)
    world.run(1.2)
    assert call.is_answered
    assert world.relay.stage.heard(1) == [WHISPERED, "press 1"][: len(keys)]
    world.finish_after(call)


def test_after_the_whisper_comes_the_prompt() -> None:
    world, _, call = asked(whisper=WHISPER)
    world.run(2.0)
    assert world.relay.stage.heard(1) == [WHISPERED, "press 1"]
    call.cancel()
    world.finish()


def test_each_recipient_may_be_asked_or_not() -> None:
    world = World()
    ana, ben = world.phone("ana", answers_after=1.0), world.phone("ben", answers_after=2.0)
    ring(world, [ana, ben], {"ana": {"press_one": True}}, confirm_prompt=ASK)
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    assert ben.is_talking
    world.run(1.0)
    assert ana.call.state == "ended" and ana.call.answered_elsewhere
    world.finish_after(call)
    assert world.records[0].recipients[0].sentence == "Answered after 1.0 s, but ben took the call first"


# Ring time.


def test_the_end_of_ring_time_leaves_him_his_time() -> None:
    """5d: who rings is stopped and shows a missed call; the caller hears ringing on."""
    world, (ana, ben, carl), call = asked(ring_time=5.0)
    world.run_until(lambda: not ben.is_ringing)
    world.run(1.0)
    assert ben.missed_call and carl.missed_call
    assert ana.is_talking and not call.status
    ana.press("1")
    world.run(0.1)
    assert call.is_answered
    world.finish_after(call)
    assert outcomes(world.records[0]) == [
        RecipientOutcome.ANSWERED, RecipientOutcome.NO_ANSWER, RecipientOutcome.NO_ANSWER,
    ]  # fmt: skip


def test_and_then_the_step_ends() -> None:
    world, (ana, *_), call = asked(ring_time=5.0)
    world.run_until(lambda: call.status, limit=9.2)
    assert call.status == 480 and ana.call.state == "ended"
    record = ended(world)
    assert record.outcome is CallOutcome.NO_ANSWER
    assert outcomes(record)[0] is RecipientOutcome.NOT_CONFIRMED


def test_a_stop_of_his_own_leaves_him_his_time_too() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana], {"ana": {"press_one": True, "stop_after": 3.0}}, confirm_prompt=ASK)
    call = world.caller().call()
    world.run(5.0)
    assert ana.is_talking
    ana.press("1")
    world.run(0.1)
    assert call.is_answered
    world.finish_after(call)


# Races.


def two_asked(**dial: Any) -> tuple[World, Phone, Phone, TrunkCall]:
    world = World(at_once=True)
    ana, ben = world.phone("ana", answers_after=1.0), world.phone("ben", answers_after=1.5)
    ask(world, [ana, ben], **dial)
    call = world.caller().call()
    world.run_until(lambda: ben.is_talking)
    world.run(0.5)
    return world, ana, ben, call


@pytest.mark.parametrize("apart", [0.0, 0.0004, 0.04])
def test_of_two_keys_the_first_wins(apart: float) -> None:
    """5d; the same instant, before our BYE could have left, and while the other hears that he is too late."""
    world, _, ben, call = two_asked()
    world.relay.stage.press(1, "1")
    world.run(apart)
    world.relay.stage.press(2, "1")
    world.run(0.1)
    assert call.is_answered and world.relay.stage.sounding(2) == "somebody else has it"
    world.run(3.0)
    assert ben.call.state == "ended" and ben.call.answered_elsewhere
    world.finish_after(call)
    (record,) = world.records
    second = record.recipients[1]
    assert (record.answered_by, second.outcome) == ("ana", RecipientOutcome.PRESSED_TOO_LATE)
    assert second.late_by == pytest.approx(apart * 1e6, abs=10)
    assert second.sentence.startswith("Pressed 1 too late (")


def test_without_a_prompt_for_it_he_is_hung_up_at_once_and_his_key_still_noted() -> None:
    world, _, ben, call = two_asked(too_late=None)
    world.relay.stage.press(1, "1")
    world.relay.stage.press(2, "1")
    world.run(0.1)
    assert ben.call.state == "ended"
    world.finish_after(call)
    assert world.records[0].recipients[1].outcome is RecipientOutcome.PRESSED_TOO_LATE


def test_too_late_is_told_for_three_seconds_at_most() -> None:
    world, ana, ben, call = two_asked()
    world.relay.stage.lengths["somebody else has it"] = 10.0
    ana.press("1")
    world.run(2.9)
    assert ben.is_talking
    world.run(0.2)
    assert ben.call.state == "ended"
    world.finish_after(call)


def test_he_hangs_up_while_he_is_told() -> None:
    world, ana, ben, call = two_asked()
    ana.press("1")
    world.run(0.5)
    ben.hang_up()
    world.run(0.5)
    assert call.is_answered and ana.is_talking
    assert world.relay.legs(world.relay.stage.sounded[0].call) == {0, 1}, "his endpoints are back"
    world.finish_after(call)


def test_the_flow_goes_on_while_he_is_told() -> None:
    """Who had claimed the call hangs up in the whisper: the words for who was too late are not cut off."""
    world = World()
    ana = world.phone("ana", answers_after=2.0, hangs_up_after=0.5)
    ben = world.phone("ben", answers_after=1.0)
    carl = world.phone("carl", answers_after=5.0)
    first = Dial(
        (world.dialled(ana, press_one=False), world.dialled(ben, press_one=True)), whisper=WHISPER,
        confirm_prompt=ASK, too_late=TOO_LATE, exits={NOBODY_ANSWERED: "more"},
    )  # fmt: skip
    world.flow(ring=first, more=Dial((world.dialled(carl),)))
    world.relay.stage.length = 2.0
    call = world.caller().call()
    world.run_until(lambda: carl.is_ringing)
    assert world.relay.stage.sounding(2) == "somebody else has it"
    world.run_until(lambda: carl.is_talking)
    told = next(each for each in world.relay.stage.sounded if each.words == "somebody else has it")
    assert told.reason == "finished" and not ben.is_talking
    world.finish_after(call)


@pytest.mark.parametrize("who", ["caller", "ana"])
def test_the_call_ends_while_he_is_told(who: str) -> None:
    world, ana, ben, call = two_asked()
    ana.press("1")
    world.run(0.5)
    if who == "caller":
        call.hang_up()
    else:
        ana.hang_up()
    world.run(0.1)
    assert ben.call.state == "ended" and ben.call.answered_elsewhere
    world.finish()


@pytest.mark.parametrize("key_first", [True, False])
def test_a_key_crosses_the_end_of_his_time(key_first: bool) -> None:
    world, ana, _, call = two_asked(confirm_time=5.0)
    (event, at) = (control.Digit(world.relay.stage.sounded[0].call, 1, "1", 20), 5.0 + 1.0035)
    world.run(at - world.clock.elapsed - (0.02 if key_first else -0.02))
    world.switchboard.relay_event(event, world.clock.now)
    world.run(0.1)
    assert call.is_answered is key_first and ana.is_talking is key_first
    if key_first:
        world.finish_after(call)
        return
    world.run(1.0)
    assert call.status == 480
    assert outcomes(ended(world)) == [RecipientOutcome.NOT_CONFIRMED] * 2


@pytest.mark.parametrize("key_first", [True, False])
def test_a_key_crosses_his_bye(key_first: bool) -> None:
    world, ana, ben, call = two_asked()
    event = control.Digit(world.relay.stage.sounded[0].call, 1, "1", 20)
    ana.hang_up()
    if not key_first:
        world.run(0.0015)
    world.switchboard.relay_event(event, world.clock.now)
    world.run(0.5)
    if key_first:
        assert call.is_over
        world.finish()
        assert world.records[0].answered_by == "ana"
        return
    assert ben.is_talking and not call.status
    call.cancel()
    assert ended(world).recipients[0].outcome is RecipientOutcome.NOT_ACCEPTED


def test_another_answer_comes_while_one_is_asked() -> None:
    world, ana, ben, call = two_asked()
    assert [world.relay.stage.sounding(leg) for leg in (1, 2)] == ["press 1", "press 1"]
    ben.press("1")
    world.run(0.1)
    assert call.is_answered and world.records == []
    world.run(3.0)
    assert ana.call.state == "ended"
    world.finish_after(call)
    first, second = world.records[0].recipients
    assert (first.outcome, second.outcome) == (RecipientOutcome.STOPPED, RecipientOutcome.ANSWERED)
    assert first.sentence == "Answered after 1.0 s, but ben took the call first"


def test_a_cancel_crosses_an_answer_when_the_key_came() -> None:
    """The loser's 200 meets a call that has a winner: ACK and BYE, and never a prompt."""
    world, (ana, ben, _), call = asked()
    ben.answer()
    world.relay.stage.press(1, "1")
    world.run(1.0)
    assert call.is_answered and ben.call.state == "ended" and ana.is_talking
    assert world.relay.stage.heard(2) == []
    world.finish_after(call)


def test_the_caller_gives_up_in_the_prompt() -> None:
    world, (ana, ben, _), call = asked()
    call.cancel()
    world.run(0.1)
    assert ana.call.state == "ended" and not ana.call.answered_elsewhere and ana.call.stop_reasons
    assert ben.missed_call
    record = ended(world)
    assert record.outcome is CallOutcome.ABANDONED
    assert outcomes(record) == [RecipientOutcome.CALLER_HUNG_UP] * 3


def test_the_operator_hangs_up_in_the_prompt() -> None:
    world, (ana, *_), call = asked()
    world.switchboard.hang_up(world.relay.stage.sounded[0].call, world.clock.now)  # type: ignore[attr-defined]
    world.run(0.1)
    assert call.status == 480 and ana.call.state == "ended"
    world.finish()


# The relay.


def test_what_cannot_be_played_leaves_him_his_time() -> None:
    world = World()
    world.relay.stage.fails = "no such file"
    ana = world.phone("ana", answers_after=1.0, presses=((4.0, "1"),))
    ask(world, [ana])
    call = world.caller().call()
    world.run_until(lambda: call.is_answered, limit=5.2)
    world.finish_after(call)
    assert "no such file" in world.records[0].recipients[0].reason


def test_a_relay_that_says_nothing_leaves_him_his_time() -> None:
    world = World()
    world.relay.stage.is_mute = True
    ana = world.phone("ana", answers_after=1.0)
    ask(world, [ana])
    call = world.caller().call()
    world.run(11.2)
    assert call.status == 480
    assert ended(world).recipients[0].outcome is RecipientOutcome.NOT_CONFIRMED


def test_a_new_relay_asks_again_and_hears_his_key() -> None:
    world, (ana, *_), call = asked()
    world.restart_relay()
    world.run(0.5)
    assert world.relay.stage.sounding(1) == "press 1"
    ana.press("1")
    world.run(0.5)
    assert call.is_answered
    world.finish_after(call)


@pytest.mark.parametrize("presses", [True, False])
def test_who_takes_no_codec_of_ours_may_press_it_unasked(presses: bool) -> None:
    """He hears nothing; the key that he presses by INFO or telephone-event counts all the same."""
    world = World()
    ana = world.phone("ana", answers_after=1.0, presses=((2.0, "1"),) if presses else ())
    ask(world, [ana])
    caller = world.caller()
    call = caller.call(offer=caller.description(media=(Medium(formats=("18", "101")),)))
    world.run(11.5)
    assert call.is_answered is presses
    if presses:
        call.hang_up()
    record = ended(world)
    assert "g729" in record.recipients[0].sentence
    expected = RecipientOutcome.ANSWERED if presses else RecipientOutcome.NOT_CONFIRMED
    assert outcomes(record) == [expected]


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/dtmf-relay", "Signal= 1\r\nDuration= 250\r\n"), ("application/dtmf", "1")],
)
def test_keys_by_info(kind: str, body: str) -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ask(world, [ana])
    caller = world.caller()
    call = caller.call(offer=caller.description(media=(Medium(formats=("0",)),)))  # no telephone-event
    world.run(2.0)
    info = ana.dialog.request("INFO", body, [("Content-Type", kind)])
    world.run(0.1)
    assert info.status == 200 and call.is_answered
    world.finish_after(call)


def test_a_call_without_an_offer() -> None:
    """RFC 3261 §13.2.1: he is asked by what our own offer agreed on."""
    world = World()
    ana = world.phone("ana", answers_after=1.0, presses=((1.0, "1"),))
    ask(world, [ana])
    call = world.caller().call(late_offer=True)
    world.run_until(lambda: call.is_answered, limit=2.2)
    assert world.relay.stage.heard(1) == ["press 1"]
    world.run(1.0)
    world.finish_after(call)


def test_nothing_asks_where_there_is_no_prompt() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0, presses=((1.0, "71"),))
    ask(world, [ana], confirm_prompt=None, too_late=TOO_LATE)
    call = world.caller().call()
    world.run_until(lambda: call.is_answered, limit=4.0)
    world.finish_after(call)
