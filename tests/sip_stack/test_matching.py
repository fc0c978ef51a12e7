"""What is matched to what: requests, responses, ACKs, and what ICMP quotes."""

from __future__ import annotations

import pytest

from sip_stack.events import Asked, Failed
from sip_stack.invite_server import State as InviteState
from sip_stack.server_transaction import State
from tests.sip_stack.rig import (
    OFFER,
    PEER,
    TCP_PEER,
    called,
    hang_up,
    invite,
    invited,
    request,
    response,
    rig,
    within,
)


def test_the_same_branch_from_another_sent_by_is_another_transaction() -> None:
    """§17.2.3: "since there could be accidental or malicious duplication of branch parameters"."""
    bench = rig()
    bench.receive(request("OPTIONS"))
    bench.receive(request("OPTIONS", via="SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKpeer1"))
    assert len(bench.owner.all_of(Asked)) == 2


def old_style(method: str, to_tag: str = "", cseq: int = 1) -> bytes:
    tag = f";tag={to_tag}" if to_tag else ""
    return request(
        method, via="SIP/2.0/UDP 192.0.2.9:5060", to_value=f"<sip:100@192.0.2.1>{tag}", cseq=cseq,
        body=OFFER if method == "INVITE" else b"",
    )  # fmt: skip


def test_rfc_2543_requests_are_matched_by_all_that_they_have() -> None:
    """§17.2.3: Request-URI, To tag, From tag, Call-ID, CSeq and top Via."""
    bench = rig()
    server = invited(bench, old_style("INVITE"))
    bench.receive(old_style("INVITE"))
    assert bench.statuses() == [100, 100]
    bench.receive(old_style("CANCEL"))
    assert bench.statuses() == [200, 487]
    bench.receive(old_style("ACK", server.local_tag))
    assert server.transaction.state is State.CONFIRMED
    bench.finish()


def test_an_rfc_2543_ack_of_a_200_finds_its_dialog() -> None:
    bench = rig()
    server = invited(bench, old_style("INVITE"))
    server.answer(bench.now, body=OFFER)
    bench.receive(old_style("ACK", server.local_tag))
    assert server.state is InviteState.CONFIRMED
    assert server.session is not None
    hang_up(bench, server.session)


def test_an_ack_of_a_200_with_the_branch_of_the_invite_finds_its_dialog_too() -> None:
    """Some peers do so, against §17.1.1.3."""
    bench = rig()
    server = invited(bench)
    server.answer(bench.now, body=OFFER)
    bench.receive(request("ACK", to_value=f"<sip:100@192.0.2.1>;tag={server.local_tag}"))
    assert server.state is InviteState.CONFIRMED
    assert server.session is not None
    hang_up(bench, server.session)


def test_a_dialog_is_found_by_its_identity_wherever_the_request_comes_from() -> None:
    """DLG-1."""
    bench = rig()
    session = called(bench)
    bench.receive(within(bench, session, "OPTIONS", cseq=2), PEER._replace(host="198.51.100.77", port=1234))
    (sent,) = bench.news()
    assert sent.response.status == 200 and sent.flow.host == "198.51.100.77"
    hang_up(bench, session)


@pytest.mark.parametrize("method", ["BYE", "INFO", "INVITE", "UPDATE", "PRACK", "OPTIONS"])
def test_a_request_of_a_dialog_that_is_not_there_gets_481(method: str) -> None:
    """§12.2.2; TRX-17: a call just ended as well."""
    bench = rig()
    session = called(bench)
    data = within(bench, session, method, cseq=50)
    hang_up(bench, session)
    bench.news()
    bench.receive(data)
    assert bench.only_response().status == 481
    assert bench.stack.leftovers() == []


def test_a_response_is_matched_by_branch_and_method() -> None:
    """TRX-1: a 200 of the CANCEL is no answer to the INVITE."""
    bench = rig()
    client = invite(bench)
    bench.receive(response(bench.last("INVITE").request, 180))
    client.cancel("", bench.now)
    bench.take()
    bench.receive(response(bench.last("CANCEL").request, 200))
    assert not client.is_final
    stray = response(bench.last("INVITE").request, 200).replace(b"z9hG4bK", b"z9hG4bKx")
    bench.receive(stray)
    assert not client.is_final
    assert bench.stack.dropped == {"response to no request of ours": 1}
    bench.receive(response(bench.last("INVITE").request, 487))
    bench.finish()


def test_an_icmp_error_is_for_the_transaction_whose_datagram_it_quotes() -> None:
    """TRX-14."""
    bench = rig()
    first, second = invite(bench, call_id="ours1"), invite(bench, call_id="ours2")
    quoted = first.request.data[:200]
    bench.stack.transport_failed(PEER, "ECONNREFUSED", bench.now, quoted)
    bench.take()
    assert [event.client for event in bench.owner.all_of(Failed)] == [first]
    assert not second.is_final


def test_an_icmp_error_that_quotes_a_cancel_is_not_held_against_its_invite() -> None:
    bench = rig()
    client = invite(bench)
    bench.receive(response(bench.last("INVITE").request, 180))
    client.cancel("", bench.now)
    bench.take()
    cancel = bench.last("CANCEL")
    bench.stack.transport_failed(PEER, "ECONNREFUSED", bench.now, cancel.data)
    start = bench.now
    bench.run(2.0)
    assert bench.times_of("CANCEL", start) == [0]
    assert not client.is_final
    bench.receive(response(bench.last("INVITE").request, 487))
    bench.finish()


@pytest.mark.parametrize(
    "quoted", [b"\0\0", b"SIP/2.0 200 OK\r\nVia: x;branch=z9hG4bKpeer1\r\n", b"branch=z9hG4bK"]
)
def test_an_icmp_error_that_quotes_nothing_of_ours_fails_nobody(quoted: bytes) -> None:
    bench = rig()
    client = invite(bench)
    bench.stack.transport_failed(PEER._replace(host="203.0.113.1"), "EHOSTUNREACH", bench.now, quoted)
    assert not client.is_final


def test_a_lost_connection_fails_what_went_by_it() -> None:
    """§18.4."""
    bench = rig()
    gone, other = (
        invite(bench, flow=TCP_PEER),
        invite(bench, flow=TCP_PEER._replace(connection=8, port=40001), call_id="b"),
    )
    bench.stack.transport_failed(TCP_PEER, "TCP: connection lost", bench.now)
    bench.take()
    assert gone.is_final and not other.is_final
    assert bench.owner.the(Failed).cause == "TCP: connection lost"


def test_a_connection_that_cannot_be_made_fails_what_waits_for_it() -> None:
    bench = rig()
    flow = bench.stack.listeners.flow_to("TCP", "192.0.2.9", 5060)
    client = invite(bench, flow=flow)
    bench.stack.transport_failed(flow, "TCP: refused", bench.now)
    assert client.is_final
