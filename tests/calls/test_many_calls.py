"""Calls side by side: none touches another. T44 in small."""

from __future__ import annotations

from b2bua.calls.recipient import DialStep, Recipient
from tests.world.network import Link
from tests.world.world import World


def test_a_hundred_calls_at_once_over_a_lossy_network() -> None:
    """T44: one packet in twenty lost, both ways; nobody stuck, nothing left over, one record each."""
    world = World(seed=44)
    world.network.link = Link(delay=0.01, jitter=0.01, loss=0.05, duplication=0.02)
    world.phone("ana", answers_after=1.0)
    world.phone("ben", answers_after=1.01)
    world.phone("cora", fails_after=0.5)
    caller = world.caller()
    calls = []
    for _ in range(100):
        calls.append(caller.call())
        world.run(0.02)
    world.run(40.0)
    assert all(call.is_answered for call in calls)
    assert len({endpoint.call for endpoint in world.relay.endpoints.values()}) == 100
    for call in calls:
        call.hang_up()
        world.run(0.02)
    world.finish()
    assert len(world.records) == 100
    assert len({record.id for record in world.records}) == 100


def test_two_numbers_ring_their_own_recipients() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    ben = world.phone("ben", is_recipient=False, answers_after=1.0)
    world.plan.numbers["+15550101"] = DialStep(recipients=(Recipient(name="ben", uri=ben.uri),))
    caller = world.caller()
    first, second = caller.call(), caller.call("+15550101")
    world.run(3.0)
    assert len(ana.calls) == len(ben.calls) == 1
    ana.media.say(b"ana", ana.dialog.remote_description)  # type: ignore[arg-type]
    ben.media.say(b"ben", ben.dialog.remote_description)  # type: ignore[arg-type]
    world.run(0.1)
    assert caller.media.payloads == {b"ana", b"ben"}
    first.hang_up()
    world.run(1.0)
    assert second.is_answered and ben.is_talking and not ana.is_talking
    world.finish_after(second)
    assert sorted(record.dialled for record in world.records) == ["+15550100", "+15550101"]


def test_a_call_ends_at_its_limit() -> None:
    """DialStep.duration_limit."""
    world = World()
    world.plan.duration_limit = 30.0
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    world.run(27.0)
    assert call.is_answered
    world.run(5.0)
    assert call.is_over and ana.call.state == "ended"
    world.finish()
    assert world.records[0].ended_by == "service"


def test_live_events_tell_the_story() -> None:
    """Notices: from the start to the end, each with the time that the world had."""
    world = World()
    ana = world.phone("ana", answers_after=2.0)
    world.phone("ben")
    call = world.connect(ana)
    world.finish_after(call)
    assert len(world.notices) >= 4
    times = [at for at, _ in world.notices]
    assert times == sorted(times)
    text = " ".join(str(notice) for _, notice in world.notices)
    assert "ana" in text and "ben" in text
