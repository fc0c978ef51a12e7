"""Provisional responses of ours: reliable ones, their turn, and the PRACK of a caller (RFC 3262 §3)."""

from __future__ import annotations

import pytest

from sip_stack.errors import LocalError
from sip_stack.events import (
    NeverReceived,
    Received,
    Requested,
)
from sip_stack.invite_server import State
from sip_stack.server_transaction import ServerTransaction
from tests.sip_stack.caller import acknowledge, prack, reliable
from tests.sip_stack.rig import (
    OFFER,
    hang_up,
    invited,
    request,
    rig,
)

S = State


def test_a_reliable_provisional_requires_100rel_and_is_repeated_doubling_until_its_prack() -> None:
    """RFC 3262 §3."""
    bench = rig()
    start = bench.now
    server, rseq = reliable(bench)
    assert bench.last("183").response.tokens("require") == {"100rel"}
    assert 1 <= rseq < 2**31
    bench.run(8.0)
    assert bench.times_of("183", start) == [0, 0.5, 1.5, 3.5, 7.5]
    bench.news()
    prack(bench, server, f"{rseq} 1 INVITE", 2)
    (ok,) = bench.news()
    assert (ok.response.status, ok.response.cseq_method) == (200, "PRACK")
    assert bench.owner.the(Received).server is server
    bench.run(40.0)
    assert bench.names() == []
    server.reject(480, bench.now)
    bench.finish()


def test_without_prack_it_is_given_up_after_64_t1() -> None:
    """RFC 3262 §3: "SHOULD reject the original request with a 5xx response": that is for the owner."""
    bench = rig()
    start = bench.now
    server, _ = reliable(bench)
    bench.run(40.0)
    assert bench.times_of("183", start) == [0, 0.5, 1.5, 3.5, 7.5, 15.5, 31.5]
    assert bench.owner.the(NeverReceived).server is server
    server.reject(504, bench.now)
    bench.finish()


@pytest.mark.parametrize("rack", ["{} 1 BYE", "{} 2 INVITE", "1 1 INVITE", "", "x", "{}1 1 INVITE"])
def test_a_prack_of_something_else_gets_481(rack: str) -> None:
    bench = rig()
    server, rseq = reliable(bench)
    bench.news()
    prack(bench, server, rack.format(rseq), 2)
    assert bench.statuses() == [481]
    assert bench.owner.all_of(Received) == []
    server.reject(480, bench.now)
    bench.finish()


def test_a_second_prack_gets_481_and_a_repeated_one_its_200_again() -> None:
    bench = rig()
    server, rseq = reliable(bench)
    bench.news()
    prack(bench, server, f"{rseq} 1 INVITE", 2)
    prack(bench, server, f"{rseq} 1 INVITE", 2)
    prack(bench, server, f"{rseq} 1 INVITE", 3)
    assert bench.statuses() == [200, 200, 481]
    assert len(bench.owner.all_of(Received)) == 1
    server.reject(480, bench.now)
    bench.finish()


def test_only_one_is_out_at_a_time_and_rseq_goes_up_by_one() -> None:
    """RFC 3262 §3: "MUST NOT send a second reliable provisional response until the first is acknowledged"."""
    bench = rig()
    server, rseq = reliable(bench)
    server.progress(180, bench.now, reliable=True)
    bench.news()
    prack(bench, server, f"{rseq} 1 INVITE", 2)
    assert bench.statuses() == [200, 180]
    assert bench.last("180").response.get("rseq") == str(rseq + 1)
    server.reject(480, bench.now)
    bench.finish()


def test_the_200_waits_for_the_prack_of_a_provisional_with_sdp() -> None:
    """RFC 3262 §5."""
    bench = rig()
    server, rseq = reliable(bench)
    server.answer(bench.now)
    bench.news()
    prack(bench, server, f"{rseq} 1 INVITE", 2)
    assert sorted(bench.statuses()) == [200, 200]
    assert server.state is S.ANSWERED
    acknowledge(bench, server)
    assert server.session is not None
    hang_up(bench, server.session)


def test_nothing_more_can_be_asked_for_once_the_answer_waits() -> None:
    bench = rig()
    server, rseq = reliable(bench)
    server.answer(bench.now)
    with pytest.raises(LocalError):
        server.progress(180, bench.now, reliable=True)
    prack(bench, server, f"{rseq} 1 INVITE", 2)
    assert server.state is S.ANSWERED
    acknowledge(bench, server)
    assert server.session is not None
    hang_up(bench, server.session)


def test_a_rejection_does_not_wait_and_ends_the_repetition() -> None:
    bench = rig()
    server, rseq = reliable(bench)
    server.answer(bench.now)
    server.reject(480, bench.now)
    bench.news()
    prack(bench, server, f"{rseq} 1 INVITE", 2)
    assert bench.statuses() == [481]
    bench.receive(request("ACK", to_value=f"<sip:100@192.0.2.1>;tag={server.local_tag}"))
    bench.run(40.0)
    assert bench.names() == []
    bench.finish()


def test_an_offer_in_the_prack_is_for_the_owner_to_answer() -> None:
    bench = rig()
    server, rseq = reliable(bench)
    assert server.session is not None
    server.session.owner = bench.owner
    bench.news()
    prack(bench, server, f"{rseq} 1 INVITE", 2, body=OFFER)
    assert bench.statuses() == []
    asked = bench.owner.the(Requested)
    assert isinstance(asked.server, ServerTransaction)
    asked.server.respond(200, bench.now, body=OFFER)
    assert bench.statuses() == [200]
    server.reject(480, bench.now)
    bench.finish()


def test_the_200_waits_for_the_answer_to_an_offer_in_the_prack() -> None:
    bench = rig()
    server, rseq = reliable(bench)
    assert server.session is not None
    server.session.owner = bench.owner
    prack(bench, server, f"{rseq} 1 INVITE", 2, body=OFFER)
    server.answer(bench.now, body=OFFER)
    bench.news()
    assert not server.is_over
    asked = bench.owner.the(Requested).server
    assert isinstance(asked, ServerTransaction)
    asked.respond(200, bench.now, body=OFFER)
    server.renegotiated()
    server.go_on(bench.now)
    sent = [each.response for each in bench.news()]
    assert [each.cseq_method for each in sent] == ["PRACK", "INVITE"]
    assert not sent[1].body, "RFC 3261 §13.2.1: what held when it was decided on does not hold any more"
    server.session.owner = None
    acknowledge(bench, server)
    hang_up(bench, server.session)


def test_under_another_tag_it_goes_on_as_another_dialog() -> None:
    bench = rig()
    server = invited(bench)
    server.progress(183, bench.now, body=OFFER)
    first = server.local_tag
    server.leave_early_dialog("other")
    server.progress(183, bench.now, body=OFFER)
    server.answer(bench.now, body=OFFER)
    tags = [sent.response.to_tag for sent in bench.news()[1:]]
    assert tags == [first, "other", "other"]
    assert [key[1] for key in bench.stack.dialogs] == ["other"]
    acknowledge(bench, server)
    assert server.session is not None
    hang_up(bench, server.session)


def test_a_forgotten_one_says_nothing_more() -> None:
    bench = rig()
    server, _ = reliable(bench)
    server.forget()
    bench.news()
    bench.run(70.0)
    assert bench.names() == []
