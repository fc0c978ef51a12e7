"""Session timers: refreshes of ours, refreshes that never come (RFC 4028)."""

from __future__ import annotations

import pytest

from sip_stack.events import Replied
from sip_stack.session import Session
from sip_stack.session_timer import Agreement
from tests.sip_stack.rig import (
    OFFER,
    Rig,
    hang_up,
)
from tests.sip_stack.sessions import ended, say, talking


def refreshing(allow: str = "INVITE, UPDATE", *, we_refresh: bool = True) -> tuple[Rig, Session, float]:
    bench, session = talking()
    session.peer_allows = frozenset(allow.split(", "))
    session.local_body = OFFER
    session.agree(Agreement(1800, we_refresh), bench.now)
    return bench, session, bench.now


def test_we_refresh_by_update_at_half_the_interval() -> None:
    """RFC 4028 §7.2, §7.4."""
    bench, session, start = refreshing()
    bench.run(901.0)
    assert bench.times_of("UPDATE", start)[0] == 900.0
    update = bench.last("UPDATE").request
    assert update.get("session-expires") == "1800;refresher=uac"
    assert update.tokens("supported") == {"timer"} and update.get("contact") and update.body == b""
    say(bench, "UPDATE", 200, fields=[("Session-Expires", "600;refresher=uac")])
    assert session.agreement == Agreement(600, True)
    bench.run(301.0)
    assert len(bench.times_of("UPDATE", start)) > 1
    say(bench, "UPDATE", 200, fields=[("Session-Expires", "600;refresher=uas")])
    assert session.agreement == Agreement(600, False)
    assert bench.owner.all_of(Replied) == []
    hang_up(bench, session)


def test_we_refresh_by_reinvite_with_the_same_offer_where_update_is_not_allowed() -> None:
    bench, session, start = refreshing("INVITE, BYE")
    bench.run(901.0)
    sent = bench.last("INVITE").request
    assert bench.times_of("INVITE", start)[0] == 900.0 and sent.body == OFFER
    say(bench, "INVITE", 200, body=OFFER, fields=[("Session-Expires", "1800;refresher=uac")])
    assert bench.names()[-1] == "ACK"
    hang_up(bench, session)


def test_a_refresh_by_reinvite_waits_for_the_invite_that_is_under_way() -> None:
    bench, session, _ = refreshing("INVITE")
    bench.run(899.9)
    session.request("INVITE", bench.now, body=OFFER, tag="hold")
    bench.take()
    say(bench, "INVITE", 100)
    bench.run(2.0)
    assert bench.last("INVITE").request.cseq == 2
    say(bench, "INVITE", 488)
    bench.run(2.0)
    assert bench.last("INVITE").request.cseq == 3
    say(bench, "INVITE", 200, fields=[("Session-Expires", "1800;refresher=uac")])
    hang_up(bench, session)


def test_an_invite_that_was_accepted_is_a_refresh_itself() -> None:
    """RFC 4028 §7.4: the next is due half an interval after it, and none before."""
    bench, session, _ = refreshing("INVITE")
    bench.run(899.9)
    session.request("INVITE", bench.now, body=OFFER, tag="hold")
    bench.take()
    say(bench, "INVITE", 200, fields=[("Session-Expires", "1800;refresher=uac")])
    bench.run(899.0)
    assert bench.last("INVITE").request.cseq == 2
    bench.run(2.0)
    assert bench.last("INVITE").request.cseq == 3
    say(bench, "INVITE", 200, fields=[("Session-Expires", "1800;refresher=uac")])
    hang_up(bench, session)


def test_a_peer_that_does_not_refresh_is_sent_bye_before_the_end() -> None:
    """RFC 4028 §10: 32 s before the end."""
    bench, session, start = refreshing(we_refresh=False)
    bench.run(1767.0)
    assert ended(bench) == []
    bench.run(2.0)
    assert bench.times_of("BYE", start)[0] == 1768.0
    assert "cause=408" in (bench.last("BYE").request.get("reason") or "")
    assert ended(bench) == ["expired"]
    say(bench, "BYE", 200)
    assert session.has_ended
    bench.finish()


