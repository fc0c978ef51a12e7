"""The stages between an answer and the caller. Whole calls are in tests/calls: test_whisper, test_press_one, ..."""

from __future__ import annotations

import gc

import pytest

from b2bua.calls import acceptance
from b2bua.calls.acceptance import Acceptance, Stage
from b2bua.calls.branch import Branch
from b2bua.calls.flow import NOBODY_ANSWERED, Dial, HangUp
from b2bua.calls.record import RecipientOutcome
from rtp_relay import control
from tests.calls.dialling import ASK, WHISPER, ask
from tests.world.world import World


def test_something_follows_on_every_stage() -> None:
    assert set(acceptance._AFTER) == set(Stage)


def branch_of(world: World, leg: int = 1) -> Branch:
    (call,) = world.switchboard.calls.values()  # type: ignore[attr-defined]
    found = next(branch for branch in call.branches if branch.number == leg)
    assert isinstance(found, Branch)
    return found


def asked() -> tuple[World, Acceptance]:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ask(world, [ana])
    world.caller().call()
    world.run(2.0)
    found = branch_of(world).acceptance
    assert found is not None and found.stage is Stage.ASKING
    return world, found


def test_what_the_relay_tells_of_something_else_changes_nothing() -> None:
    world, found = asked()
    now = world.clock.now
    for event in (
        control.Played("x", 1, 99, 1.0, "finished"),
        control.DigitsSent("x", 1, 1.0, "finished"),
        control.Recorded("x", 1, "", 1.0, "finished"),
    ):
        found.relay_event(event, now)
    assert found.stage is Stage.ASKING
    world.run(12.0)
    world.finish()


def test_it_prints_itself() -> None:
    world, found = asked()
    assert repr(found) == "<acceptance ana asking>"
    world.run(12.0)
    world.finish()


@pytest.mark.parametrize("key", ["1", "2", "5"])
def test_once_it_is_over_no_key_counts(key: str) -> None:
    world, found = asked()
    world.run(10.0)
    assert found.is_over
    found.key(key, world.clock.now)
    world.finish()
    assert world.records[0].recipients[0].outcome is RecipientOutcome.NOT_CONFIRMED


def test_in_the_second_dial_step_the_legs_count_on() -> None:
    world = World()
    ana, ben = world.phone("ana", fails_after=0.2), world.phone("ben", fails_after=0.2)
    carl = world.phone("carl", answers_after=0.5, presses=((1.0, "1"),))
    first = Dial((world.dialled(ana), world.dialled(ben)), exits={NOBODY_ANSWERED: "second"})
    second = Dial(
        (world.dialled(carl),),
        whisper=WHISPER,
        press_one=True,
        confirm_prompt=ASK,
        exits={NOBODY_ANSWERED: "end"},
    )
    world.flow(first=first, second=second, end=HangUp())
    call = world.caller().call()
    world.run(1.5)
    branch = branch_of(world, 3)
    assert (branch.index, branch.recipient.name, branch.is_asked) == (0, "carl", True)
    world.run(1.0)
    assert call.is_answered and carl.is_talking
    world.finish_after(call)
    (record,) = world.records
    assert (record.answered_by, record.answered_leg) == ("carl", 3)


@pytest.mark.parametrize("ending", ["accepted", "lost", "hangs up", "caller hangs up", "time is over"])
def test_it_leaves_no_ring_of_objects(ending: str) -> None:
    world = World()
    ana, ben = world.phone("ana", answers_after=1.0), world.phone("ben", answers_after=1.0)
    ask(world, [ana, ben])
    call = world.caller().call()
    world.run(2.0)
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    try:
        if ending in ("accepted", "lost"):
            (ana if ending == "accepted" else ben).press("1")
            world.run(1.0)
            call.hang_up()
        elif ending == "hangs up":
            ana.hang_up()
            ben.hang_up()
        elif ending == "caller hangs up":
            call.cancel()
        world.finish()
        gc.collect()
        ours = [each for each in gc.garbage if type(each).__module__.startswith(("b2bua.calls", "sip_stack"))]
        assert ours == []
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
