"""Our CANCEL, and all that may cross it (§9.1)."""

from __future__ import annotations

import pytest

from sip_stack.events import Answered, Failed, LateAnswer, Progress
from tests.sip_stack.callee import say
from tests.sip_stack.rig import (
    OFFER,
    TCP_PEER,
    invite,
    response,
    rig,
)

REASON = 'Reason: SIP;cause=200;text="Call completed elsewhere"\r\n'


def test_a_cancel_waits_for_the_first_provisional_and_keeps_its_reason() -> None:
    """§9.1; FRK-2: the INVITE goes on being repeated meanwhile."""
    bench = rig()
    client = invite(bench)
    start = bench.now
    bench.run(0.2)
    client.cancel(REASON, bench.now)
    client.cancel("Reason: SIP;cause=999\r\n", bench.now)
    bench.run(2.0)
    assert bench.names() == ["INVITE", "INVITE", "INVITE"]
    assert client.cancelled_at is None
    say(bench, 100)
    (cancel,) = bench.news()
    assert client.cancelled_at == bench.now == pytest.approx(start + 2.2)
    original = bench.last("INVITE").request
    assert (cancel.name, cancel.flow) == ("CANCEL", bench.last("INVITE").flow)
    assert cancel.request.via_value == original.via_value
    assert (cancel.request.cseq, cancel.request.to_tag, cancel.request.uri) == (1, "", original.uri)
    assert cancel.request.get("reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    bench.receive(response(cancel.request, 200))
    assert bench.owner.all_of(Answered) == []
    say(bench, 487)
    failed = bench.owner.the(Failed)
    assert failed.response is not None and failed.response.status == 487
    assert bench.names() == ["ACK"]
    bench.finish()


def test_a_silent_peer_that_is_wanted_back_is_given_up_with_its_transaction() -> None:
    bench = rig()
    client = invite(bench)
    client.cancel(REASON, bench.now)
    bench.run(40.0)
    assert bench.owner.the(Failed) == Failed(client, None, "timeout")
    assert "CANCEL" not in [sent.name for sent in bench.sent]
    bench.finish()


def test_a_cancel_is_repeated_as_a_non_invite_request_until_it_is_answered() -> None:
    bench = rig()
    client = invite(bench)
    say(bench, 180)
    start = bench.now
    client.cancel("", bench.now)
    bench.run(5.0)
    assert bench.times_of("CANCEL", start) == [0, 0.5, 1.5, 3.5]
    bench.receive(response(bench.last("CANCEL").request, 200))
    say(bench, 487)
    bench.finish()


def test_no_final_response_within_64_t1_of_the_cancel_destroys_the_transaction() -> None:
    """§9.1; FRK-3."""
    bench = rig()
    client = invite(bench)
    say(bench, 180)
    client.cancel("", bench.now)
    bench.take()
    bench.receive(response(bench.last("CANCEL").request, 200))
    bench.run(31.9)
    assert bench.owner.all_of(Failed) == []
    bench.run(0.2)
    assert bench.owner.the(Failed) == Failed(client, None, "no final response to CANCEL")
    bench.finish()


@pytest.mark.parametrize("said_before", [(), (180,)])
def test_an_answer_that_crosses_the_cancel_gets_ack_then_bye_by_one_flow(
    said_before: tuple[int, ...],
) -> None:
    """FRK-4: "in that order, in one call from one socket"."""
    bench = rig()
    client = invite(bench)
    for status in said_before:
        say(bench, status)
    client.cancel(REASON, bench.now)
    bench.news()
    say(bench, 200, contact="<sip:bob@192.0.2.10:5070>")
    ack, bye = bench.news()
    assert (ack.name, bye.name) == ("ACK", "BYE")
    assert ack.flow == bye.flow and ack.at == bye.at
    assert (ack.request.cseq, bye.request.cseq) == (1, 2)
    assert ack.request.uri == bye.request.uri == "sip:bob@192.0.2.10:5070"
    assert bye.request.get("reason") == 'SIP;cause=200;text="Call completed elsewhere"'
    kinds = [type(event) for event in bench.owner.told if not isinstance(event, Progress)]
    assert kinds == [LateAnswer, Failed]
    bench.receive(response(bye.request, 200), bye.flow)
    say(bench, 200)
    assert bench.names() == ["ACK"]
    bench.finish()


def test_a_late_answer_that_carries_an_offer_has_it_refused_in_the_ack() -> None:
    """FRK-4: all ports 0."""
    bench = rig()
    client = invite(bench, body=b"")
    say(bench, 180)
    client.cancel("", bench.now)
    say(bench, 200, body=OFFER)
    ack = bench.last("ACK").request
    assert b"m=audio 0 RTP/AVP 0\r\n" in ack.body
    bench.receive(response(bench.last("BYE").request, 200))
    bench.finish()


def test_a_late_answer_is_not_told_twice() -> None:
    bench = rig()
    client = invite(bench)
    say(bench, 180)
    client.cancel("", bench.now)
    say(bench, 200)
    say(bench, 200)
    assert len(bench.owner.all_of(LateAnswer)) == 1
    bench.receive(response(bench.last("BYE").request, 200))
    bench.finish()


def test_a_provisional_after_the_cancel_changes_nothing() -> None:
    bench = rig()
    client = invite(bench)
    say(bench, 180)
    client.cancel("", bench.now)
    bench.news()
    say(bench, 183)
    assert bench.names() == []
    assert [each.response.status for each in bench.owner.all_of(Progress)] == [180]
    say(bench, 487)
    bench.finish()


def test_over_tcp_the_cancel_takes_the_connection_of_the_invite() -> None:
    bench = rig()
    client = invite(bench, flow=TCP_PEER)
    say(bench, 180)
    client.cancel("", bench.now)
    bench.take()
    assert bench.last("CANCEL").flow == TCP_PEER
    bench.receive(response(bench.last("CANCEL").request, 200), TCP_PEER)
    say(bench, 487)
    bench.finish()
