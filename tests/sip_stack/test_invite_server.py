"""A peer's INVITE until its ACK: repetitions, CANCEL, and reliable provisionals (RFC 3261 §9.2, §13.3; RFC 3262)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip_stack.errors import LocalError
from sip_stack.events import (
    Acknowledged,
    Ended,
    Invited,
    NeverAcknowledged,
    Requested,
)
from sip_stack.flow import Flow
from sip_stack.invite_server import InviteServer, State
from sip_stack.message import Request, parse
from sip_stack.server_transaction import State as ServerState
from tests.sip_stack.caller import REPETITIONS, acknowledge, cancel, prack, reliable
from tests.sip_stack.rig import (
    OFFER,
    PEER,
    TCP_PEER,
    Rig,
    called,
    hang_up,
    invited,
    request,
    response,
    rig,
    within,
)

S = State


# Every state, every input.

INPUTS = ["answer", "reject", "cancel", "ack", "resend", "give up"]
FIGURE = {
    (S.PROCEEDING, "answer"): S.ANSWERED,
    (S.PROCEEDING, "reject"): S.REJECTED,
    (S.PROCEEDING, "cancel"): S.REJECTED,
    (S.ANSWERED, "ack"): S.CONFIRMED,
    (S.ANSWERED, "give up"): S.REJECTED,
}
WAYS = {S.PROCEEDING: (), S.ANSWERED: ("answer",), S.CONFIRMED: ("answer", "ack"), S.REJECTED: ("reject",)}
SENDS = {
    (S.PROCEEDING, "answer"): [200], (S.PROCEEDING, "reject"): [486], (S.PROCEEDING, "cancel"): [487],
    (S.ANSWERED, "resend"): [200],
}  # fmt: skip


def give(bench: Rig, server: InviteServer, what: str) -> None:
    message = parse(request())
    assert isinstance(message, Request)
    if what == "answer":
        server.answer(bench.now, body=OFFER)
    elif what == "reject":
        server.reject(486, bench.now)
    elif what == "cancel":
        server.handle_cancel(message, bench.now)
    elif what == "ack":
        server.handle_acknowledgement(message, bench.now)
    elif what == "resend":
        server.on_resend(bench.now)
    else:
        server.on_give_up(bench.now)
    bench.take()


@pytest.mark.parametrize(("state", "what"), list(itertools.product(State, INPUTS)))
def test_every_state_meets_every_input(state: State, what: str) -> None:
    bench = rig()
    server = invited(bench)
    for step in WAYS[state]:
        give(bench, server, step)
    assert server.state is state
    bench.news()
    give(bench, server, what)
    assert server.state is FIGURE.get((state, what), state)
    assert bench.statuses() == SENDS.get((state, what), [])
    assert server.is_over == (server.state is not S.PROCEEDING)


# Provisionals.


def test_100_leaves_at_once_and_without_a_tag() -> None:
    """§17.2.1; TRX-10."""
    bench = rig()
    invited(bench)
    (trying,) = bench.news()
    assert trying.response.status == 100 and trying.response.to_tag == ""
    bench.owner.the(Invited).server.reject(486, bench.now)
    bench.take()


def test_all_responses_above_100_share_one_tag_contact_and_the_record_route() -> None:
    """§12.1.1; TRX-11."""
    bench = rig()
    server = invited(bench, request(fields=[("Record-Route", "<sip:192.0.2.8;lr>")], body=OFFER))
    server.progress(180, bench.now)
    server.progress(183, bench.now, body=OFFER, fields=[("X-Word", "y")])
    server.answer(bench.now, body=OFFER)
    sent = [each.response for each in bench.news()[1:]]
    assert [each.status for each in sent] == [180, 183, 200]
    assert {each.to_tag for each in sent} == {server.local_tag}
    assert {each.get("contact") for each in sent} == {"<sip:192.0.2.1:5060>"}
    assert {each.get("record-route") for each in sent} == {"<sip:192.0.2.8;lr>"}
    assert sent[1].get("x-word") == "y" and sent[1].body == OFFER
    assert server.session is not None
    server.session.dialog.flow = PEER
    acknowledge(bench, server)
    hang_up(bench, server.session)


def test_the_last_provisional_is_repeated_every_minute() -> None:
    """§13.3.1.1."""
    bench = rig()
    server = invited(bench)
    server.progress(180, bench.now)
    bench.run(30.0)
    server.progress(183, bench.now)
    bench.news()
    start = bench.now
    bench.run(125.0)
    assert bench.times_of("183", start) == [0, 60, 120]
    server.reject(480, bench.now)
    bench.news()
    bench.run(125.0)
    assert set(bench.statuses()) == {480}
    bench.finish()


def test_a_reliable_provisional_is_renewed_before_a_proxy_gives_up() -> None:
    """RFC 3262 §3: every 2.5 minutes, each with a number and a PRACK of its own, and without the description again."""
    bench = rig()
    start = bench.now
    server, rseq = reliable(bench)
    prack(bench, server, f"{rseq} 1 INVITE", 2)
    bench.run(151.0)
    assert bench.times_of("183", start) == [0, 150, 150.5]
    again = bench.last("183").response
    assert again.get("rseq") == str(rseq + 1) and not again.body and "100rel" in again.tokens("require")
    prack(bench, server, f"{rseq + 1} 1 INVITE", 3)
    server.progress(180, bench.now)
    start = bench.now
    bench.news()
    bench.run(125.0)
    assert bench.times_of("180", start) == [0, 60, 120], "one that is not reliable may be lost"
    server.reject(480, bench.now)
    bench.finish()


def test_nothing_is_renewed_while_the_200_waits() -> None:
    bench = rig()
    server = invited(bench)
    server.progress(180, bench.now)
    bench.run(50.0)
    server.progress(183, bench.now, body=OFFER, reliable=True)
    server.answer(bench.now, body=OFFER)
    bench.news()
    bench.run(20.0)
    assert set(bench.statuses()) == {183}
    server.reject(480, bench.now)
    bench.finish()


def test_after_the_final_response_there_is_no_more_progress() -> None:
    bench = rig()
    server = invited(bench)
    server.reject(486, bench.now)
    with pytest.raises(LocalError, match="has its final response"):
        server.progress(180, bench.now)
    server.reject(500, bench.now)
    bench.take()
    assert bench.statuses() == [100, 486]
    bench.finish()


# The 2xx.


@pytest.mark.parametrize("source", [PEER, TCP_PEER])
def test_the_200_is_repeated_until_64_t1_and_then_told(source: Flow) -> None:
    """§13.3.1.4, over TCP as well; TRX-5."""
    bench = rig()
    server = invited(bench, source=source)
    start = bench.now
    server.answer(bench.now, body=OFFER)
    bench.run(31.9)
    assert bench.owner.all_of(NeverAcknowledged) == []
    bench.run(10.0)
    assert bench.times_of("200", start) == REPETITIONS
    assert len({sent.data for sent in bench.sent if sent.name == "200"}) == 1
    assert bench.owner.the(NeverAcknowledged).server is server
    assert server.session is not None
    server.session.bye("", bench.now)
    bench.take()
    bye = bench.last("BYE")
    bench.receive(response(bye.request, 200), bye.flow)
    bench.finish()


def test_the_ack_ends_the_repetition_and_is_told_once() -> None:
    bench = rig()
    server = invited(bench)
    server.answer(bench.now, body=OFFER)
    start = bench.now
    bench.run(1.0)
    acknowledge(bench, server)
    acknowledge(bench, server)
    bench.run(40.0)
    assert bench.times_of("200", start) == [0, 0.5]
    assert bench.owner.the(Acknowledged).server is server
    assert server.session is not None
    hang_up(bench, server.session)


def test_an_ack_of_another_cseq_is_none() -> None:
    """TRX-8."""
    bench = rig()
    server = invited(bench)
    server.answer(bench.now, body=OFFER)
    acknowledge(bench, server, cseq=2)
    start = bench.now
    bench.run(40.0)
    assert bench.times_of("200", start) == REPETITIONS
    assert bench.owner.all_of(Acknowledged) == []
    assert len(bench.owner.all_of(NeverAcknowledged)) == 1


def test_a_repeated_invite_does_not_bring_the_200_out_of_its_turn() -> None:
    bench = rig()
    server = invited(bench)
    server.answer(bench.now, body=OFFER)
    bench.news()
    bench.receive(request(body=OFFER))
    assert bench.names() == []


# Its end.


def test_a_bye_of_the_early_dialog_ends_the_invite() -> None:
    """DLG-8, §15.1.2."""
    bench = rig()
    server = invited(bench)
    server.progress(180, bench.now)
    bench.news()
    bench.receive(within(bench, server.session, "BYE", cseq=2))
    replies = [sent.response for sent in bench.news()]
    assert [(each.status, each.cseq_method) for each in replies] == [(200, "BYE"), (487, "INVITE")]
    assert bench.stack.dialogs == {}
    bench.finish()


def test_an_ack_that_the_bye_has_overtaken_still_ends_the_repetition() -> None:
    """UDP may put the two out of order: answered and hung up at once."""
    bench = rig()
    server = invited(bench)
    server.answer(bench.now, body=OFFER)
    session = server.session
    assert session is not None
    session.owner = bench.owner
    ack, bye = within(bench, session, "ACK", cseq=1, branch="z9hG4bKa"), within(bench, session, "BYE", cseq=2)
    bench.receive(bye)
    bench.receive(ack)
    start = bench.now
    bench.run(40.0)
    assert bench.times_of("200", start + 0.1) == []
    assert len(bench.owner.all_of(Ended)) == 1
    assert bench.owner.all_of(NeverAcknowledged) == []
    bench.finish()


def test_an_invite_without_contact_is_refused_by_the_stack() -> None:
    """§8.1.1.8: "The Contact header field MUST be present ... in any request that can result in the establishment
    of a dialog": found out before anybody rings."""
    bench = rig()
    bench.receive(request(contact="", body=OFFER))
    assert bench.statuses() == [400]
    assert bench.owner.all_of(Invited) == []
    bench.finish()


