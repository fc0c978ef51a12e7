"""A thousand calls to three recipients each: none fails for anybody, and nothing is left of them."""

from __future__ import annotations

import json

import pytest

from tests.sipp_scenarios.stage import Stage
from tests.sipp_scenarios.waiting import until

pytestmark = pytest.mark.sipp

CALLS = 1000
RATE = 100  # calls a second
TIMEOUT = 6.4  # seconds: 64*T1 of quick_stage
REST = 5.0  # T4, and the rest of the relay's ports


@pytest.mark.timeout(240)
def test_a_thousand_calls_leave_a_record_each_and_nothing_else(quick_stage: Stage) -> None:
    stage, service = quick_stage, quick_stage.service
    many = {"calls": CALLS, "patience": 60}
    before = service.status()["total"]
    callees = [
        # SIPp that was held up reads a CANCEL before it has sent the 180: it is to be far from the INVITE.
        stage.callee("Ana", "answers", terms={"ring": "400"}, **many),
        stage.callee("Ben", "is_stopped", **many),
        stage.callee("Carl", "is_stopped", **many),
    ]
    caller = stage.caller(
        "everyone", "talks_and_hangs_up", options=("-r", str(RATE), "-l", str(CALLS)), **many
    )
    stage.play()
    for party in (caller, *callees):
        assert (party.figure("SuccessfulCall(C)"), party.figure("FailedCall(C)")) == (CALLS, 0), (
            party.report()
        )
    assert service.status()["total"] - before == CALLS
    until(lambda: service.status()["records_waiting"] == 0, 5.0, "all records are written")
    listed = service.command(
        "calls", "--json", "--dialled", "everyone", "--limit", str(2 * CALLS), "--config", str(service.file)
    )
    records = json.loads(listed.stdout)
    assert len(records) == CALLS
    assert {record["outcome"] for record in records} == {"answered"}
    assert {record["answered_by"] for record in records} == {"Ana"}
    outcomes = [tuple(each["outcome"] for each in record["recipients"]) for record in records]
    assert set(outcomes) == {("answered", "stopped", "stopped")}
    assert len({record["id"] for record in records}) == CALLS

    def is_empty() -> bool:
        status = service.status()
        return not any(status[what] for what in ("calls", "clients", "servers", "dialogs"))

    until(is_empty, TIMEOUT + REST + 2, "no transaction and no dialog is left")
    holdings = service.holdings()
    assert (holdings.calls, holdings.ports_lent) == ((), 0)
