"""Who is not rung at all: the caller himself, and the same recipient a second time. Product 5d."""

from __future__ import annotations

import pytest

from b2bua.calls.record import RecipientOutcome
from tests.calls.dialling import ring
from tests.world.phone import Phone
from tests.world.world import World


def numbered(world: World, user: str) -> Phone:
    return world.phone(user)


@pytest.mark.parametrize("user", ["+15550199", "15550199", "0015550199"])
def test_nobody_rings_himself(user: str) -> None:
    world = World()
    own, ben = numbered(world, user), world.phone("ben", answers_after=1.0)
    ring(world, [own, ben])
    call = world.connect(ben)
    assert not own.was_rung
    world.finish_after(call)
    (first, _) = world.records[0].recipients
    assert first.outcome is RecipientOutcome.SKIPPED
    assert first.sentence == "Skipped (it is the caller's own number)"


@pytest.mark.parametrize("user", ["5550199", "+155501990", "ana"])
def test_another_number_is_another_number(user: str) -> None:
    world = World()
    other = numbered(world, user)
    ring(world, [other])
    call = world.caller().call()
    world.run(1.0)
    assert other.is_ringing
    call.cancel()
    world.finish()


def test_with_nobody_left_the_step_ends() -> None:
    world = World()
    own = numbered(world, "+15550199")
    ring(world, [own])
    call = world.caller().call()
    world.run(1.0)
    assert call.status == 480 and not own.was_rung
    world.finish()


def test_the_same_recipient_twice_in_a_step_of_a_flow_rings_once() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ring(world, [ana, ana])
    call = world.connect(ana)
    assert len(ana.calls) == 1
    world.finish_after(call)
    outcomes = [each.outcome for each in world.records[0].recipients]
    assert outcomes == [RecipientOutcome.ANSWERED, RecipientOutcome.SKIPPED]
