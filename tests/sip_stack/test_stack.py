"""The whole of SIP: what is matched to what, what is answered without state, and what is dropped."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sip_stack.errors import MalformedMessage, RemoteError
from sip_stack.events import Asked, Invited
from sip_stack.flow import Flow
from sip_stack.framing import StreamFraming
from sip_stack.message import Request, parse
from sip_stack.server_transaction import State
from sip_stack.stack import Stack
from sip_stack.timers import Intervals
from tests.sip_stack.rig import (
    LISTENERS,
    OFFER,
    OUR_HOST,
    PEER,
    TCP_PEER,
    FixedDice,
    Rig,
    called,
    calling,
    hang_up,
    invite,
    invited,
    request,
    response,
    rig,
    within,
)


@pytest.mark.parametrize("fraction", [0.0, 0.5, 0.999999])
def test_the_first_rseq_is_within_its_range(fraction: float) -> None:
    """RFC 3262 §3: 1 to 2^31 - 1."""
    assert 1 <= Stack(LISTENERS, FixedDice(fraction)).first_rseq() < 2**31


def test_intervals_are_handed_in() -> None:
    bench = Rig(Stack(LISTENERS, FixedDice(), intervals=Intervals(t1=0.05)))
    invite(bench)
    start = bench.now
    bench.run(10.0)
    assert bench.times_of("INVITE", start)[:3] == [0, 0.05, 0.15]


# New requests.


def test_an_invite_is_a_call_once() -> None:
    bench = rig()
    for _ in range(3):
        bench.receive(request(body=OFFER))
    assert bench.statuses() == [100, 100, 100]
    bench.owner.the(Invited).server.reject(486, bench.now)
    bench.receive(request("ACK", to_value="<sip:100@192.0.2.1>;tag=t0001"))
    bench.finish()


def test_other_requests_are_asked_and_answered_once() -> None:
    bench = rig()
    bench.receive(request("OPTIONS"))
    transaction = bench.owner.the(Asked).transaction
    assert bench.names() == []
    transaction.respond(200, bench.now, to_tag="us")
    bench.receive(request("OPTIONS"))
    first, second = bench.news()
    assert first.data == second.data
    assert transaction.state is State.COMPLETED
    bench.finish()


def test_the_merge_key_is_kept_no_longer_than_its_transaction() -> None:
    bench = rig()
    for _ in range(2):
        invited(bench).reject(486, bench.now)
        bench.run(40.0)
    assert len(bench.owner.all_of(Invited)) == 2
    bench.finish()


MERGED = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKother"


def test_a_merged_request_gets_482() -> None:
    """§8.2.2.2; TRX-12."""
    bench = rig()
    invited(bench)
    bench.news()
    bench.receive(request(via=MERGED, body=OFFER))
    assert bench.only_response().status == 482
    assert len(bench.owner.all_of(Invited)) == 1


@pytest.mark.parametrize(
    "more",
    [
        {"uri": "sip:200@192.0.2.1"},
        {"cseq": 2},
        {"call_id": "other"},
        {"from_value": "<sip:ana@192.0.2.9>;tag=other"},
    ],
)
def test_what_differs_is_another_call(more: dict[str, object]) -> None:
    bench = rig()
    invited(bench)
    bench.receive(request(via=MERGED, body=OFFER, **more))  # type: ignore[arg-type]
    assert len(bench.owner.all_of(Invited)) == 2


def test_max_forwards_0_gets_483_but_for_options() -> None:
    """§16.3; §11: an OPTIONS with 0 may be answered."""
    bench = rig()
    bench.receive(request(max_forwards=0))
    assert bench.only_response().status == 483
    bench.receive(request("OPTIONS", max_forwards=0, call_id="other"))
    assert len(bench.owner.all_of(Asked)) == 1


@pytest.mark.parametrize("method", ["INVITE", "MESSAGE", "BYE"])
def test_an_unknown_extension_gets_420_with_its_name(method: str) -> None:
    """§8.2.2.3."""
    bench = rig()
    session = called(bench) if method == "BYE" else None
    fields = [("Require", "timer, hypnosis"), ("Require", "100rel,magic")]
    data = (
        within(bench, session, "BYE", cseq=2, fields=fields)
        if session
        else request(method, fields=fields, body=OFFER)
    )
    bench.receive(data)
    refusal = bench.only_response()
    assert refusal.status == 420
    assert refusal.tokens("unsupported") == {"hypnosis", "magic"}
    assert refusal.to_tag
    if session:
        assert not session.has_ended
        hang_up(bench, session)
    else:
        assert bench.owner.told == []
        assert bench.stack.leftovers() == [], "whoever forges a trunk's address could fill us"
        bench.receive(data)
        assert bench.only_response().to_tag == refusal.to_tag, "§8.2.7: every copy gets the same"
        bench.receive(request("ACK", to_value=f"<sip:100@192.0.2.1>;tag={refusal.to_tag}"))
        assert bench.names() == [] and bench.stack.leftovers() == []


def test_what_is_not_admitted_is_answered_without_state() -> None:
    bench = rig()
    bench.stack.admit = lambda _request, _source: RemoteError(503, "busy", fields=(("Retry-After", "5"),))
    bench.receive(request(body=OFFER))
    refusal = bench.only_response()
    assert (refusal.status, refusal.get("retry-after")) == (503, "5")
    assert bench.stack.leftovers() == [] and bench.stack.dropped == {"busy": 1}
    bench.stack.admit = lambda _request, _source: RemoteError(0, "unknown source")
    bench.receive(request(body=OFFER))
    assert bench.news() == []
    assert bench.stack.dropped["unknown source"] == 1


def test_admission_is_not_asked_within_a_dialog() -> None:
    bench = rig()
    session = called(bench)
    bench.stack.admit = lambda _request, _source: RemoteError(503, "busy")
    bench.receive(within(bench, session, "OPTIONS", cseq=2))
    assert bench.statuses() == [200]
    hang_up(bench, session)


# Refusals without state.


def test_stateless_responses_to_the_same_request_are_the_same_and_to_others_are_not() -> None:
    """§8.2.7: "the To tag must be the same"; §16.11."""
    bench = rig()
    for branch in ("a", "a", "b"):
        via = f"SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK{branch}"
        bench.receive(request("BYE", via=via, to_value="<sip:100@192.0.2.1>;tag=gone"))
        bench.receive(request(via=via, max_forwards=0))
    sent = bench.news()
    assert [each.response.status for each in sent] == [481, 483] * 3
    assert sent[0].data == sent[2].data and sent[1].data == sent[3].data
    assert sent[1].response.to_tag != sent[5].response.to_tag
    assert sent[0].response.to_tag == "gone"
    assert bench.stack.leftovers() == []


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (request().replace(b" SIP/2.0\r\nVia", b" SIP/3.0\r\nVia"), 505),
        (request(cseq_method="BYE"), 400),
        (request(cseq=2**31), 400),
        (request().replace(b"sip:100@192.0.2.1 SIP", b"mailto:100@192.0.2.1 SIP"), 416),
        (request().replace(b"Content-Length: 0", b"Content-Length: 99"), 400),
        (request().replace(b"Max-Forwards: 70", b"Max-Forwards: x"), 400),
    ],
)
def test_what_is_malformed_gets_the_status_that_it_earns(data: bytes, status: int) -> None:
    """PAR-5."""
    bench = rig()
    bench.receive(data)
    (sent,) = bench.news()
    assert sent.data.startswith(b"SIP/2.0 %d " % status)
    assert bench.owner.told == [] and bench.stack.leftovers() == []
    assert sum(bench.stack.dropped.values()) <= 1


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\0", b"hello\r\n\r\n", b"SIP/2.0 200 OK\r\n\r\n", request().replace(b"Via:", b"Vla:"),
        request("ACK", cseq_method="BYE"), request("ACK").replace(b"Content-Length: 0", b"Content-Length: 99"),
        request("ACK", to_value="<sip:100@192.0.2.1>;tag=gone"),
        b"SIP/2.0 200 OK\r\n" + request().partition(b"\r\n")[2],
    ],
)  # fmt: skip
def test_what_cannot_or_may_not_be_answered_is_dropped_with_a_reason(data: bytes) -> None:
    bench = rig()
    bench.receive(data)
    assert bench.news() == []
    assert sum(bench.stack.dropped.values()) == 1
    assert bench.stack.leftovers() == []


def test_reasons_from_outside_do_not_fill_the_memory() -> None:
    bench = rig()
    for number in range(1200):
        bench.receive(
            request(via="SIP/2.0/UDP 192.0.2.9;branch=z9hG4bK1").replace(b"CSeq: 1 ", b"CSeq: %dx " % number)
        )
    assert len(bench.stack.dropped) <= 1000


def test_the_head_of_a_message_that_cannot_be_framed_is_answered() -> None:
    """§18.3, §20.14."""
    bench = rig()
    head = request(via="SIP/2.0/TCP 192.0.2.9:5060;branch=z9hG4bK1").replace(b"Content-Length: 0\r\n", b"")
    bench.stack.refuse_unframed(head, MalformedMessage("no Content-Length"), TCP_PEER, bench.now)
    bench.take()
    refusal = bench.sent[-1]
    assert refusal.response.status == 400
    assert refusal.flow.connection == TCP_PEER.connection


@pytest.mark.parametrize("head", [b"", b"rubbish\r\n\r\n", request("ACK"), response(parse(request()), 200)])  # type: ignore[arg-type]
def test_and_what_is_no_request_is_not(head: bytes) -> None:
    bench = rig()
    bench.stack.refuse_unframed(head, MalformedMessage("x"), TCP_PEER, bench.now)
    assert bench.news() == []


# For operators.


def test_sizes_and_leftovers_count_what_is_held() -> None:
    bench = rig()
    assert bench.stack.sizes() == {"clients": 0, "servers": 0, "dialogs": 0}
    session = calling(bench)
    assert bench.stack.sizes() == {"clients": 1, "servers": 0, "dialogs": 1}
    lines = bench.stack.leftovers()
    assert any("INVITE" in line for line in lines) and any("timer" in line for line in lines)
    hang_up(bench, session)


def test_events_that_come_of_events_are_handed_on_to_the_last() -> None:
    bench = rig()
    bench.stack.receive(request(body=OFFER), PEER, bench.now)

    class Front:
        def handle(self, event: object, now: float) -> None:
            assert isinstance(event, Invited)
            event.server.owner = bench.owner
            event.server.handle_cancel(event.server.request, now)

    owner, event = bench.stack.events.popleft()
    bench.stack.events.append((Front(), event))
    bench.stack.dispatch_events()
    assert len(bench.owner.told) == 1 and owner is bench.owner


# Whatever a peer sends.

MESSAGES = [
    request(body=OFFER), request("ACK", to_value="<sip:100@192.0.2.1>;tag=t0001"), request("CANCEL", contact=""),
    request("OPTIONS"), request(fields=[("Require", "x"), ("Record-Route", "<sip:192.0.2.8;lr>")]),
    request("BYE", to_value="<sip:100@192.0.2.1>;tag=t0001", cseq=2),
    request("PRACK", to_value="<sip:100@192.0.2.1>;tag=t0001", cseq=3, fields=[("RAck", "1 1 INVITE")]),
    request(via="SIP/2.0/TCP 192.0.2.9", fields=[("Session-Expires", "1800"), ("Supported", "timer, 100rel")]),
]  # fmt: skip
PIECES = [
    b"\0", b"\r", b"\n", b"\r\n ", b";", b",", b"<", b">", b'"', b":", b"[", b"]", b"%", b"\xff", b" ", b"=", b"@",
    b"999999999999", b"sip:", b"*", b"Via: ", b"a" * 300,
]  # fmt: skip


@st.composite
def broken(draw: st.DrawFn) -> bytes:
    data = draw(st.sampled_from(MESSAGES))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 12))
        data = data[:at] + draw(st.sampled_from(PIECES)) + data[at + length :]
    return data


@settings(max_examples=1500, deadline=None)
@given(
    st.lists(st.tuples(broken(), st.sampled_from([PEER, TCP_PEER])), min_size=1, max_size=6), st.booleans()
)
@example([(request(fields=[("Require", "a\0b")]), PEER)], True)
@example([(request(via="SIP/2.0/TCP [::1:5060;branch=z9hG4bK1", cseq_method="BYE"), TCP_PEER)], True)
@example([(request(via="SIP/2.0/TCP :;branch=z9hG4bK1"), TCP_PEER)], True)
def test_receive_never_raises_for_what_a_peer_sent(messages: list[tuple[bytes, Flow]], answers: bool) -> None:
    bench = rig()
    for data, source in messages:
        bench.receive(data, source)
        for event in bench.owner.told:
            if isinstance(event, Invited) and answers and not event.server.is_over:
                event.server.answer(bench.now, body=OFFER)
            elif isinstance(event, Invited):
                event.server.reject(486, bench.now)
            elif isinstance(event, Asked) and not event.transaction.is_answered:
                event.transaction.respond(200, bench.now)
        bench.take()
    for sent in bench.sent:
        head, blank, _ = sent.data.partition(b"\r\n\r\n")
        assert blank and not set(b"\r\n") & set(head.replace(b"\r\n", b""))
    bench.run(70.0)
    for session in list(bench.stack.dialogs.values()):
        session.bye("", bench.now)
    bench.finish()


@settings(max_examples=400, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([180, 200, 200, 302, 401, 486]), st.integers(0, 2**31), st.integers(0, 9),
                          st.sampled_from(PIECES)), max_size=5))  # fmt: skip
def test_nor_for_a_broken_response(answers: list[tuple[int, int, int, bytes]]) -> None:
    bench = rig()
    client = invite(bench)
    sent = bench.last("INVITE")
    fields = [
        ("Require", "100rel"),
        ("RSeq", "1"),
        ("Record-Route", "<sip:192.0.2.8;lr>"),
        ("Session-Expires", "90"),
    ]
    for status, seed, length, piece in answers:
        data = response(sent.request, status, fields=fields, body=OFFER)
        at = seed % len(data)
        bench.receive(data[:at] + piece + data[at + length :], sent.flow)
    client.cancel("", bench.now)
    bench.run(200.0)
    for session in list(bench.stack.dialogs.values()):
        session.bye("", bench.now)
    bench.finish()


def test_messages_of_the_two_fuzzers_are_well_formed() -> None:
    framing = StreamFraming()
    assert framing.feed(b"".join(MESSAGES)) == MESSAGES
    assert all(isinstance(parse(message), Request) for message in MESSAGES)
    assert OUR_HOST in MESSAGES[0].decode()