def test_a_reinvite_is_served_by_the_same_machine() -> None:
    bench = rig()
    session = called(bench)
    session.owner = bench.owner
    bench.run(1.0)
    bench.receive(within(bench, session, "INVITE", cseq=2, body=OFFER))
    server = bench.owner.the(Requested).server
    assert isinstance(server, InviteServer)
    server.answer(bench.now, body=OFFER)
    start = bench.now
    bench.run(2.0)
    assert bench.times_of("200", start) == [0, 0.5, 1.5]
    acknowledge(bench, server, cseq=2)
    bench.run(40.0)
    assert bench.times_of("200", start) == [0, 0.5, 1.5]
    hang_up(bench, session)


STEPS = [
    "100", "180", "183", "183 reliable", "answer", "486", "cancel", "ack", "late ack", "prack", "bye", "invite", "wait",
    "long wait",
]  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([PEER, TCP_PEER]), st.lists(st.sampled_from(STEPS), max_size=16))
def test_whatever_comes_there_is_one_final_response_and_nothing_is_left(
    source: Flow, steps: list[str]
) -> None:
    bench = rig()
    server = invited(bench, source=source)
    cseq = 1
    for step in steps:
        cseq += 1
        session = server.session
        try:
            if step in ("100", "180", "183"):
                server.progress(int(step), bench.now)
            elif step == "183 reliable":
                server.progress(183, bench.now, body=OFFER, reliable=True)
        except LocalError:
            assert "answer" in steps or server.is_over
        if step == "answer":
            server.answer(bench.now, body=OFFER)
        elif step == "486":
            server.reject(486, bench.now)
        elif step == "cancel":
            cancel(bench, source=source)
        elif step == "ack":
            bench.receive(request("ACK", to_value=f"<sip:100@192.0.2.1>;tag={server.local_tag}"), source)
        elif step == "invite" and server.transaction.state is not ServerState.TERMINATED:
            bench.receive(request(body=OFFER), source)
        elif step == "late ack" and session is not None:
            bench.receive(within(bench, session, "ACK", cseq=1, branch="z9hG4bKack"), source)
        elif step == "prack" and session is not None:
            out = [sent for sent in bench.sent if sent.name == "183" and sent.response.get("rseq")]
            rseq = out[-1].response.get("rseq") if out else "1"
            bench.receive(
                within(bench, session, "PRACK", cseq=cseq, fields=[("RAck", f"{rseq} 1 INVITE")]), source
            )
        elif step == "bye" and session is not None:
            bench.receive(within(bench, session, "BYE", cseq=cseq), source)
        else:
            bench.run({"wait": 0.7, "long wait": 33.0}.get(step, 0.0))
        bench.take()
    server.reject(500, bench.now)
    bench.run(70.0)
    finals = {
        sent.data
        for sent in bench.sent
        if sent.name.isdigit() and sent.response.cseq_method == "INVITE" and sent.response.status >= 200
    }
    assert len(finals) == 1 or (not finals and server.state is S.PROCEEDING)
    if server.session is not None and not server.session.has_ended and server.session.is_confirmed:
        server.session.bye("", bench.now)
        bench.take()
    bench.finish()
