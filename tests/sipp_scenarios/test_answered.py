"""Three are rung; who answers first has the call, and nobody else."""

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


def test_the_last_of_three_may_win_after_the_others_have_refused(stage: Stage) -> None:
    stage.callee("Ana", "refuses", terms={"status": "486", "reason": "Busy Here", "ring": "0"})
    stage.callee("Ben", "refuses", terms={"status": "603", "reason": "Decline", "ring": "100"})
    carl = stage.callee("Carl", "answers")
    stage.caller("everyone", "talks_and_hangs_up")
    stage.play()
    assert not carl.received("CANCEL")
    assert stage.outcomes() == {"": "answered", "Ana": "busy", "Ben": "declined", "Carl": "answered"}


def test_of_three_who_answer_at_once_one_has_the_call_and_two_are_hung_up(stage: Stage) -> None:
    callees = [stage.callee(name, "answers_without_ringing") for name in ("Ana", "Ben", "Carl")]
    caller = stage.caller("everyone", "talks_and_hangs_up")
    stage.play()
    assert len(caller.received("200 INVITE")) == 1
    # A 200 before any 1xx: there was never a moment for a CANCEL (RFC 3261 §9.1).
    assert [callee.story for callee in callees] == [
        ["< INVITE", "> 200 INVITE", "< ACK", "< BYE", "> 200 BYE"]
    ] * 3
    assert sorted(callee.only("BYE").is_elsewhere for callee in callees) == [False, True, True]
    outcomes = stage.outcomes()
    assert outcomes.pop("") == "answered"
    assert sorted(outcomes.values()) == ["answered", "answered too late", "answered too late"]
    winner = next(name for name, outcome in outcomes.items() if outcome == "answered")
    assert [callee.name for callee in callees if not callee.only("BYE").is_elsewhere] == [winner]


def test_a_200_that_crosses_the_cancel_gets_its_ack_and_then_a_bye(stage: Stage) -> None:
    stage.callee("Ana", "answers")
    ben = stage.callee("Ben", "crosses")
    stage.callee("Carl", "is_stopped")
    caller = stage.caller("everyone", "talks_and_hangs_up")
    stage.play()
    assert len(caller.received("200 INVITE")) == 1
    assert ben.story[-4:] == ["> 200 INVITE", "< ACK", "< BYE", "> 200 BYE"]
    assert ben.only("CANCEL").is_elsewhere and ben.only("BYE").is_elsewhere
    assert stage.outcomes() == {
        "": "answered", "Ana": "answered", "Ben": "answered too late", "Carl": "stopped",
    }  # fmt: skip


def test_a_lost_180_is_made_up_for_by_repeating_the_invite(stage: Stage) -> None:
    ana = stage.callee("Ana", "hears_late_and_answers", terms={"deaf": "700"})
    stage.callee("Ben", "is_stopped")
    stage.callee("Carl", "is_stopped")
    stage.caller("everyone", "talks_and_hangs_up")
    stage.play(repeats=["Ana < INVITE"])
    assert len(ana.received("INVITE")) == 2  # at 0 and T1; the next would be due at 3*T1
    assert stage.outcomes()["Ana"] == "answered"


def test_a_silent_loser_is_sent_the_invite_until_it_rings_and_only_then_the_cancel(stage: Stage) -> None:
    stage.callee("Ana", "answers", terms={"ring": "100"})
    stage.callee("Ben", "is_stopped")
    carl = stage.callee("Carl", "hears_late_and_is_stopped", terms={"deaf": "1700"})
    stage.caller("everyone", "talks_and_hangs_up", terms={"hold": "2000"})
    stage.play(repeats=["Carl < INVITE"])
    before = carl.story.index("> 180 INVITE")
    assert carl.story[: before + 2] == [*["< INVITE"] * before, "> 180 INVITE", "< CANCEL"]
    assert 2 <= before <= 3  # sent again after 0.5 s and after 1.5 s; a busy machine is late
    assert carl.only("CANCEL").is_elsewhere
    assert stage.outcomes()["Carl"] == "stopped"


def test_of_two_answers_to_one_invite_the_first_has_the_call_and_the_second_is_hung_up(stage: Stage) -> None:
    ana = stage.callee("Ana", "is_two", terms={"ring": "20"})
    caller = stage.caller("ana", "talks_and_hangs_up")
    stage.play()
    assert len(caller.received("200 INVITE")) == 1
    first, second = ana.received("BYE")
    assert second.at > first.at  # at once, and when the caller hangs up
    assert first.header("To").endswith(";tag=second")
    assert not second.header("To").endswith(";tag=second")
    # RFC 3261 §13.2.2.4: each 2xx has its own ACK.
    assert {message.header("To").partition(";tag=")[2] == "second" for message in ana.received("ACK")} == {
        True,
        False,
    }
    assert stage.outcomes() == {"": "answered", "Ana": "answered"}
