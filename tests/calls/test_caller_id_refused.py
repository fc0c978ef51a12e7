"""A trunk that refuses the number shown: that branch rings once more, showing the tracking number. M9, idea 8."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.recipient import HeaderRecipe
from b2bua.calls.record import RecipientOutcome
from tests.world.world import World

TRACKING = HeaderRecipe(from_user="dialled")
CAREFUL: dict[str, Any] = {"caller_id_refusals": (403, 603, 606), "second_recipe": TRACKING}
NOTE = "the trunk refused the caller's number (403); rang with the tracking number"


def test_it_rings_with_the_tracking_number_and_the_record_says_so() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0, refuses_first=(403, ()), recipient=CAREFUL)
    call = world.connect(ana)
    first, second = ana.invites
    assert "sip:+15550199@" in first.must("from") and f"sip:{world.plan.number}@" in second.must("from")
    assert (first.call_id, second.cseq) == (second.call_id, first.cseq + 1)
    assert first.from_tag == second.from_tag and first.branch != second.branch
    world.finish_after(call)
    (recipient,) = world.records[0].recipients
    assert recipient.outcome is RecipientOutcome.ANSWERED
    assert recipient.sentence == f"Answered after 1.0 s ({NOTE})"


def test_it_is_tried_once_only() -> None:
    world = World()
    ana = world.phone("ana", trying=False, rings_after=None, fails_after=0.1, failure=403, recipient=CAREFUL)
    call = world.caller().call()
    world.run(5.0)
    assert call.status == 403 and len(ana.invites) == 2
    world.finish()
    (recipient,) = world.records[0].recipients
    assert recipient.reason == f"Forbidden; {NOTE}"


@pytest.mark.parametrize(
    ("recipient", "parts"),
    [
        ({}, {"failure": 403}),
        (CAREFUL, {"failure": 404}),
        (CAREFUL, {"failure": 603, "rings_after": 0.1}),
        ({"caller_id_refusals": (403,), "second_recipe": None}, {"failure": 403}),
    ],
)
def test_every_other_refusal_stands(recipient: dict[str, Any], parts: dict[str, Any]) -> None:
    """Not configured; another status; said by a person whose telephone rang; nothing else to show."""
    world = World()
    ana = world.phone("ana", fails_after=0.5, recipient=recipient, **({"rings_after": None} | parts))
    call = world.caller().call()
    world.run(3.0)
    assert call.status and len(ana.invites) == 1
    world.finish()


def test_ring_time_is_not_begun_anew() -> None:
    world = World()
    world.plan.ring_time = 5.0
    world.phone("ana", refuses_first=(403, ()), recipient=CAREFUL)
    call = world.caller().call()
    world.run_until(lambda: call.status, limit=5.1)
    assert call.status == 480
    world.finish()
