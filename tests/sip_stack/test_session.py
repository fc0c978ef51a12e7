"""What goes on within a dialog: numbers, glare, BYE and ACK, refreshes, credentials (RFC 3261 §12.2, §14, §15)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip_stack.digest import DigestClient
from sip_stack.errors import LocalError
from sip_stack.events import Ended, NeverAcknowledged, Progress, Replied, Requested
from sip_stack.invite_server import InviteServer
from sip_stack.server_transaction import ServerTransaction
from sip_stack.session import Session
from sip_stack.session_timer import Agreement
from tests.sip_stack.rig import (
    LISTENERS,
    OFFER,
    PEER,
    Rig,
    called,
    calling,
    hang_up,
    invite,
    invited,
    response,
    rig,
    within,
)

Words = list[tuple[int, str]]


def talking(is_caller: bool = True) -> tuple[Rig, Session]:
    bench = rig()
    session = calling(bench) if is_caller else called(bench)
    session.owner = bench.owner
    bench.run(1.0)
    return bench, session


def replies(bench: Rig) -> Words:
    return [(sent.response.status, sent.response.cseq_method) for sent in bench.news() if sent.name.isdigit()]


def say(bench: Rig, name: str, status: int, **more: object) -> None:
    """The peer's response to the newest request of this method."""
    sent = bench.last(name)
    bench.receive(response(sent.request, status, **more), sent.flow)  # type: ignore[arg-type]


def ended(bench: Rig) -> list[str]:
    return [event.cause for event in bench.owner.all_of(Ended)]


# The peer's requests.


@pytest.mark.parametrize("is_caller", [True, False])
def test_requests_are_told_with_the_transaction_to_answer(is_caller: bool) -> None:
    bench, session = talking(is_caller)
    for number, method in enumerate(["INFO", "UPDATE", "MESSAGE", "REFER", "NOTIFY"], 10):
        bench.receive(within(bench, session, method, cseq=number))
        asked = bench.owner.all_of(Requested)[-1]
        assert asked.session is session and asked.request.method == method
        assert isinstance(asked.server, ServerTransaction)
        asked.server.respond(200, bench.now)
        assert replies(bench) == [(200, method)]
    hang_up(bench, session)


def test_options_is_answered_with_what_we_can_do() -> None:
    bench, session = talking()
    bench.receive(within(bench, session, "OPTIONS", cseq=1))
    answer = bench.last("200").response
    assert {"INVITE", "BYE", "UPDATE", "PRACK"} <= answer.tokens("allow")
    assert answer.tokens("supported") == {"timer", "100rel"}
    hang_up(bench, session)


def test_a_lower_cseq_is_out_of_order_and_a_gap_is_none() -> None:
    """§12.2.2; DLG-5."""
    bench, session = talking()
    bench.receive(within(bench, session, "OPTIONS", cseq=10))
    bench.receive(within(bench, session, "OPTIONS", cseq=500))
    bench.receive(within(bench, session, "OPTIONS", cseq=499))
    assert replies(bench) == [(200, "OPTIONS"), (200, "OPTIONS"), (500, "OPTIONS")]
    hang_up(bench, session)


def test_a_repeated_request_is_not_told_twice() -> None:
    bench, session = talking()
    data = within(bench, session, "INFO", cseq=10)
    bench.receive(data)
    bench.receive(data)
    bench.owner.the(Requested).server.respond(200, bench.now)  # type: ignore[union-attr]
    bench.receive(data)
    assert replies(bench) == [(200, "INFO"), (200, "INFO")]
    hang_up(bench, session)


def test_without_an_owner_nobody_knows_the_dialog() -> None:
    bench, session = talking()
    session.owner = None
    bench.receive(within(bench, session, "INFO", cseq=10))
    bench.receive(within(bench, session, "INVITE", cseq=11, body=OFFER))
    assert replies(bench) == [(481, "INFO"), (481, "INVITE")]
    hang_up(bench, session)


def test_a_prack_of_no_invite_gets_481() -> None:
    bench, session = talking()
    bench.receive(within(bench, session, "PRACK", cseq=10, fields=[("RAck", "1 1 INVITE")]))
    assert replies(bench) == [(481, "PRACK")]
    hang_up(bench, session)


