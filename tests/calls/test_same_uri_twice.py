"""One URI stands twice in the list: two branches, each with an id of its own. T19, FRK-14."""

from __future__ import annotations

from tests.world.world import World


def test_both_ring_and_one_is_stopped() -> None:
    """T19: drachtio's simring kept its branches by URI, and never cancelled one of them."""
    world = World()
    ana = world.phone("ana")
    world.add_recipient(ana, name="ana again")
    call = world.caller().call()
    world.run(1.0)
    assert len(ana.calls) == 2
    first, second = ana.calls
    first.answer()
    world.run(1.0)
    assert call.is_answered
    assert first.state == "confirmed" and second.state == "stopped"
    assert second.answered_elsewhere
    world.finish_after(call)
    assert [each.name for each in world.records[0].recipients] == ["ana", "ana again"]
    assert world.records[0].answered_by == "ana"


def test_the_caller_gives_up_and_both_stop() -> None:
    world = World()
    ana = world.phone("ana")
    world.add_recipient(ana, name="ana again")
    call = world.caller().call()
    world.run(1.0)
    call.cancel()
    world.run(1.0)
    assert [each.state for each in ana.calls] == ["stopped", "stopped"]
    world.finish()


def test_both_answer_at_once_and_one_wins() -> None:
    world = World(at_once=True)
    ana = world.phone("ana", answers_after=1.0)
    world.add_recipient(ana, name="ana again")
    call = world.caller().call()
    world.run(3.0)
    assert sorted(each.state for each in ana.calls) == ["confirmed", "ended"]
    world.finish_after(call)
