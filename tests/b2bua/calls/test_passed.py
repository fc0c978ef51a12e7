"""Requests without an offer: they pass as they are, and the far end's answer comes back."""

from __future__ import annotations

import pytest

from tests.b2bua.calls.two_sides import BOTH, Rig


@BOTH
@pytest.mark.parametrize(
    ("method", "status"), [("INFO", 200), ("INFO", 469), ("MESSAGE", 415), ("NOTIFY", 489)]
)
def test_a_request_passes_and_the_far_ends_answer_comes_back(by: str, method: str, status: int) -> None:
    """MTH-1: never answered by us."""
    rig = Rig(by)
    rig.other.agent.answers[method] = status
    headers = (("Content-Type", "application/dtmf-relay"), ("Info-Package", "dtmf"), ("X-Private", "1"))
    request = rig.asker.request(method, "", headers)
    rig.world.run(1.0)
    assert request.status == status
    (passed,) = rig.got(method)
    assert passed.message.get("info-package") == "dtmf" and passed.message.get("x-private") is None
    rig.finish()


@BOTH
@pytest.mark.parametrize("silent", [None, 408])
def test_a_request_that_the_far_end_does_not_answer(by: str, silent: int | None) -> None:
    """RFC 4320 §4.2: never a 408; and the dialog is gone (RFC 3261 §12.2.1.2), so the call is."""
    rig = Rig(by)
    rig.other.agent.answers["INFO"] = silent
    request = rig.asker.request("INFO", "", (), may_fail=True)
    rig.world.run(40.0)
    assert request.status in (0, 500)
    rig.world.tolerate("481 to BYE")
    rig.world.finish()
    assert rig.asker.state == "ended"
