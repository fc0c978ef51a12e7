"""Session timers (RFC 4028), one a dialog."""

from __future__ import annotations

import pytest

from tests.sipp_scenarios.house import HALF_OF_SHORTEST
from tests.sipp_scenarios.stage import Stage

pytestmark = pytest.mark.sipp


def test_the_caller_refreshes_and_the_callee_is_not_troubled(stage: Stage) -> None:
    ana = stage.callee("Ana", "answers")
    fields = "Supported: timer\nSession-Expires: 90;refresher=uac"
    caller = stage.caller("ana", "refreshes", terms={"fields": fields})
    stage.play()
    assert ana.story == ["< INVITE", "> 180 INVITE", "> 200 INVITE", "< ACK", "< BYE", "> 200 BYE"]
    answers = [*caller.received("200 INVITE"), *caller.received("200 UPDATE")]
    assert [answer.header("Session-Expires") for answer in answers] == ["90;refresher=uac"] * 3
    # RFC 3264 §8: what has not changed keeps its version.
    assert caller.received("200 INVITE")[0].body == caller.received("200 INVITE")[1].body


def test_an_interval_that_is_too_short_is_refused_with_the_shortest(stage: Stage) -> None:
    stage.callee("Ana", "answers")
    caller = stage.caller("ana", "asks_for_too_short_a_session")
    stage.play()
    assert caller.only("422 INVITE").header("Min-SE") == "90"
    assert caller.only("200 INVITE").header("Session-Expires").startswith("90;")


def test_a_callee_who_wants_a_longer_interval_is_given_it(stage: Stage) -> None:
    ana = stage.callee("Ana", "wants_longer_sessions")
    stage.caller("ana", "talks_and_hangs_up")
    stage.play()
    first, second = ana.received("INVITE")
    assert int(second.cseq.split()[0]) == int(first.cseq.split()[0]) + 1
    assert second.call_id == first.call_id
    assert second.header("Session-Expires").split(";")[0] == "3600"
    assert second.header("Min-SE") == "3600"


@pytest.mark.timeout(120)
def test_the_service_refreshes_when_half_the_interval_is_over(long_call: Stage | None) -> None:
    assert long_call is not None
    long_call.play()
    _, caller = long_call.parties
    refresh = caller.only("UPDATE")
    assert refresh.at - caller.only("200 INVITE").at == pytest.approx(HALF_OF_SHORTEST, abs=1.0)
    assert refresh.header("Session-Expires") == "90;refresher=uac"
    assert refresh.body.strip() == ""
