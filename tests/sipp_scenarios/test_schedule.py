"""Steps that go by the clock. The hours are the same, 9 to 15; which time it is there, the time zone says."""

from __future__ import annotations

import pytest

from tests.sipp_scenarios.stage import Stage

pytestmark = pytest.mark.sipp


@pytest.mark.parametrize(
    ("number", "name", "step"), [("by-day", "Ana", "team"), ("on-holiday", "Ben", "duty")]
)
def test_who_rings_is_who_the_clock_and_the_calendar_say(stage: Stage, number: str, name: str, step: str) -> None:
    stage.callee(name, "answers")
    caller = stage.caller(number, "talks_and_hangs_up")
    stage.play()
    record = stage.shown(caller)
    assert (record["flow"], record["steps"]) == (number, ["hours", step])
    assert (record["outcome"], record["answered_by"]) == ("answered", name)
    assert [each["name"] for each in record["recipients"]] == [name]


@pytest.mark.parametrize("number", ["by-night", "on-other-days"])
def test_outside_of_the_hours_nobody_rings(stage: Stage, number: str) -> None:
    caller = stage.caller(number, "is_refused", terms={"status": "486"})
    stage.play()
    assert not caller.received("180 INVITE")
    record = stage.shown(caller)
    assert (record["steps"], record["recipients"]) == (["hours"], [])
    assert (record["status"], record["answered_by"]) == (486, None)