@pytest.mark.parametrize("status", [500, 100])
def test_a_refresh_of_ours_that_is_never_accepted_ends_the_session_too(status: int) -> None:
    """RFC 4028 §10."""
    bench, _, start = refreshing("INVITE")
    bench.run(900.0)
    say(bench, "INVITE", status)
    for _ in range(880):
        bench.run(1.0)
        if status >= 200 and bench.sent[-1].name == "INVITE":
            say(bench, "INVITE", status)
    assert len(bench.times_of("INVITE", start)) == (2 if status == 500 else 1)
    assert bench.times_of("BYE", start)[0] == 1768.0
    assert ended(bench) == ["expired"]
    bench.finish()


def test_a_refresh_that_finds_nobody_ends_the_session() -> None:
    bench, _, _ = refreshing()
    bench.run(900.0)
    bench.run(33.0)
    assert ended(bench) == ["timeout"]
    say(bench, "BYE", 408)
    bench.finish()


@pytest.mark.parametrize(
    ("is_caller", "fraction", "wait"), [(True, 0.0, 2.1), (True, 0.99, 3.98), (False, 0.99, 1.98)]
)
def test_a_refresh_that_meets_glare_is_tried_again(is_caller: bool, fraction: float, wait: float) -> None:
    """RFC 3261 §14.1: the owner of the Call-ID waits 2.1 to 4 s, the other 0 to 2 s."""
    bench, session = talking(is_caller)
    bench.stack._dice.next_fraction = fraction  # type: ignore[attr-defined]
    session.peer_allows = frozenset({"UPDATE"})
    session.agree(Agreement(1800, True), bench.now)
    bench.run(900.0)
    say(bench, "UPDATE", 491)
    start = bench.now
    bench.run(4.1)
    assert bench.times_of("UPDATE", start + 0.1)[0] + 0.1 == pytest.approx(wait, abs=0.02)
    say(bench, "UPDATE", 200, fields=[("Session-Expires", "1800;refresher=uac")])
    hang_up(bench, session)


def test_a_422_to_a_refresh_is_followed_by_a_longer_interval() -> None:
    """RFC 4028 §7.4."""
    bench, session, _ = refreshing()
    bench.run(900.0)
    say(bench, "UPDATE", 422, fields=[("Min-SE", "3600")])
    bench.take()
    again = bench.last("UPDATE").request
    assert (again.get("session-expires"), again.get("min-se")) == ("3600;refresher=uac", "3600")
    say(bench, "UPDATE", 200, fields=[("Session-Expires", "3600;refresher=uac")])
    assert session.agreement == Agreement(3600, True)
    hang_up(bench, session)


def test_a_422_that_asks_for_nothing_more_is_not_followed() -> None:
    bench, session, start = refreshing()
    bench.run(900.0)
    say(bench, "UPDATE", 422, fields=[("Min-SE", "90")])
    bench.take()
    assert len(bench.times_of("UPDATE", start)) == 1
    hang_up(bench, session)


def test_a_broken_session_expires_leaves_what_was_agreed() -> None:
    bench, session, start = refreshing()
    bench.run(900.0)
    say(bench, "UPDATE", 200, fields=[("Session-Expires", "soon")])
    assert session.agreement == Agreement(1800, True)
    bench.run(901.0)
    assert bench.times_of("UPDATE", start)[:2] == [0.0 + 900.0, 1800.0]
    say(bench, "UPDATE", 200)
    hang_up(bench, session)


def test_no_timer_is_kept_after_the_agreement_is_taken_back_or_the_session_ended() -> None:
    bench, session, _ = refreshing()
    session.agree(None, bench.now)
    assert len([timer for timer in bench.stack.wheel.waiting() if timer.owner is session]) == 0
    session.bye("", bench.now)
    session.agree(Agreement(90, True), bench.now)
    bench.take()
    say(bench, "BYE", 200)
    bench.finish()