@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_a_target_refresh_moves_our_next_request(method: str) -> None:
    """§12.2.2."""
    bench, session = talking()
    bench.receive(within(bench, session, method, cseq=10, contact="<sip:bob@192.0.2.9:5090>", body=OFFER))
    server = bench.owner.the(Requested).server
    if isinstance(server, InviteServer):
        server.reject(488, bench.now)
    else:
        server.respond(200, bench.now)
    session.request("INFO", bench.now)
    bench.take()
    sent = bench.last("INFO")
    assert sent.request.uri == "sip:bob@192.0.2.9:5090" and sent.flow.port == 5090
    say(bench, "INFO", 200)
    hang_up(bench, session)


def test_info_is_no_target_refresh() -> None:
    bench, session = talking()
    target = session.dialog.target
    bench.receive(within(bench, session, "INFO", cseq=10, contact="<sip:bob@192.0.2.77>"))
    assert session.dialog.target == target


# Our requests.


def test_our_requests_count_up_and_their_outcome_is_told_with_the_tag() -> None:
    bench, session = talking()
    session.request(
        "INFO", bench.now, tag="first", fields="Info-Package: dtmf\r\n", body=b"5", content_type="text/plain"
    )
    session.request("MESSAGE", bench.now, tag="second")
    bench.take()
    info, message = bench.last("INFO").request, bench.last("MESSAGE").request
    assert (info.cseq, message.cseq) == (2, 3)
    assert (info.body, info.content_type, info.get("info-package")) == (b"5", "text/plain", "dtmf")
    say(bench, "MESSAGE", 100)
    say(bench, "MESSAGE", 202)
    say(bench, "INFO", 415)
    told = [(event.tag, event.response and event.response.status) for event in bench.owner.all_of(Replied)]
    assert told == [("second", 202), ("first", 415)]
    hang_up(bench, session)


@pytest.mark.parametrize(("status", "cause"), [(481, "481"), (408, "408"), (None, "timeout")])
def test_a_dialog_that_the_peer_has_lost_is_ended(status: int | None, cause: str) -> None:
    """§12.2.1.2; DLG-7."""
    bench, session = talking()
    session.request("INFO", bench.now, tag="x")
    bench.take()
    if status:
        say(bench, "INFO", status)
    else:
        bench.run(33.0)
    assert ended(bench) == [cause]
    assert len(bench.owner.all_of(Replied)) == 1
    say(bench, "BYE", 481)
    bench.finish()


def test_after_the_end_there_are_no_more_requests() -> None:
    bench, session = talking()
    session.bye("", bench.now)
    with pytest.raises(LocalError, match="has ended"):
        session.request("INFO", bench.now)
    session.bye("", bench.now)
    bench.take()
    assert [sent.name for sent in bench.sent].count("BYE") == 1
    say(bench, "BYE", 200)
    bench.finish()


# re-INVITE of ours.


def test_a_reinvite_is_acknowledged_at_once_and_again_with_the_same_bytes() -> None:
    bench, session = talking()
    session.request("INVITE", bench.now, body=OFFER, tag="re")
    bench.news()
    say(bench, "INVITE", 200, contact="<sip:bob@192.0.2.9:5090>")
    (first,) = bench.news()
    say(bench, "INVITE", 200)
    (second,) = bench.news()
    assert first.data == second.data
    assert (first.request.cseq, first.request.uri) == (2, "sip:bob@192.0.2.9:5090")
    assert len(bench.owner.all_of(Replied)) == 1
    hang_up(bench, session)


def test_the_200_of_an_older_reinvite_is_acknowledged_anew_too() -> None:
    """TRX-6: "also while a re-INVITE is outstanding"."""
    bench, session = talking()
    answers = []
    for _ in range(2):
        session.request("INVITE", bench.now, body=OFFER)
        bench.take()
        answers.append(response(bench.last("INVITE").request, 200))
        bench.receive(answers[-1])
    bench.news()
    bench.receive(answers[0])
    assert [sent.request.cseq for sent in bench.news()] == [2]
    hang_up(bench, session)


