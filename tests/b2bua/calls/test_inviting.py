"""What the INVITEs of a branch are made of. The retries, whole, are in test_branch.py; the calls in tests/calls."""

from __future__ import annotations

import pytest

from b2bua.calls import inviting
from tests.world.description import Medium
from tests.world.world import World


@pytest.mark.parametrize(
    ("uri", "route"), [("sip:p.example", "<sip:p.example;lr>"), ("sip:p.example;lr", "<sip:p.example;lr>")]
)
def test_routes_are_loose(uri: str, route: str) -> None:
    assert inviting._route(uri) == route


@pytest.mark.parametrize(
    ("text", "q"),
    [(None, 1.0), ("", 1.0), ("0.5", 0.5), ("0", 0.0), ("7", 1.0), ("-1", 0.0), ("high", 0.0), ("nan", 0.0)],
)
def test_what_q_means(text: str | None, q: float) -> None:
    assert inviting._q(text) == q


@pytest.mark.parametrize(
    ("wanted", "told"),
    [("", ""), ("nonsense", ""), ("v=0\r\nc=IN IP4 1.2.3.4\r\nm=audio 9 RTP/AVP 18\r\n", ", wanted g729")],
)
def test_a_488_is_told_with_the_codecs_offered_and_wanted(wanted: str, told: str) -> None:
    """Product 5d."""
    world = World()
    ana = world.phone("ana")
    caller = world.caller()
    call = caller.call(offer=caller.description(media=(Medium(formats=("8", "0", "101")),)))
    world.run_until(lambda: ana.is_ringing)
    ana.call.invite.respond(488, body=wanted, tag=ana.call.tag)
    ana.call.state = "failed"
    world.run_until(lambda: call.status)
    world.finish()
    assert world.records[0].recipients[0].sentence == (
        f"Refused (488 Not Acceptable Here: offered pcma, pcmu{told})"
    )
