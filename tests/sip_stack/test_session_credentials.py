"""Requests within a session that are challenged (§22)."""

from __future__ import annotations

import pytest

from sip_stack.digest import DigestClient
from sip_stack.events import Replied
from sip_stack.session import Session
from tests.sip_stack.rig import (
    OFFER,
    hang_up,
)
from tests.sip_stack.sessions import say, talking

CHALLENGE = ("WWW-Authenticate", 'Digest realm="pbx", nonce="n1", qop="auth", algorithm=MD5')


def with_credentials(session: Session) -> None:
    session.digest = DigestClient([("us", "secret", "pbx")], lambda: "cnonce")


@pytest.mark.parametrize("method", ["INFO", "INVITE", "BYE"])
def test_a_challenge_is_answered_once_with_the_next_cseq(method: str) -> None:
    """TRX-16; FRK-11."""
    bench, session = talking()
    with_credentials(session)
    if method == "BYE":
        session.bye("Reason: SIP;cause=200\r\n", bench.now)
    else:
        session.request(method, bench.now, body=OFFER, tag="x", fields="X-Kept: 1\r\n")
    bench.take()
    first = bench.last(method).request
    say(bench, method, 401, fields=[CHALLENGE])
    say(bench, method, 401, fields=[CHALLENGE])
    second = bench.last(method).request
    assert [sent.name for sent in bench.sent].count(method) - (method == "INVITE") == 2
    assert second.cseq == first.cseq + 1 and second.branch != first.branch
    assert (second.call_id, second.from_tag, second.body) == (first.call_id, first.from_tag, first.body)
    assert second.get("x-kept") == first.get("x-kept") and second.get("reason") == first.get("reason")
    assert 'username="us"' in (second.get("authorization") or "")
    say(bench, method, 200)
    if method != "BYE":
        assert [event.tag for event in bench.owner.all_of(Replied)] == ["x"]
        session.digest = None
        hang_up(bench, session)
    else:
        bench.finish()


def test_the_ack_of_a_challenged_reinvite_carries_its_credentials() -> None:
    """§13.2.2.4: "The ACK MUST contain the same credentials as the INVITE"."""
    bench, session = talking()
    with_credentials(session)
    session.request("INVITE", bench.now, body=OFFER)
    bench.take()
    say(bench, "INVITE", 401, fields=[CHALLENGE])
    say(bench, "INVITE", 200)
    ack, sent = bench.last("ACK").request, bench.last("INVITE").request
    assert ack.cseq == sent.cseq
    assert ack.get("authorization") == sent.get("authorization") is not None
    session.digest = None
    hang_up(bench, session)


def test_refused_credentials_are_told_and_not_tried_again() -> None:
    bench, session = talking()
    with_credentials(session)
    session.request("INFO", bench.now, tag="x")
    bench.take()
    say(bench, "INFO", 401, fields=[CHALLENGE])
    say(bench, "INFO", 401, fields=[CHALLENGE])
    told = bench.owner.the(Replied)
    assert told.response is not None and told.response.status == 401
    session.digest = None
    hang_up(bench, session)


def test_without_credentials_the_challenge_is_told() -> None:
    bench, session = talking()
    session.request("INFO", bench.now, tag="x")
    bench.take()
    say(bench, "INFO", 401, fields=[CHALLENGE])
    assert bench.owner.the(Replied).response is not None
    hang_up(bench, session)


def test_accepted_credentials_spare_the_next_request_its_challenge() -> None:
    """§22.3."""
    bench, session = talking()
    with_credentials(session)
    session.request("INFO", bench.now)
    bench.take()
    say(bench, "INFO", 401, fields=[CHALLENGE])
    say(bench, "INFO", 200)
    session.request("INFO", bench.now)
    bench.take()
    assert "nc=00000002" in (bench.last("INFO").request.get("authorization") or "")
    say(bench, "INFO", 200)
    session.digest = None
    hang_up(bench, session)