def test_without_an_offer_the_ack_waits() -> None:
    bench, session = talking()
    session.request("INVITE", bench.now)
    bench.news()
    say(bench, "INVITE", 200, body=OFFER)
    say(bench, "INVITE", 200, body=OFFER)
    assert bench.names() == []
    assert session.is_inviting
    session.acknowledge(bench.now, b"v=0\r\n")
    bench.take()
    say(bench, "INVITE", 200, body=OFFER)
    first, second = bench.news()
    assert first.data == second.data and first.request.body == b"v=0\r\n"
    assert not session.is_inviting
    hang_up(bench, session)


def test_an_ack_that_waits_for_an_answer_leaves_before_the_bye() -> None:
    """§13.2.2.4: every 2xx has its ACK; the offer is refused in it."""
    bench, session = talking()
    session.request("INVITE", bench.now)
    bench.take()
    say(bench, "INVITE", 200, body=OFFER)
    bench.news()
    session.bye("", bench.now)
    ack, bye = bench.news()
    assert (ack.name, bye.name) == ("ACK", "BYE")
    assert b"m=audio 0 " in ack.request.body
    say(bench, "BYE", 200)
    bench.finish()


def test_a_200_after_our_bye_is_acknowledged() -> None:
    """T25."""
    bench, session = talking()
    session.request("INVITE", bench.now, body=OFFER)
    session.bye("", bench.now)
    bench.take()
    say(bench, "BYE", 200)
    bench.news()
    say(bench, "INVITE", 200)
    assert bench.names() == ["ACK"]
    assert bench.owner.all_of(Replied) == []
    bench.finish()


@pytest.mark.parametrize("ends", ["ours", "theirs"])
def test_a_reinvite_that_got_100_and_nothing_more_does_not_outlive_its_call(ends: str) -> None:
    bench, session = talking()
    session.request("INVITE", bench.now, body=OFFER)
    bench.take()
    say(bench, "INVITE", 100)
    if ends == "ours":
        session.bye("", bench.now)
        bench.take()
        say(bench, "BYE", 200)
    else:
        bench.receive(within(bench, session, "BYE", cseq=10))
    bench.finish()


def test_a_failed_reinvite_leaves_the_session_as_it_was() -> None:
    """§14.1."""
    bench, session = talking()
    session.request("INVITE", bench.now, body=OFFER, tag="re")
    bench.take()
    say(bench, "INVITE", 488)
    assert ended(bench) == [] and not session.is_inviting
    assert [sent.name for sent in bench.sent][-1] == "ACK"
    hang_up(bench, session)


# Glare.


def test_no_second_invite_of_ours_while_one_is_under_way() -> None:
    """§14.1: "a UAC MUST NOT initiate a new INVITE transaction within a dialog while another INVITE transaction is
    in progress in either direction"."""
    bench, session = talking()
    session.request("INVITE", bench.now, body=OFFER)
    with pytest.raises(LocalError, match="under way"):
        session.request("INVITE", bench.now, body=OFFER)
    bench.take()
    say(bench, "INVITE", 200)
    bench.receive(within(bench, session, "INVITE", cseq=10, body=OFFER))
    with pytest.raises(LocalError, match="under way"):
        session.request("INVITE", bench.now, body=OFFER)
    bench.owner.the(Requested).server.reject(488, bench.now)  # type: ignore[union-attr]
    session.request("INVITE", bench.now, body=OFFER)
    bench.take()
    say(bench, "INVITE", 200)
    hang_up(bench, session)


def test_their_invite_meets_ours_with_491() -> None:
    """§14.2."""
    bench, session = talking()
    session.request("INVITE", bench.now, body=OFFER)
    bench.news()
    bench.receive(within(bench, session, "INVITE", cseq=10, body=OFFER))
    assert replies(bench) == [(491, "INVITE")]
    say(bench, "INVITE", 491)
    assert [event.response and event.response.status for event in bench.owner.all_of(Replied)] == [491]
    hang_up(bench, session)


@pytest.mark.parametrize(("fraction", "seconds"), [(0.0, "0"), (0.5, "5"), (0.999, "10")])
def test_their_second_invite_before_our_answer_gets_500_and_retry_after(
    fraction: float, seconds: str
) -> None:
    """§14.2: "a Retry-After header field with a randomly chosen value of between 0 and 10 seconds"."""
    bench, session = talking()
    bench.stack._dice.next_fraction = fraction  # type: ignore[attr-defined]
    bench.receive(within(bench, session, "INVITE", cseq=10, body=OFFER))
    bench.news()
    bench.receive(within(bench, session, "INVITE", cseq=11, body=OFFER))
    refusal = bench.last("500").response
    assert (refusal.cseq, refusal.get("retry-after")) == (11, seconds)
    bench.owner.the(Requested).server.reject(488, bench.now)  # type: ignore[union-attr]
    hang_up(bench, session)


