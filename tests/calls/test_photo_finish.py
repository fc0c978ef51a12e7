"""Two answer within 10 ms: the first wins, and the record says by how much. Product 5d, T05."""

from __future__ import annotations

import pytest

from b2bua.calls.record import RecipientOutcome
from tests.world.description import read
from tests.world.network import Link
from tests.world.world import World


@pytest.mark.parametrize("margin", [0.000_214, 0.001, 0.008_214])
def test_the_second_is_too_late_by_microseconds(margin: float) -> None:
    """Answered, sent away as "call completed elsewhere", and never a word of the caller to him."""
    world = World()
    world.network.link = Link(delay=0.01)  # so that our CANCEL does not come first
    ben = world.phone("ben", answers_after=1.0 + margin)
    ana = world.phone("ana", answers_after=1.0)
    call = world.caller().call()
    world.run_until(lambda: call.is_answered)
    assert ben.call.invite.message.sdp
    for _ in range(60):
        call.caller.media.say(b"caller", call.remote_description)
        ben.media.say(b"ben", read(ben.call.invite.message.sdp))
        world.run(0.001)
    world.run(1.0)
    assert ana.is_talking and ben.call.state == "ended"
    assert ben.call.answered_elsewhere and not ben.missed_call
    assert not ben.media.payloads and b"ben" not in call.caller.media.payloads
    world.finish_after(call)
    (record,) = world.records
    late, first = record.recipients
    assert (first.outcome, late.outcome) == (RecipientOutcome.ANSWERED, RecipientOutcome.TOO_LATE)
    assert late.late_by == pytest.approx(margin * 1e6, abs=2)
    assert late.sentence.startswith("Answered too late (") and late.sentence.endswith("after ana)")
    assert first.answered_at is not None and late.answered_at is not None
    assert late.answered_at - first.answered_at == pytest.approx(margin * 1e6, abs=2)
