"""A trunk that fails whatever it is asked is left alone for a while. Product 5d, OVL-4."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.breakers import FAILURES, REST
from b2bua.calls.record import CallOutcome, RecipientOutcome
from tests.world.phone import Phone
from tests.world.world import World


def storm(world: World, **parts: Any) -> Phone:
    """A recipient behind a trunk that fails, tried until it rests."""
    ben = world.phone("ben", recipient={"trunk": "carrier", "unreachable_after": 1.0}, **parts)
    caller = world.caller()
    for _ in range(FAILURES):
        call = caller.call()
        world.run_until(lambda call=call: call.status)  # type: ignore[misc]
    return ben


@pytest.mark.parametrize("status", [500, 503])
def test_the_next_call_rings_nobody_there_and_says_why(status: int) -> None:
    world = World()
    ben = storm(world, rings_after=None, fails_after=0.1, failure=status)
    call = world.caller("other", host="198.51.100.2").call()
    world.run(0.1)
    assert call.status == 480 and len(ben.calls) == FAILURES
    assert "carrier" in world.switchboard.breakers.states(world.clock.now)  # type: ignore[attr-defined]
    world.finish()
    record = world.records[-1]
    assert record.outcome is CallOutcome.UNREACHABLE
    assert record.recipients[0].sentence.startswith(f"Not reachable (the trunk carrier rests after {FAILURES}")


def test_who_is_rung_otherwise_rings_on() -> None:
    world = World()
    ana = world.phone("ana", answers_after=3.0)
    ben = storm_beside(world, ana)
    call = world.caller("other", host="198.51.100.2").call()
    world.run_until(lambda: ana.is_talking)
    assert len(ben.calls) == FAILURES
    world.finish_after(call)
    assert world.records[-1].recipients[1].outcome is RecipientOutcome.UNREACHABLE


def storm_beside(world: World, ana: Phone) -> Phone:
    ben = world.phone("ben", recipient={"trunk": "carrier"}, rings_after=None, fails_after=0.1, failure=503)
    caller = world.caller()
    for _ in range(FAILURES):
        call = caller.call()
        world.run_until(lambda: ana.is_talking)
        call.hang_up()
        world.run(1.0)
    return ben


def test_it_is_tried_again_after_the_rest_and_is_back() -> None:
    world = World()
    ben = storm(world, rings_after=None, fails_after=0.1, failure=503)
    world.run(REST)
    ben.script.fails_after, ben.script.answers_after = None, 0.5
    call = world.connect(ben, world.caller("other", host="198.51.100.2"))
    assert not world.switchboard.breakers.states(world.clock.now)  # type: ignore[attr-defined]
    world.finish_after(call)


@pytest.mark.parametrize("status", [486, 603, 404, 480])
def test_what_a_person_says_is_no_failure_of_the_trunk(status: int) -> None:
    world = World()
    ben = storm(world, rings_after=None, fails_after=0.2, failure=status)
    world.caller("other", host="198.51.100.2").call()
    world.run(1.0)
    assert len(ben.calls) == FAILURES + 1
    world.finish()


def test_who_progresses_and_fails_is_not_alive() -> None:
    """A 183 before each 503 is the trunk's own; a 180 is of a phone."""
    for status, is_left_alone in ((183, True), (180, False)):
        world = World()
        ben = storm(world, rings_after=0.05, ring_status=status, fails_after=0.2, failure=503)
        world.caller("other", host="198.51.100.2").call()
        world.run(1.0)
        assert (len(ben.calls) == FAILURES) is is_left_alone
        world.finish()


def test_silence_is_one() -> None:
    world = World()
    ben = storm(world, trying=False, rings_after=None)
    call = world.caller("other", host="198.51.100.2").call()
    world.run(0.1)
    assert call.status == 480
    world.finish()
    assert len({invite.call_id for invite in ben.invites}) == FAILURES
