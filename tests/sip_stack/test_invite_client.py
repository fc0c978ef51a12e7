"""INVITEs of ours: when a CANCEL may go, what meets a late answer, and every ACK (RFC 3261 §9.1, §13.2.2)."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sip_stack.events import Answered, Failed, LateAnswer, Progress
from sip_stack.invite_client import ROWS, Input, InviteClient, State
from sip_stack.message import Response, parse
from tests.sip_stack.callee import RELIABLE, say
from tests.sip_stack.rig import (
    LISTENERS,
    OFFER,
    PEER,
    Rig,
    hang_up,
    invite,
    response,
    rig,
)

I, S = Input, State
REASON = 'Reason: SIP;cause=200;text="Call completed elsewhere"\r\n'
# What becomes of an INVITE, apart from the table: state, input -> state. The rest is ignored.
FIGURE = {
    (S.CALLING, I.PROVISIONAL): S.PROCEEDING, (S.CALLING, I.SUCCESS): S.ANSWERED, (S.CALLING, I.FAILURE): S.OVER,
    (S.CALLING, I.NO_RESPONSE): S.OVER, (S.CALLING, I.CANCEL): S.STOPPING,
    (S.PROCEEDING, I.SUCCESS): S.ANSWERED, (S.PROCEEDING, I.FAILURE): S.OVER, (S.PROCEEDING, I.CANCEL): S.CANCELLED,
    (S.STOPPING, I.PROVISIONAL): S.CANCELLED, (S.STOPPING, I.SUCCESS): S.OVER, (S.STOPPING, I.FAILURE): S.OVER,
    (S.STOPPING, I.NO_RESPONSE): S.OVER,
    (S.CANCELLED, I.SUCCESS): S.OVER, (S.CANCELLED, I.FAILURE): S.OVER, (S.CANCELLED, I.GIVE_UP): S.OVER,
}  # fmt: skip
WAYS = {
    S.CALLING: (), S.PROCEEDING: (I.PROVISIONAL,), S.STOPPING: (I.CANCEL,), S.CANCELLED: (I.PROVISIONAL, I.CANCEL),
    S.ANSWERED: (I.SUCCESS,), S.OVER: (I.FAILURE,),
}  # fmt: skip
STATUSES = {I.PROVISIONAL: 180, I.SUCCESS: 200, I.FAILURE: 486}
_tags = itertools.count()


def give(bench: Rig, client: InviteClient, what: Input) -> None:
    """By the transaction where it can be, so that both machines are in step."""
    if what is I.CANCEL:
        client.cancel(REASON, bench.now)
    elif what is I.NO_RESPONSE:
        client.handle_no_response(client.transaction, "timeout", bench.now)
    elif what is I.GIVE_UP:
        client.handle_timer(0, bench.now)
    else:
        answer = response(bench.last("INVITE").request, STATUSES[what], tag=f"tag{next(_tags)}", body=OFFER)
        message = parse(answer)
        assert isinstance(message, Response)
        client.handle_response(client.transaction, message, bench.now)
    bench.take()


@pytest.mark.parametrize(("state", "what"), list(itertools.product(State, Input)))
def test_every_state_meets_every_input(state: State, what: Input) -> None:
    bench = rig()
    client = invite(bench)
    for step in WAYS[state]:
        give(bench, client, step)
    assert client.state is state
    bench.news()
    give(bench, client, what)
    assert client.state is FIGURE.get((state, what), state)
    names = bench.names()
    if what is I.SUCCESS:
        is_wanted = state in (S.CALLING, S.PROCEEDING)
        assert names == (["ACK"] if is_wanted else ["ACK", "BYE"])
    elif (state, what) in ((S.PROCEEDING, I.CANCEL), (S.STOPPING, I.PROVISIONAL)):
        assert names == ["CANCEL"]
    else:
        assert names == []


def test_the_table_has_a_row_for_each_line_of_the_figure() -> None:
    loops = {
        (state, what) for state, row in ROWS.items() for what, (_, after) in row.items() if after is state
    }
    assert {(state, what) for state, row in ROWS.items() for what in row} - loops == set(FIGURE)


# Progress.


def test_each_provisional_is_told_and_none_makes_a_dialog_without_100rel() -> None:
    bench = rig()
    invite(bench)
    say(bench, 100)
    say(bench, 180)
    say(bench, 183, body=OFFER)
    told = bench.owner.all_of(Progress)
    assert [each.response.status for each in told] == [100, 180, 183]
    assert [each.session for each in told] == [None, None, None]
    assert bench.stack.dialogs == {}
    say(bench, 486)
    bench.finish()


def test_a_failure_is_acknowledged_and_told_once() -> None:
    bench = rig()
    client = invite(bench)
    say(bench, 180)
    say(bench, 486)
    say(bench, 486)
    assert bench.names() == ["INVITE", "ACK", "ACK"]
    failed = bench.owner.the(Failed)
    assert failed.response is not None and failed.response.status == 486
    assert client.is_final
    bench.finish()


def test_no_response_at_all_is_told_with_its_cause() -> None:
    bench = rig()
    client = invite(bench)
    start = bench.now
    bench.run(40.0)
    assert bench.owner.the(Failed) == Failed(client, None, "timeout")
    assert bench.times_of("INVITE", start) == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    bench.finish()


def test_what_the_transport_says_is_told_at_once() -> None:
    bench = rig()
    client = invite(bench)
    bench.stack.transport_failed(PEER, "ECONNREFUSED", bench.now, bench.last("INVITE").data)
    bench.take()
    assert bench.owner.the(Failed) == Failed(client, None, "ECONNREFUSED")
    bench.finish()


# The answer.


def test_the_ack_leaves_before_the_answer_is_told_and_has_what_it_must() -> None:
    """§13.2.2.4: CSeq number of the INVITE, method ACK, the same credentials; a Via and branch of its own."""
    bench = rig()
    invite(bench, fields='Authorization: Digest username="us"\r\nSupported: timer\r\n')
    say(bench, 200, contact="<sip:bob@192.0.2.99:5080>", fields=[("Record-Route", "<sip:192.0.2.8;lr>")])
    sent = bench.last("ACK")
    ack, original = sent.request, bench.last("INVITE").request
    assert (ack.cseq, ack.cseq_method, ack.uri) == (1, "ACK", "sip:bob@192.0.2.99:5080")
    assert ack.branch != original.branch
    assert (ack.from_value, ack.to_tag, ack.call_id) == (original.from_value, "bob1", original.call_id)
    assert ack.get_all("route") == ["<sip:192.0.2.8;lr>"]
    assert ack.get("authorization") == 'Digest username="us"'
    assert ack.get("supported") is None and ack.body == b""
    assert (sent.flow.host, sent.flow.port) == ("192.0.2.8", 5060)
    session = bench.owner.the(Answered).session
    assert session.is_confirmed
    session.dialog.flow = PEER
    hang_up(bench, session)


def test_a_repeated_200_gets_the_very_same_ack_for_64_t1() -> None:
    """TRX-6."""
    bench = rig()
    invite(bench)
    say(bench, 200)
    bench.run(31.0)
    say(bench, 200)
    say(bench, 200)
    acks = [sent.data for sent in bench.sent if sent.name == "ACK"]
    assert len(acks) == 3 and len(set(acks)) == 1
    assert len(bench.owner.all_of(Answered)) == 1
    hang_up(bench, bench.owner.the(Answered).session)


def test_a_200_repeated_after_our_bye_is_still_acknowledged() -> None:
    """RFC 5407 §3.1.3."""
    bench = rig()
    invite(bench)
    say(bench, 200)
    bench.owner.the(Answered).session.bye("", bench.now)
    bench.take()
    bench.receive(response(bench.last("BYE").request, 200))
    bench.news()
    say(bench, 200)
    assert bench.names() == ["ACK"]
    bench.finish()


def test_a_second_to_tag_is_acknowledged_and_ended_while_the_first_stays() -> None:
    """FRK-5, §13.2.2.4."""
    bench = rig()
    invite(bench)
    say(bench, 200, tag="bob1")
    bench.news()
    say(bench, 200, tag="bob2", contact="<sip:bob@192.0.2.10>")
    ack, bye = bench.news()
    assert (ack.name, bye.name) == ("ACK", "BYE")
    assert ack.request.to_tag == bye.request.to_tag == "bob2"
    assert ack.flow == bye.flow and ack.flow.host == "192.0.2.10"
    assert len(bench.owner.all_of(LateAnswer)) == 1
    bench.receive(response(bye.request, 200), bye.flow)
    say(bench, 200, tag="bob2")
    assert bench.names() == ["ACK"]
    hang_up(bench, bench.owner.the(Answered).session)


def test_without_an_offer_the_ack_waits_for_the_answer_and_is_repeated_with_it() -> None:
    bench = rig()
    client = invite(bench, body=b"")
    say(bench, 200, body=OFFER)
    say(bench, 200, body=OFFER)
    assert bench.names() == ["INVITE"]
    session = bench.owner.the(Answered).session
    client.acknowledge(session, b"v=0\r\n", bench.now)
    client.acknowledge(session, b"v=0 again\r\n", bench.now)
    bench.take()
    say(bench, 200, body=OFFER)
    first, second = bench.news()
    assert first.data == second.data
    assert first.request.body == b"v=0\r\n" and first.request.content_type == "application/sdp"
    hang_up(bench, session)


def test_the_loser_of_two_answers_is_refused_with_ack_and_bye() -> None:
    bench = rig()
    client = invite(bench)
    say(bench, 200)
    client.refuse(bench.owner.the(Answered).session, REASON, bench.now)
    assert bench.names() == ["INVITE", "ACK", "BYE"]
    bye = bench.last("BYE").request
    assert bye.get("reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    bench.receive(response(bye, 200))
    bench.finish()


# Answers that are not as they should be.


@pytest.mark.parametrize(
    "more",
    [
        {"contact": ""}, {"contact": "rubbish <"}, {"contact": "<sip:bob@192.0.2.9;transport=tcp>"},
        {"contact": "<sip:bob@[2001:db8::9]>"}, {"contact": "<sip:bob@bob.example.net>"}, {"tag": ""},
        {"fields": [("Record-Route", "<<x")]}, {"fields": [("Allow", "")]}, {"body": b"no sdp"},
    ],
)  # fmt: skip
@pytest.mark.parametrize("with_tcp", [True, False])
def test_a_strange_answer_is_acknowledged_told_and_can_be_ended(
    more: dict[str, object], with_tcp: bool
) -> None:
    bench = rig(LISTENERS if with_tcp else LISTENERS[:1])
    invite(bench)
    say(bench, 200, **more)
    assert bench.names() == ["INVITE", "ACK"]
    hang_up(bench, bench.owner.the(Answered).session)


@settings(max_examples=150, deadline=None)
@given(
    st.booleans(),
    st.lists(
        st.one_of(
            st.tuples(
                st.sampled_from([100, 180, 183, 199, 200, 202, 302, 486, 503, 603]), st.sampled_from("ab")
            ),
            st.tuples(st.just(0), st.sampled_from(["cancel", "wait", "long wait", "icmp", "answer cancel"])),
        ),
        max_size=14,
    ),
)
def test_whatever_comes_the_owner_hears_one_end_and_nothing_is_left(
    has_offer: bool, steps: list[tuple[int, str]]
) -> None:
    bench = rig()
    client = invite(bench, body=OFFER if has_offer else b"")
    for status, word in steps:
        if status:
            reliable = RELIABLE if status == 183 else ()
            say(bench, status, tag=word, fields=reliable)
        elif word == "cancel":
            client.cancel(REASON, bench.now)
        elif word == "icmp":
            bench.stack.transport_failed(PEER, "EHOSTUNREACH", bench.now, bench.last("INVITE").data)
        elif word == "answer cancel" and any(sent.name == "CANCEL" for sent in bench.sent):
            bench.receive(response(bench.last("CANCEL").request, 200))
        else:
            bench.run(40.0 if word == "long wait" else 0.7)
        bench.take()
    client.cancel("", bench.now)
    bench.take()
    bench.run(100.0)
    for answered in bench.owner.all_of(Answered):
        client.refuse(answered.session, "", bench.now)
        bench.take()
    bench.run(200.0)
    told = bench.owner.told
    assert sum(isinstance(event, Answered | Failed) for event in told) == 1
    names = [sent.name for sent in bench.sent]
    byes = {sent.request.to_tag for sent in bench.sent if sent.name == "BYE"}
    acked = {
        sent.request.to_tag
        for sent in bench.sent
        if sent.name == "ACK" and sent.request.branch != client.request.branch
    }
    assert byes == acked
    assert "CANCEL" not in names or client.cancelled_at is not None
    bench.finish()
