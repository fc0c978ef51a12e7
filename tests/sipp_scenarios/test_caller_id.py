"""A trunk that refuses the caller's number: it is rung once more, with the tracking number. Product M9."""

from __future__ import annotations

import pytest

from tests.sipp_scenarios.flows import CHOOSY
from tests.sipp_scenarios.stage import Stage
from tests.sipp_scenarios.wire import Message

pytestmark = pytest.mark.sipp

CALLER = "sip:+15550123@"
NOTE = "the trunk refused the caller's number ({}); rang with the tracking number"


def shows(invite: Message) -> tuple[bool, bool]:
    """Whether From, and whether P-Asserted-Identity, has the caller's number."""
    return CALLER in invite.header("From"), CALLER in invite.header("P-Asserted-Identity")


def test_it_rings_with_the_tracking_number_and_the_record_says_so(stage: Stage) -> None:
    status = str(CHOOSY[-1])  # none of those by default
    ana = stage.callee("Ana", "refuses_the_number", terms={"status": status})
    caller = stage.caller("shown", "talks_and_hangs_up")
    stage.play()
    first, second = ana.received("INVITE")
    assert shows(first) == (True, True)
    assert shows(second) == (False, False)
    for name in ("From", "P-Asserted-Identity"):
        assert "sip:shown@" in second.header(name)
    # RFC 3261 §8.1.3.5, TRX-3: a new transaction, the next CSeq; whose To has no tag, as it is no dialog's.
    assert second.call_id == first.call_id
    assert int(second.cseq.split()[0]) == int(first.cseq.split()[0]) + 1
    assert second.header("From").partition(";tag=")[2] == first.header("From").partition(";tag=")[2]
    assert second.header("Via") != first.header("Via") and ";tag=" not in second.header("To")
    assert not caller.received(f"{status} INVITE")
    record = stage.shown(caller)
    (recipient,) = record["recipients"]
    assert (record["outcome"], record["caller"], record["answered_by"]) == ("answered", "+15550123", "Ana")
    assert (recipient["outcome"], recipient["status"]) == ("answered", 200)
    assert NOTE.format(status) in recipient["sentence"]


def test_it_is_tried_once_only(stage: Stage) -> None:
    ana = stage.callee("Ana", "refuses_every_number", terms={"status": "403"})
    caller = stage.caller("shown", "is_refused", terms={"status": "403"})
    stage.play()
    assert [shows(invite)[0] for invite in ana.received("INVITE")] == [True, False]
    record = stage.shown(caller)
    (recipient,) = record["recipients"]
    assert (recipient["outcome"], recipient["status"]) == ("refused", 403)
    assert NOTE.format(403) in recipient["sentence"]


@pytest.mark.parametrize(
    ("number", "scenario", "status"),
    [("shown", "refuses_at_once", "404"), ("shown", "refuses", "403"), ("shown-tracking", "refuses_at_once", "403")],
    ids=["another status", "after it has rung", "nothing else to show"],
)
def test_every_other_refusal_stands(stage: Stage, number: str, scenario: str, status: str) -> None:
    ana = stage.callee("Ana", scenario, terms={"status": status})
    caller = stage.caller(number, "is_refused", terms={"status": status})
    stage.play()
    ana.only("INVITE")
    assert "tracking number" not in stage.record(caller).recipients[0].sentence
