"""A recipient sends 3xx: acknowledged where it came from, and not followed unless allowed. T15."""

from __future__ import annotations

import pytest

from b2bua.calls.record import RecipientOutcome
from tests.world.world import World


def contact(*uris: str) -> tuple[tuple[str, str], ...]:
    return (("Contact", ", ".join(f"<{uri}>" for uri in uris)),)


@pytest.mark.parametrize("status", [300, 301, 302, 305, 380])
def test_it_is_not_followed_by_default(status: int) -> None:
    """T15a, FRK-10, TRX-3: sippy sent the ACK to the Contact. The phone misses its ACK otherwise."""
    world = World()
    zoe = world.phone("zoe", is_recipient=False)
    world.phone("ana", fails_after=0.5, failure=status, failure_headers=contact(zoe.uri))
    ben = world.phone("ben", answers_after=2.0)
    call = world.connect(ben)
    assert not zoe.was_rung and zoe.packets == []
    world.finish_after(call)
    first = world.records[0].recipients[0]
    assert first.outcome is RecipientOutcome.REDIRECTED


def test_it_is_followed_where_allowed_and_no_target_is_rung_twice() -> None:
    """T15b, FRK-10: of two Contacts one is rung already."""
    world = World()
    zoe = world.phone("zoe", is_recipient=False, answers_after=1.0)
    ben = world.phone("ben")
    world.phone(
        "ana",
        fails_after=0.5,
        failure=302,
        failure_headers=contact(ben.uri, zoe.uri),
        recipient={"follow_redirects": 1},
    )
    call = world.connect(zoe)
    assert len(ben.invites) == 1
    assert ben.call.answered_elsewhere
    world.finish_after(call)


def test_it_is_followed_as_often_as_allowed() -> None:
    """FRK-10: max depth."""
    world = World()
    yann = world.phone("yann", is_recipient=False)
    zoe = world.phone(
        "zoe", is_recipient=False, fails_after=0.5, failure=302, failure_headers=contact(yann.uri)
    )
    world.phone(
        "ana",
        fails_after=0.5,
        failure=302,
        failure_headers=contact(zoe.uri),
        recipient={"follow_redirects": 1},
    )
    call = world.caller().call()
    world.run(3.0)
    assert zoe.was_rung and not yann.was_rung
    assert call.status == 480
    world.finish()


@pytest.mark.parametrize(
    "uri",
    [
        "sip:+15550100@192.0.2.1",
        "sip:+15550100@192.0.2.1:5060",
        "sips:zoe@203.0.113.99",
        "mailto:zoe@example.com",
        "http://203.0.113.99/",
    ],
)
def test_it_is_never_followed_to_ourselves_nor_to_what_is_not_sip(uri: str) -> None:
    """T15c, FRK-10."""
    world = World()
    world.phone(
        "ana",
        fails_after=0.5,
        failure=302,
        failure_headers=contact(uri),
        recipient={"follow_redirects": 3},
    )
    call = world.caller().call()
    world.run(10.0)
    assert call.status and call.status != 302
    assert len(world.sent("INVITE ")) == 1
    world.finish()


@pytest.mark.parametrize("value", ["", "<sip:", "<>", "*", "\x00", "sip:ana@@@"])
def test_a_broken_contact_is_a_refusal_like_any_other(value: str) -> None:
    world = World()
    world.phone(
        "ana",
        fails_after=0.5,
        failure=302,
        failure_headers=(("Contact", value),),
        recipient={"follow_redirects": 1},
    )
    call = world.caller().call()
    world.run(5.0)
    assert call.status == 480
    world.finish()