def test_their_invite_while_our_200_waits_for_its_ack_gets_491() -> None:
    bench, session = talking()
    bench.receive(within(bench, session, "INVITE", cseq=10, body=OFFER))
    server = bench.owner.the(Requested).server
    assert isinstance(server, InviteServer)
    server.answer(bench.now, body=OFFER)
    bench.news()
    bench.receive(within(bench, session, "INVITE", cseq=11, body=OFFER))
    assert (491, "INVITE") in replies(bench)
    bench.receive(within(bench, session, "ACK", cseq=10, branch="z9hG4bKa"))
    hang_up(bench, session)


# BYE.


def test_their_bye_is_answered_and_told_with_its_request() -> None:
    bench, session = talking()
    bench.receive(within(bench, session, "BYE", cseq=10, fields=[("Reason", "Q.850;cause=16")]))
    assert replies(bench) == [(200, "BYE")]
    event = bench.owner.the(Ended)
    assert (
        event.cause == "bye" and event.request is not None and event.request.get("reason") == "Q.850;cause=16"
    )
    bench.receive(within(bench, session, "INFO", cseq=11))
    assert replies(bench) == [(481, "INFO")]
    bench.finish()


def test_byes_that_cross_are_both_answered() -> None:
    """DLG-9."""
    bench, session = talking()
    session.bye("", bench.now)
    bench.news()
    bench.receive(within(bench, session, "BYE", cseq=10))
    assert replies(bench) == [(200, "BYE")]
    assert ended(bench) == []
    say(bench, "BYE", 481)
    bench.finish()


def test_between_our_bye_and_its_answer_requests_get_481() -> None:
    bench, session = talking()
    session.bye("", bench.now)
    bench.news()
    bench.receive(within(bench, session, "INVITE", cseq=10, body=OFFER))
    bench.receive(within(bench, session, "INFO", cseq=11))
    assert replies(bench) == [(481, "INVITE"), (481, "INFO")]
    say(bench, "BYE", 200)
    bench.finish()


def test_a_bye_that_nobody_answers_ends_all_the_same() -> None:
    bench, session = talking()
    start = bench.now
    session.bye("Reason: SIP;cause=200\r\n", bench.now)
    bench.run(40.0)
    assert bench.times_of("BYE", start)[:4] == [0, 0.5, 1.5, 3.5]
    bench.finish()


def test_the_bye_to_a_caller_waits_for_its_ack() -> None:
    """§15; DLG-6."""
    bench = rig()
    server = invited(bench)
    server.answer(bench.now, body=OFFER)
    session = server.session
    assert session is not None
    session.bye("Reason: SIP;cause=200\r\n", bench.now)
    bench.run(1.0)
    assert "BYE" not in [sent.name for sent in bench.sent]
    bench.receive(within(bench, session, "ACK", cseq=1, branch="z9hG4bKa"))
    assert bench.last("BYE").request.get("reason") == "SIP;cause=200"
    say(bench, "BYE", 200)
    bench.finish()


def test_and_goes_when_the_ack_never_comes() -> None:
    """§15: "or until the server transaction times out"."""
    bench = rig()
    server = invited(bench)
    server.answer(bench.now, body=OFFER)
    assert server.session is not None
    start = bench.now
    server.session.bye("", bench.now)
    bench.run(33.0)
    assert bench.times_of("BYE", start)[0] == 32.0
    assert len(bench.owner.all_of(NeverAcknowledged)) == 1
    say(bench, "BYE", 200)
    bench.finish()


def test_a_bye_that_waits_is_forgotten_when_theirs_comes() -> None:
    bench = rig()
    server = invited(bench)
    server.answer(bench.now, body=OFFER)
    session = server.session
    assert session is not None
    session.bye("", bench.now)
    bench.receive(within(bench, session, "BYE", cseq=2))
    bench.receive(within(bench, session, "ACK", cseq=1, branch="z9hG4bKa"))
    assert "BYE" not in [sent.name for sent in bench.sent]
    bench.finish()


