"""Turns with weights: who begins how often, and never the same for two calls at once. Product S5."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from b2bua.calls.flow import Dial, Mode
from b2bua.calls.switchboard import Switchboard
from b2bua.flows.rotation import Turn
from tests.calls.dialling import WHISPER, ring
from tests.world.phone import Phone
from tests.world.world import World


def turns(world: World, phones: Sequence[Phone], weights: Sequence[int], **dial: Any) -> None:
    of: Mapping[str, Mapping[str, Any]] = {
        phone.name: {"weight": weight} for phone, weight in zip(phones, weights, strict=True)
    }
    ring(world, phones, of, mode=Mode.TURNS, **({"ring_time": 5.0} | dial))


def test_as_many_calls_begin_with_each_as_his_weight_says() -> None:
    world = World()
    phones = [world.phone(name, answers_after=0.1) for name in ("ana", "ben", "carl")]
    turns(world, phones, (3, 2, 1))
    caller = world.caller()
    for _ in range(12):
        call = caller.call()
        world.run(1.0)
        assert call.is_answered
        call.hang_up()
        world.run(1.0)
    world.finish()
    assert [len(phone.calls) for phone in phones] == [6, 4, 2]
    assert Counter(record.answered_by for record in world.records) == {"ana": 6, "ben": 4, "carl": 2}


def test_two_calls_at_once_begin_with_different_recipients() -> None:
    """Ana has the first two places, and one call rings her already."""
    world = World()
    ana, ben = phones = [world.phone("ana"), world.phone("ben")]
    turns(world, phones, (3, 1))
    caller = world.caller()
    first, second = caller.call(), caller.call()
    world.run(1.0)
    assert (len(ana.calls), len(ben.calls)) == (1, 1)
    first.cancel()
    second.cancel()
    world.run(1.0)
    third, fourth = caller.call(), caller.call()  # Ana's, in place of Ben's; and hers again, so that it is his
    world.run(1.0)
    assert (len(ana.calls), len(ben.calls)) == (2, 2)
    third.cancel()
    fourth.cancel()
    world.finish()


@pytest.mark.parametrize("end", ["hangs up", "all refuse", "answered", "gives up before anybody rings"])
def test_whose_call_is_over_is_not_taken_to_be_rung(end: str) -> None:
    """However it ends: the next call begins with Ana, whose the second place is as well."""
    world = World()
    behaviour: dict[str, Any] = {"answered": {"answers_after": 0.1}, "all refuse": {"fails_after": 0.1}}.get(end, {})
    ana, ben = phones = [world.phone(name, **behaviour) for name in ("ana", "ben")]
    turns(world, phones, (3, 1))
    caller = world.caller()
    call = caller.call()
    world.run(0.0005 if end == "gives up before anybody rings" else 1.0)
    if end == "answered":
        call.hang_up()
    elif not call.status:
        call.cancel()
    world.run(2.0)
    rung = len(ana.calls), len(ben.calls)
    call = caller.call()
    world.run(0.08)
    assert (len(ana.calls), len(ben.calls)) == (rung[0] + 1, rung[1])
    if not call.status:
        call.cancel()
    world.finish()


@pytest.mark.parametrize("seed", range(12))
def test_many_calls_that_overlap_leave_nobody_as_rung(seed: int) -> None:
    """However they end, and whoever is sticky: once all are over, no call is taken to ring anybody."""
    chance = random.Random(seed)
    world = World()
    phones = [
        world.phone("ana", answers_after=0.4),
        world.phone("ben", fails_after=0.3, failure=chance.choice((480, 486, 603))),
        world.phone("carl"),
        world.phone("dora", answers_after=0.2, hangs_up_after=0.5),
    ]
    turns(world, phones, [chance.randint(1, 4) for _ in phones], sticky=7, whisper=chance.choice((None, WHISPER)))
    caller = world.caller()
    for _ in range(25):
        call = caller.call(caller_number=f"+1555010{chance.randrange(4)}")
        world.run(chance.choice((0.001, 0.2, 0.7, 2.0)))
        if chance.random() < 0.5:
            world.run_until(lambda call=call: call.status, limit=60.0)  # type: ignore[misc]
        if call.is_answered:
            call.hang_up()
        elif not call.status:
            call.cancel()
    world.run(2.0)
    for call in caller.calls:
        if call.is_answered:
            call.hang_up()
    world.finish()
    switchboard = world.switchboard
    assert isinstance(switchboard, Switchboard)
    last = switchboard.turns.begin("flow", "ring", [phone_weight(world, phone) for phone in phones])
    assert isinstance(last, Turn)
    assert last.round.turns == [last]
    assert len(world.records) == 25 and any(record.answered_by for record in world.records)


def phone_weight(world: World, phone: Phone) -> int:
    assert world.plan.flow is not None
    step = world.plan.flow.steps["ring"]
    assert isinstance(step, Dial)
    return next(each.weight for each in step.recipients if each.name == phone.name)


def test_the_rotation_is_as_before_where_all_weigh_the_same() -> None:
    world = World()
    phones = [world.phone(name, answers_after=0.1) for name in ("ana", "ben", "carl")]
    turns(world, phones, (7, 7, 7))
    caller = world.caller()
    for _ in range(6):
        call = caller.call()
        world.run(0.5)
        call.hang_up()
        world.run(0.5)
    world.finish()
    assert [record.answered_by for record in world.records] == ["ana", "ben", "carl"] * 2
