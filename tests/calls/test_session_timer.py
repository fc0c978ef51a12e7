"""Session timers (RFC 4028), one for each leg. T37, TMR-1 to TMR-3."""

from __future__ import annotations

import pytest

from tests.world.reading import Heard
from tests.world.world import World


def expires(message: Heard) -> tuple[int, str]:
    """Seconds and refresher of a Session-Expires."""
    value = message.get("session-expires") or message.get("x") or "0"
    seconds, _, rest = value.partition(";")
    return int(seconds), rest.strip().removeprefix("refresher=")


def asks(seconds: int, refresher: str = "") -> list[tuple[str, str]]:
    wish = f"{seconds};refresher={refresher}" if refresher else str(seconds)
    return [("Supported", "timer"), ("Session-Expires", wish)]


def test_an_interval_below_our_floor_is_refused() -> None:
    """TMR-1: 422 with Min-SE."""
    world = World()
    ana = world.phone("ana")
    call = world.caller().call(headers=asks(60))
    world.run(1.0)
    assert call.status == 422
    assert int(call.final.must("min-se")) >= 90
    assert not ana.was_rung
    world.finish()


@pytest.mark.parametrize("refresher", ["uac", "uas"])
def test_the_callers_wish_is_granted(refresher: str) -> None:
    """TMR-2: the 200 says who refreshes; with Require: timer if it is the caller."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana, headers=asks(1800, refresher))
    assert expires(call.final) == (1800, refresher)
    if refresher == "uac":
        assert "timer" in call.final.tokens("require")
    world.finish_after(call)


def test_we_refresh_at_half_time_with_what_the_peer_allows() -> None:
    """TMR-2, TMR-3: an UPDATE without a change, and the callee hears nothing of it."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana, headers=asks(1800, "uas"))
    before = len(ana.packets)
    world.run(1000.0)
    refreshes = [message for message in call.session.heard_requests if message.method in ("UPDATE", "INVITE")]
    assert len(refreshes) == 1
    assert expires(refreshes[0])[0] == 1800
    assert len(ana.packets) == before
    world.run(3000.0)
    assert call.is_answered and len(call.session.heard_requests) >= 4
    world.finish_after(call)


def test_the_caller_dies_and_both_legs_are_ended() -> None:
    """TMR-2, T37: no refresh came from the refresher: BYE before the interval ends, at both sides."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana, headers=asks(90, "uac"))
    world.run(40.0)
    assert call.is_answered
    world.run(60.0)
    assert call.is_over and ana.call.state == "ended"
    world.finish()


def test_the_caller_refreshes_and_the_call_goes_on() -> None:
    """TMR-3: a refresh whose description is unchanged need not reach the other side, but is answered."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana, headers=asks(90, "uac"))
    for _ in range(5):
        world.run(45.0)
        update = call.update(headers=asks(90, "uac"))
        world.run(1.0)
        assert update.status == 200
        assert update.final is not None and expires(update.final) == (90, "uac")
    assert call.is_answered and ana.is_talking
    world.finish_after(call)


def test_a_refresh_by_reinvite_during_hold_keeps_the_hold() -> None:
    """T37."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana, headers=asks(90, "uac"))
    assert call.offer is not None
    held = call.offer.changed(direction="sendonly")
    call.session.reinvite(held, headers=asks(90, "uac"))
    world.run(40.0)
    again = call.session.reinvite(held, headers=asks(90, "uac"))
    world.run(1.0)
    assert again.status == 200
    assert call.remote_description.media[0].direction == "recvonly"
    world.run(40.0)
    assert call.is_answered and ana.is_talking
    world.finish_after(call)


def test_a_caller_without_timers_gets_none() -> None:
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    assert "timer" not in call.final.tokens("require")
    world.run(4000.0)
    assert call.is_answered
    world.finish_after(call)


def test_a_recipient_that_wants_a_longer_interval_gets_it() -> None:
    """TMR-1: on 422 the branch is tried again with its Min-SE, CSeq one up."""
    world = World()
    world.plan.session_expires = 300
    ana = world.phone(
        "ana",
        answers_after=1.0,
        refuses_first=(422, (("Min-SE", "600"),)),
        answer_headers=(("Session-Expires", "600;refresher=uac"), ("Require", "timer")),
    )
    call = world.connect(ana)
    first, second = ana.invites
    assert expires(first)[0] == 300 and expires(second)[0] >= 600
    assert second.cseq == first.cseq + 1
    assert int(second.must("min-se")) >= 600
    world.finish_after(call)


def test_we_refresh_towards_the_callee_where_it_made_us_the_refresher() -> None:
    """TMR-1: per leg; siphon refreshed only one."""
    world = World()
    world.plan.session_expires = 600
    ana = world.phone(
        "ana",
        answers_after=1.0,
        answer_headers=(("Session-Expires", "600;refresher=uac"), ("Require", "timer")),
    )
    call = world.connect(ana)
    world.run(310.0)
    assert [m.method for m in ana.dialog.heard_requests if m.method in ("UPDATE", "INVITE")]
    assert all(m.method not in ("UPDATE", "INVITE") for m in call.session.heard_requests)
    world.run(600.0)
    assert call.is_answered
    world.finish_after(call)


def test_a_callee_that_promised_to_refresh_and_does_not_ends_the_call() -> None:
    world = World()
    world.plan.session_expires = 600
    ana = world.phone(
        "ana",
        answers_after=1.0,
        answer_headers=(("Session-Expires", "600;refresher=uas"), ("Require", "timer")),
    )
    call = world.connect(ana)
    world.run(610.0)
    assert call.is_over and ana.call.state == "ended"
    world.finish()


def test_a_refresh_that_gets_481_ends_the_call() -> None:
    """DLG-7."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    world.connect(ana, caller, headers=asks(1800, "uas"))
    caller.answers["UPDATE"] = caller.answers["INVITE"] = 481
    world.run(1000.0)
    assert ana.call.state == "ended"
    world.tolerate("trunk: dialog")
    world.finish()
