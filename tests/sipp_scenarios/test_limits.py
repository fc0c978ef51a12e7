"""Over the limit, and from where nobody may call."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sipp_scenarios.house import build
from tests.sipp_scenarios.stage import Stage
from tests.sipp_scenarios.waiting import until

pytestmark = pytest.mark.sipp


@pytest.fixture
def stage_with(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Stage]:
    """A stage whose service has the settings that the test's parameter names."""
    house = build(tmp_path / "service", **request.param)
    house.service.start()
    stage = Stage(house.service, house.first_party, tmp_path)
    yield stage
    stage.close()
    house.service.kill()


@pytest.mark.parametrize("stage_with", [{"limits": "calls = 1\nretry_after = 7"}], indirect=True)
def test_a_call_over_the_limit_is_turned_away_and_the_first_goes_on(stage_with: Stage) -> None:
    stage = stage_with
    stage.callee("Ana", "answers")
    first = stage.caller("ana", "is_hung_up")
    until(lambda: first.sent("ACK"), 5.0, "the first call is up")
    second = stage.caller("ana", "is_refused", port=stage.spare_port, terms={"status": "503"})
    second.wait(5.0)
    assert second.only("503 INVITE").header("Retry-After") == "7"
    stage.hang_up(first)
    stage.play()


@pytest.mark.parametrize("stage_with", [{"sources": ["10.0.0.0/8"]}], indirect=True)
def test_a_stranger_is_refused_whatever_he_asks(stage_with: Stage) -> None:
    stage = stage_with
    stage.callee("Ana", "answers").stop()  # she is not rung: what she would say does not matter
    stage.parties.clear()
    stage.caller("ana", "is_refused", terms={"status": "403"})
    stage.play()
    stage.caller("ana", "asks_options", terms={"status": "403"})
    stage.play()
    assert stage.service.status()["total"] == 0
    until(lambda: "refused: 127.0.0.1 is no trunk's source" in stage.service.log, 10.0, "the log names him")
