"""Keys for an extension, sent after the answer and before anything else. M10."""

from __future__ import annotations

import pytest

from rtp_relay import control
from tests.calls.dialling import ASK, WHISPER, WHISPERED, ring
from tests.world.description import Medium
from tests.world.world import World

SWITCHBOARD = {"ana": {"extension": "ww214"}}


def test_the_keys_are_sent_before_the_caller_is_connected() -> None:
    world = World()
    ana, ben = world.phone("ana", answers_after=1.0), world.phone("ben")
    ring(world, [ana, ben], SWITCHBOARD)
    call = world.caller().call()
    world.run(2.0)
    (sent,) = world.relay.stage.sent
    assert (sent.digits, sent.leg, sent.payload_type, sent.clock_rate) == ("ww214", 1, 101, 8000)
    assert sent.pause == 0.5
    assert call.statuses == [180] and ben.call.answered_elsewhere
    world.run_until(lambda: call.is_answered, limit=0.7)
    world.finish_after(call)


def test_then_the_whisper_is_heard() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana], SWITCHBOARD, whisper=WHISPER)
    call = world.caller().call()
    world.run(2.5)
    assert world.relay.stage.sounded == []
    world.run(0.2)
    assert world.relay.stage.sounding(1) == WHISPERED
    world.run_until(lambda: call.is_answered, limit=2.1)
    world.finish_after(call)


def test_the_time_for_the_1_begins_after_them_and_their_echo_is_no_1() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    recipient = {"ana": {"extension": "wwww214", "press_one": True}}
    ring(world, [ana], recipient, confirm_prompt=ASK, confirm_time=5.0)
    call = world.caller().call()
    world.run(3.0)
    world.relay.stage.press(1, "1")
    world.run(0.1)
    assert not call.is_answered
    world.run(5.0)
    assert ana.is_talking
    world.relay.stage.press(1, "1")
    world.run(0.1)
    assert call.is_answered
    world.finish_after(call)


def test_a_relay_that_never_says_that_they_are_sent() -> None:
    world = World()
    world.relay.stage.is_mute = True
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana], SWITCHBOARD)
    call = world.caller().call()
    world.run_until(lambda: call.is_answered, limit=5.0)
    world.finish_after(call)


def test_keys_that_cannot_be_sent_are_noted_and_he_is_connected() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana], SWITCHBOARD)
    caller = world.caller()
    call = caller.call(offer=caller.description(media=(Medium(formats=("0",)),)))
    world.run_until(lambda: call.is_answered, limit=1.1)
    assert world.relay.of(control.SendDigits) == []
    world.finish_after(call)
    assert "the extension could not be dialled" in world.records[0].recipients[0].sentence


@pytest.mark.parametrize("who", ["caller", "ana"])
def test_somebody_hangs_up_while_they_are_sent(who: str) -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana], SWITCHBOARD)
    call = world.caller().call()
    world.run(2.0)
    if who == "caller":
        call.cancel()
    else:
        ana.hang_up()
    world.run(0.5)
    assert call.status == (487 if who == "caller" else 480)
    world.finish()
