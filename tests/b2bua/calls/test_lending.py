"""Endpoints are lent by the relay: at once, late, never; and a relay that goes and comes back."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.lending import RELAY_PATIENCE
from b2bua.calls.recipient import DialStep
from b2bua.calls.record import CallOutcome
from b2bua.calls.state import State
from rtp_relay import control
from tests.b2bua.calls.scenes import only, record_id, record_of, ringing, talking
from tests.world.description import Description, Medium
from tests.world.world import World

# Preparing.


def test_all_legs_are_asked_for_at_once_each_with_all_media() -> None:
    world = World()
    world.phone("ana"), world.phone("ben", version=6)
    caller = world.caller()
    media = (Medium(port=15000), Medium(kind="video", port=15002, formats=("31",)))
    call = caller.call(offer=caller.description(media=media))
    world.run(0.5)
    (reserve,) = world.relay.of(control.Reserve)
    assert isinstance(reserve, control.Reserve)
    assert [(leg.leg, leg.interface, leg.media) for leg in reserve.legs] == [
        (0, "", 2),
        (1, "", 2),
        (2, "v6", 2),
    ]
    call.cancel()
    world.finish()


@pytest.mark.parametrize(
    ("parts", "status"),
    [
        ({"body": "v=0\r\nm=audio what\r\n"}, 400),
        ({"body": "no description"}, 400),
        ({"offer": Description("198.51.100.1", media=(Medium(port=0),))}, 488),
        ({"offer": Description("", media=(Medium(),), origin_address="198.51.100.1")}, 488),
        ({"headers": [("Session-Expires", "30"), ("Supported", "timer")]}, 422),
    ],
)
def test_an_invite_that_cannot_be_taken(parts: dict[str, Any], status: int) -> None:
    """SDP-6; RFC 4028 §9."""
    world = World()
    ana = world.phone("ana")
    call = world.caller().call(**parts)
    world.finish()
    assert call.status == status and not ana.was_rung
    assert world.relay.commands == [], "nothing was asked for, so nothing is released"
    record = record_of(world)
    assert (record.outcome, record.status, record.ended_by) == (CallOutcome.REFUSED, status, "service")
    assert record.recipients == [], "its flow has not begun"


def test_nobody_to_ring() -> None:
    world = World()
    world.plan.numbers["+15550111"] = DialStep(())
    call = world.caller().call("+15550111")
    world.finish()
    assert call.status == 480 and record_of(world).reason == "no recipient to ring"


def test_the_relay_refuses() -> None:
    world = World()
    ana = world.phone("ana")
    world.relay.refuses = "no ports left"
    call = world.caller().call()
    world.finish()
    assert call.status == 503 and call.final.get("retry-after") == "5" and not ana.was_rung
    assert (record_of(world).outcome, record_of(world).reason) == (CallOutcome.FAILED, "relay: no ports left")


def test_the_relay_is_late_and_lends_after_all() -> None:
    """What is lent to a call that is over goes back: Release was said behind Reserve."""
    world = World()
    ana = world.phone("ana")
    world.relay.delay = RELAY_PATIENCE + 3.0
    call = world.caller().call()
    world.run(RELAY_PATIENCE + 0.1)
    assert call.status == 503 and call.final.get("retry-after")
    world.finish()
    assert not ana.was_rung and record_of(world).reason == "the relay did not answer"
    kinds = [type(command) for _, command in world.relay.commands]
    assert kinds == [control.Reserve, control.Release]


def test_cancelled_before_the_relay_has_lent() -> None:
    world = World()
    ana = world.phone("ana")
    world.relay.delay = 1.0
    call = world.caller().call()
    world.run(0.5)
    call.cancel()
    world.finish()
    assert call.status == 487 and not ana.was_rung
    assert record_of(world).outcome is CallOutcome.ABANDONED
    assert world.relay.endpoints == {}


# The relay goes and comes back, in each state.


def lose(world: World) -> None:
    world.relay.dies()
    world.switchboard.relay_lost(world.clock.now)


def come_back(world: World) -> list[control.Command]:
    """What the new relay is told at once."""
    before = len(world.relay.commands)
    world.relay.is_dead = False
    world.switchboard.relay_is_back(world.clock.now)
    world.run(0.1)
    return [command for _, command in world.relay.commands[before:]]


def test_lost_while_preparing() -> None:
    world = World()
    world.phone("ana")
    world.relay.delay = 1.0
    call = world.caller().call()
    world.run(0.1)
    world.switchboard.relay_lost(world.clock.now)
    world.finish()
    assert call.status == 503 and call.final.get("retry-after") == "5"
    assert record_of(world).reason == "the relay is not there"


def test_lost_and_back_while_ringing() -> None:
    world, ana, ben, call = ringing()
    lose(world)
    world.run(1.0)
    assert ana.is_ringing and call.is_ringing, "it goes on ringing"
    told = come_back(world)
    (reserve,) = told
    assert isinstance(reserve, control.Reserve)
    assert [(leg.leg, leg.ports) for leg in reserve.legs] == [(0, (30000,)), (1, (30002,)), (2, (30004,))]
    ana.answer()
    world.run_until(lambda: call.is_answered)
    world.run(1.0)
    assert world.relay.legs(record_id(world)) == {0, 1}
    world.finish_after(call)
    assert not ben.is_ringing


def test_lost_and_back_while_they_talk() -> None:
    world, ana, call = talking()
    lose(world)
    world.run(1.0)
    assert call.is_answered and ana.is_talking
    told = come_back(world)
    assert [type(each) for each in told] == [control.Reserve, control.Direct, control.Direct, control.Bridge]
    world.finish_after(call)


def test_lost_and_back_after_the_leader_of_the_early_media_had_lost() -> None:
    """Nothing is said of legs that have given back their endpoints."""
    from b2bua.calls.recipient import EarlyMedia

    world = World()
    world.plan.early_media = EarlyMedia.FIRST
    ana = world.phone("ana", ring_status=183, ring_description=True)
    ben = world.phone("ben", rings_after=0.5, answers_after=2.0)
    caller = world.caller()
    caller.expects_early_media = True
    call = world.connect(ben, caller)
    lose(world)
    told = come_back(world)
    assert {each.leg for each in told if isinstance(each, control.Direct)} == {0, 2}
    assert ana.call.state == "stopped"
    world.finish_after(call)


def test_lost_while_the_call_waits_for_its_figures() -> None:
    world, _ana, call = talking()
    world.relay.delay = 60.0
    call.hang_up()
    world.run(0.1)
    assert only(world).state is State.OVER
    world.switchboard.relay_lost(world.clock.now)
    world.run(0.1)
    assert world.records, "the record is closed: no figures will come"
    world.finish()


def test_back_when_the_call_is_over() -> None:
    world, _ana, call = talking()
    world.relay.delay = 0.5
    call.hang_up()
    world.run(0.1)
    before = len(world.relay.commands)
    world.switchboard.relay_is_back(world.clock.now)
    world.run(0.1)
    assert world.relay.commands[before:] == []
    world.finish()


@pytest.mark.parametrize("late", [control.Silent("", 60.0), control.Figures("", ())])
def test_what_the_relay_says_late_of_a_ringing_call_is_let_be(
    late: control.Silent | control.Figures,
) -> None:
    world, ana, _ben, call = ringing()
    made = type(late)(record_id(world), *[getattr(late, name) for name in late.__struct_fields__[1:]])
    world.switchboard.relay_event(made, world.clock.now)
    world.run(1.0)
    assert ana.is_ringing and call.is_ringing
    call.cancel()
    world.finish()


def test_silence_ends_a_call() -> None:
    world, ana, call = talking()
    world.relay.goes_silent(record_id(world), 60.0)
    world.finish()
    assert call.bye_heard is not None and "Media timeout" in call.bye_heard.must("reason")
    assert "Media timeout" in ana.call.stop_reasons[0]
    assert record_of(world).reason == "media timeout"