def test_their_bye_ends_their_own_pending_reinvite() -> None:
    """§15.1.2: "a 487 (Request Terminated) response be generated to those pending requests"."""
    bench, session = talking()
    bench.receive(within(bench, session, "INVITE", cseq=10, body=OFFER))
    bench.news()
    bench.receive(within(bench, session, "BYE", cseq=11))
    assert replies(bench) == [(200, "BYE"), (487, "INVITE")]
    bench.finish()


def test_a_prack_that_is_still_out_does_not_keep_an_ended_session() -> None:
    bench = rig()
    invite(bench)
    say(bench, "INVITE", 183, fields=[("Require", "100rel"), ("RSeq", "5")])
    say(bench, "INVITE", 200)
    session = bench.owner.the(Progress).session
    assert session is not None
    bench.receive(within(bench, session, "BYE", cseq=1))
    bench.finish()


# Credentials.

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


# Session timers.


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


# Anything in any order.

STEPS = [
    "info", "info 481", "reinvite", "offerless", "acknowledge", "200", "487", "491", "408", "100", "their invite",
    "their ack", "answer", "reject", "their bye", "bye", "update", "prack", "wait", "long wait", "agree", "old 200",
]  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.booleans(), st.lists(st.sampled_from(STEPS), max_size=20))
def test_any_sequence_leaves_nothing_and_never_raises_but_what_is_ours(
    is_caller: bool, steps: list[str]
) -> None:
    bench, session = talking(is_caller)
    cseq = 100
    servers: list[InviteServer] = []
    for step in steps:
        cseq += 1
        ours = [sent for sent in bench.sent if not sent.name.isdigit() and sent.name != "ACK"]
        try:
            if step in ("info", "reinvite", "offerless"):
                method = "INFO" if step == "info" else "INVITE"
                session.request(method, bench.now, body=OFFER if step == "reinvite" else b"")
        except LocalError:
            assert session.has_ended or session.is_inviting or session.is_invited
        if step.isdigit() and ours:
            bench.receive(
                response(ours[-1].request, int(step), body=OFFER if step == "200" else b""), ours[-1].flow
            )
        elif step == "old 200" and ours:
            bench.receive(response(ours[0].request, 200, body=OFFER), ours[0].flow)
        elif step.startswith("their"):
            method = step.partition(" ")[2].upper()
            number = servers[-1].request.cseq if method == "ACK" and servers else cseq
            bench.receive(within(bench, session, method, cseq=number, branch=f"z9hG4bK{cseq}"))
        elif step in ("update", "prack"):
            bench.receive(within(bench, session, step.upper(), cseq=cseq))
        elif step == "bye":
            session.bye("", bench.now)
        elif step == "acknowledge":
            session.acknowledge(bench.now, OFFER)
        elif step == "agree":
            session.agree(Agreement(90, cseq % 2 == 0), bench.now)
        elif servers and step == "answer":
            servers[-1].answer(bench.now, body=OFFER)
        elif servers and step == "reject":
            servers[-1].reject(488, bench.now)
        else:
            bench.run({"wait": 0.7, "long wait": 40.0}.get(step, 0.0))
        bench.take()
        servers = [
            event.server for event in bench.owner.all_of(Requested) if isinstance(event.server, InviteServer)
        ]
        for asked in bench.owner.all_of(Requested):
            if isinstance(asked.server, ServerTransaction) and not asked.server.is_answered:
                asked.server.respond(200, bench.now)
    for server in servers:
        server.reject(500, bench.now)
    session.bye("", bench.now)
    assert sum(isinstance(event, Ended) for event in bench.owner.told) <= 1
    bench.finish()


def test_a_request_goes_by_a_flow_that_we_have() -> None:
    """A Contact may name what none of our listeners serves."""
    bench = rig(LISTENERS[:1])
    session = calling(bench)
    bench.receive(within(bench, session, "UPDATE", cseq=10, contact="<sip:b@192.0.2.9:5080;transport=tcp>"))
    server = bench.owner.the(Requested).server
    assert isinstance(server, ServerTransaction)
    server.respond(200, bench.now)
    session.request("INFO", bench.now)
    bench.take()
    assert bench.last("INFO").flow == PEER
    say(bench, "INFO", 200)
    hang_up(bench, session)
