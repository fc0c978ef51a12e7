"""Round robin, and callers who come to whoever took their last call. Product M5, S5."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sipp_scenarios.stage import Stage
from tests.sipp_scenarios.waiting import until

pytestmark = pytest.mark.sipp

LONG = 120  # seconds for whoever is there while others come and go


def rung(record: dict[str, Any]) -> list[str]:
    """Whom the call has rung."""
    return [each["name"] for each in record["recipients"] if each["invited_at"]]


def test_two_calls_at_once_ring_different_people_and_a_third_begins_with_the_next(stage: Stage) -> None:
    ana = stage.callee("Ana", "is_stopped", patience=LONG)
    first = stage.caller("turns", "is_refused", patience=LONG, terms={"status": "480"})
    until(lambda: first.received("180 INVITE"), 10.0, "Ana rings")
    ben = stage.callee("Ben", "answers")
    second = stage.caller("turns", "talks_and_hangs_up", port=stage.spare_port)
    stage.until_over(second, "Ben has taken the second call")
    assert not ana.received("CANCEL")  # she rang all the while
    carl = stage.callee("Carl", "answers")
    third = stage.caller("turns", "talks_and_hangs_up", port=stage.spare_port)
    stage.until_over(third, "Carl has taken the third call")
    stage.hang_up(first)
    stage.play()
    for party in (ana, ben, carl):
        party.only("INVITE")
    records = [stage.shown(caller) for caller in (first, second, third)]
    assert [rung(record) for record in records] == [["Ana"], ["Ben"], ["Carl"]]
    assert [record["answered_by"] for record in records] == [None, "Ben", "Carl"]


def test_a_caller_comes_to_whoever_took_his_last_call_also_after_a_restart(own_stage: Stage) -> None:
    """And the turns go on without him: the next caller's is Ben's."""
    stage, service = own_stage, own_stage.service
    ana = stage.callee("Ana", "answers", calls=2, patience=LONG)
    first = stage.caller("sticky", "talks_and_hangs_up")
    stage.until_over(first, "Ana has taken the first call")
    assert service.stop() == 0
    service.start()
    again = stage.caller("sticky", "talks_and_hangs_up", port=stage.spare_port)
    stage.until_over(again, "Ana has taken the second call")
    ben = stage.callee("Ben", "answers")
    other = stage.caller("sticky", "talks_and_hangs_up", port=stage.spare_port, terms={"from": "+15550124"})
    stage.play()
    assert [len(party.received("INVITE")) for party in (ana, ben)] == [2, 1]
    records = [stage.shown(caller) for caller in (first, again, other)]
    assert [record["answered_by"] for record in records] == ["Ana", "Ana", "Ben"]
    assert [rung(record) for record in records] == [["Ana"], ["Ana"], ["Ben"]]
    said = [record["recipients"][0]["sentence"] for record in records]
    assert ["took this caller's last call" in each for each in said] == [False, True, False]
