"""What goes on within a dialog: numbers, glare, BYE and ACK, refreshes, credentials (RFC 3261 §12.2, §14, §15)."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip_stack.errors import LocalError
from sip_stack.events import Ended, NeverAcknowledged, Progress, Replied, Requested
from sip_stack.invite_server import InviteServer
from sip_stack.server_transaction import ServerTransaction
from sip_stack.session_timer import Agreement
from tests.sip_stack.rig import (
    LISTENERS,
    OFFER,
    PEER,
    calling,
    hang_up,
    invite,
    invited,
    response,
    rig,
    within,
)
from tests.sip_stack.sessions import ended, replies, say, talking

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
