"""A caller who never sends the ACK (RFC 3261 §13.3.1.4)."""

from __future__ import annotations

import pytest

from tests.sipp_scenarios.stage import Stage

pytestmark = pytest.mark.sipp

T1 = 0.1  # of quick_stage


def test_the_200_is_repeated_and_both_sides_are_hung_up_in_the_end(quick_stage: Stage) -> None:
    ana = quick_stage.callee("Ana", "answers")
    caller = quick_stage.caller("ana", "never_acknowledges")
    quick_stage.play(repeats=["caller 1 < 200 INVITE"])
    answers = [message.at for message in caller.received("200 INVITE")]
    # At 0, T1, 3*T1, 7*T1, ... doubling to T2 = 4 s, until 64*T1.
    due = [0, 1, 3, 7, 15, 31, 63]
    assert [at - answers[0] for at in answers] == pytest.approx([T1 * each for each in due], abs=0.1)
    byes = [caller.only("BYE"), ana.only("BYE")]
    assert [bye.at - answers[0] for bye in byes] == pytest.approx([64 * T1] * 2, abs=0.1)
    assert all("Q.850;cause=102" in bye.header("Reason") for bye in byes)
    assert len(ana.received("ACK")) == 1
