"""100rel and PRACK (RFC 3262), each side for itself."""

from __future__ import annotations

import pytest

from tests.sipp_scenarios.stage import Stage

pytestmark = pytest.mark.sipp


def test_a_caller_who_requires_it_gets_ringing_until_its_prack(stage: Stage) -> None:
    ana = stage.callee("Ana", "answers", terms={"ring": "400"})
    stage.callee("Ben", "is_stopped")
    stage.callee("Carl", "is_stopped")
    caller = stage.caller(
        "everyone", "acknowledges_ringing", terms={"status": "180", "fields": "Require: 100rel"}
    )
    stage.play()
    assert caller.only("180 INVITE").header("Require") == "100rel"
    # With several recipients, each may answer; nobody is asked for reliable ringing.
    assert "100rel" not in ana.only("INVITE").header("Supported")
    assert stage.outcomes() == {"": "answered", "Ana": "answered", "Ben": "stopped", "Carl": "stopped"}


def test_a_callee_who_requires_it_is_sent_a_prack(stage: Stage) -> None:
    ana = stage.callee("Ana", "wants_its_ringing_acknowledged")
    caller = stage.caller(
        "ana-heard-early", "acknowledges_ringing", terms={"status": "183", "fields": "Supported: 100rel"}
    )
    stage.play()
    assert "100rel" in ana.only("INVITE").header("Supported")
    assert ana.only("PRACK").header("RAck") == "7 1 INVITE"
    assert caller.only("183 INVITE").media_port == caller.only("200 INVITE").media_port
    assert stage.outcomes() == {"": "answered", "Ana": "answered"}


def test_a_callee_s_reliable_ringing_stays_on_its_side(stage: Stage) -> None:
    ana = stage.callee("Ana", "wants_its_ringing_acknowledged")
    caller = stage.caller("ana", "talks_and_hangs_up", terms={"fields": "Supported: 100rel"})
    stage.play()
    assert ana.only("PRACK").header("RAck") == "7 1 INVITE"
    assert caller.only("180 INVITE").header("RSeq") == ""


def test_an_extension_that_nobody_knows_is_refused_before_anybody_is_rung(stage: Stage) -> None:
    caller = stage.caller("ana", "is_refused", terms={"status": "420", "fields": "Require: 100rel, teleport"})
    stage.play()
    assert caller.only("420 INVITE").header("Unsupported") == "teleport"


def test_an_offer_in_a_prack_reaches_whom_the_caller_hears(stage: Stage) -> None:
    """RFC 3262 §5; the 200 has nothing more to say (RFC 3261 §13.2.1)."""
    ana = stage.callee("Ana", "is_asked_before_it_answers")
    caller = stage.caller("ana-heard-early", "offers_in_its_prack")
    stage.play()
    assert ana.only("UPDATE").direction == "sendonly"
    assert caller.only("200 PRACK").direction == "recvonly"
    assert caller.only("200 INVITE").body == ""
    assert stage.outcomes() == {"": "answered", "Ana": "answered"}


def test_a_caller_without_an_offer_who_requires_it_gets_ours_at_once(stage: Stage) -> None:
    """RFC 3262 §5: in the first reliable provisional; its PRACK has the answer, and Ana is offered that."""
    ana = stage.callee("Ana", "answers", terms={"ring": "400"})
    caller = stage.caller("ana", "offers_late_reliably")
    stage.play()
    assert caller.only("183 INVITE").media_port and caller.only("200 INVITE").body == ""
    assert ana.only("INVITE").media_port
    assert stage.outcomes() == {"": "answered", "Ana": "answered"}
