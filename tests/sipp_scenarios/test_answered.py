"""Three are rung; who answers first has the call."""

from __future__ import annotations

import pytest

from tests.sipp_scenarios.stage import Stage

pytestmark = pytest.mark.sipp


def test_one_of_three_answers_and_the_others_are_told_so(stage: Stage) -> None:
    ana = stage.callee("Ana", "answers")
    losers = [stage.callee(name, "is_stopped") for name in ("Ben", "Carl")]
    caller = stage.caller("everyone", "talks_and_hangs_up")
    stage.play()
    assert [loser.only("CANCEL").is_elsewhere for loser in losers] == [True, True]
    assert not ana.only("BYE").is_elsewhere
    assert len(caller.received("180 INVITE")) == 1
    assert stage.outcomes() == {"": "answered", "Ana": "answered", "Ben": "stopped", "Carl": "stopped"}
