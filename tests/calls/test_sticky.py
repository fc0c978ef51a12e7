"""A caller who calls again comes to whoever took his last call. Product S5."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.flow import Mode
from b2bua.calls.switchboard import Switchboard
from tests.calls.dialling import WHISPER, ring
from tests.world.caller import Caller, TrunkCall
from tests.world.phone import Phone
from tests.world.world import World

DAY = 86_400.0
ZOE = "+15550199"
YAN = "+15550198"


def sticky(world: World, phones: list[Phone], **dial: Any) -> None:
    in_turns: dict[str, Any] = {"mode": Mode.TURNS, "ring_time": 5.0, "sticky": 2}
    ring(world, phones, **(in_turns | dial))


def three(**dial: Any) -> tuple[World, list[Phone]]:
    world = World()
    phones = [world.phone(name, answers_after=0.1) for name in ("ana", "ben", "carl")]
    sticky(world, phones, **dial)
    return world, phones


def call_from(world: World, number: str = ZOE, **parts: Any) -> TrunkCall:
    callers = [agent for agent in world.agents if isinstance(agent, Caller)] or [world.caller()]
    return callers[0].call(caller_number=number, **parts)


def talk(world: World, number: str = ZOE, **parts: Any) -> TrunkCall:
    """One call that somebody takes."""
    call = call_from(world, number, **parts)
    world.run_until(lambda: call.is_answered, limit=20.0)
    world.run(0.5)
    call.hang_up()
    world.run(1.0)
    return call


def takers(world: World) -> list[str | None]:
    world.finish()
    return [record.answered_by for record in world.records]


def test_he_comes_to_the_same_and_the_turns_go_on_without_him() -> None:
    world, _ = three()
    for number in (ZOE, ZOE, YAN, ZOE, YAN, "+15550197"):
        talk(world, number)
    assert takers(world) == ["ana", "ana", "ben", "ana", "ben", "carl"]


def test_the_record_says_why_it_was_not_the_turn_of_another() -> None:
    world, _ = three()
    talk(world)
    talk(world)
    world.finish()
    first, second = [record.recipients[0].sentence for record in world.records]
    assert "took this caller's last call" in second and "took" not in first


def test_without_it_each_call_is_the_next_ones() -> None:
    world, _ = three(sticky=0)
    talk(world)
    talk(world)
    assert takers(world) == ["ana", "ben"]


def test_his_number_may_be_written_in_another_way() -> None:
    world, _ = three()
    talk(world, "+15550199")
    talk(world, "0015550199")
    assert takers(world) == ["ana", "ana"]


@pytest.mark.parametrize(
    "withheld",
    [{"headers": [("Privacy", "id")]}, {"number": "anonymous"}, {"number": "201"}, {"number": "zoe"}],
)
def test_who_has_no_number_to_be_known_by_takes_his_turn(withheld: dict[str, Any]) -> None:
    world, _ = three()
    talk(world, **withheld)
    talk(world, **withheld)
    assert takers(world) == ["ana", "ben"]


def test_who_withholds_his_number_today_is_not_known_by_it() -> None:
    world, _ = three()
    talk(world)
    talk(world, headers=[("Privacy", "id")])
    talk(world)
    assert takers(world) == ["ana", "ben", "ana"]


@pytest.mark.parametrize(("later", "who"), [(DAY, "ana"), (3 * DAY, "ben")])
def test_for_so_many_days(later: float, who: str) -> None:
    world, _ = three()
    talk(world)
    world.run(later)
    talk(world)
    assert takers(world) == ["ana", who]


def test_when_he_is_busy_the_turns_begin_and_who_takes_it_is_his_from_then_on() -> None:
    world, (ana, *_) = three()
    talk(world)
    ana.script.answers_after, ana.script.fails_after, ana.script.failure = None, 0.1, 486
    talk(world)
    talk(world)
    assert takers(world) == ["ana", "ben", "ben"]


def test_when_he_does_not_answer_the_next_rings_after_his_ring_time() -> None:
    world, (ana, ben, carl) = three()
    talk(world)
    ana.script.answers_after = None
    call = call_from(world)
    world.run(4.5)
    assert ana.is_ringing and not ben.was_rung
    world.run(1.5)
    assert call.is_answered and ben.is_talking and not carl.was_rung
    world.finish_after(call)
    assert world.records[-1].recipients[0].sentence.startswith("No answer")


def test_another_caller_begins_with_somebody_else_while_he_is_rung() -> None:
    world, (ana, ben, _) = three()
    talk(world, ZOE)
    talk(world, YAN)  # Ben's
    talk(world, "+15550197")  # Carl's, and Ana would be next
    ana.script.answers_after = None
    first = call_from(world)
    world.run(1.0)
    second = call_from(world, "+15550196")
    world.run(1.0)
    assert len(ana.calls) == 2 and second.is_answered and ben.is_talking
    first.cancel()
    world.finish_after(second)


def known(world: World, who: str) -> None:
    """Somebody has taken a call of Zoe's a minute ago."""
    switchboard = world.switchboard
    assert isinstance(switchboard, Switchboard)
    moment = world.clock.now + world.plan.wall_offset - 60.0
    switchboard.turns.remember("flow", "ring", ZOE.removeprefix("+"), who, 2, moment)


def test_who_is_known_from_before_is_rung_first() -> None:
    world, _ = three()
    known(world, "carl")
    talk(world)
    assert takers(world) == ["carl"]


def test_who_has_left_the_step_is_not_asked() -> None:
    world, _ = three()
    known(world, "dora")
    talk(world)
    talk(world, YAN)
    assert takers(world) == ["ana", "ben"]


def test_the_callers_own_number_is_passed_over_all_the_same() -> None:
    world = World()
    phones = [world.phone(name, answers_after=0.1) for name in ("ana", "ben", "carl")]
    of = {"carl": {"destination": f"sip:{ZOE}@203.0.113.12"}}
    ring(world, phones, of, mode=Mode.TURNS, ring_time=5.0, sticky=2)
    known(world, "carl")
    talk(world)
    talk(world)
    assert takers(world) == ["ana", "ana"]


def test_a_whisper_comes_before_he_counts_as_his() -> None:
    """Who hangs up in the whisper has not taken the call."""
    world = World()
    ana = world.phone("ana", answers_after=0.1, hangs_up_after=0.2)
    ben = world.phone("ben", answers_after=0.1)
    sticky(world, [ana, ben], whisper=WHISPER)
    talk(world)
    ana.script.hangs_up_after = None
    talk(world)
    assert takers(world) == ["ben", "ben"]


def test_in_other_modes_it_means_nothing() -> None:
    world = World()
    ana, ben = world.phone("ana", answers_after=0.1), world.phone("ben", answers_after=0.2)
    sticky(world, [ana, ben], mode=Mode.EVERYONE)
    talk(world)
    talk(world)
    assert len(ana.calls) == len(ben.calls) == 2
    world.finish()
