"""A CANCEL of the caller, which finds its INVITE or does not (§9.2)."""

from __future__ import annotations

import pytest

from sip_stack.events import (
    Cancelled,
)
from sip_stack.flow import Flow
from tests.sip_stack.caller import acknowledge, cancel
from tests.sip_stack.rig import (
    OFFER,
    PEER,
    hang_up,
    invited,
    request,
    rig,
)


@pytest.mark.parametrize("progress", [(), (180,)])
def test_a_cancel_gets_200_and_the_invite_487_with_one_tag(progress: tuple[int, ...]) -> None:
    """§9.2; TRX-11."""
    bench = rig()
    server = invited(bench)
    for status in progress:
        server.progress(status, bench.now)
    bench.news()
    cancel(bench)
    ok, terminated = [sent.response for sent in bench.news()]
    assert (ok.status, ok.cseq_method) == (200, "CANCEL")
    assert (terminated.status, terminated.cseq_method) == (487, "INVITE")
    assert ok.to_tag == terminated.to_tag == server.local_tag
    told = bench.owner.the(Cancelled)
    assert told.server is server and told.request.get("reason") == "SIP;cause=487"
    cancel(bench)
    assert bench.statuses() == [200]
    bench.receive(request("ACK", to_value=f"<sip:100@192.0.2.1>;tag={server.local_tag}"))
    bench.finish()


def test_a_cancel_after_the_final_response_gets_200_and_does_nothing() -> None:
    """§9.2: "no effect"."""
    bench = rig()
    server = invited(bench)
    server.answer(bench.now, body=OFFER)
    bench.news()
    cancel(bench)
    (ok,) = bench.news()
    assert (ok.response.status, ok.response.cseq_method) == (200, "CANCEL")
    assert bench.owner.all_of(Cancelled) == []
    acknowledge(bench, server)
    assert server.session is not None
    hang_up(bench, server.session)


def test_a_stray_cancel_gets_481() -> None:
    bench = rig()
    cancel(bench)
    (refusal,) = bench.news()
    assert refusal.response.status == 481
    bench.finish()


def test_a_cancel_whose_sent_by_has_changed_finds_its_invite() -> None:
    """T09, TRX-2: NAT between the two."""
    bench = rig()
    server = invited(bench)
    bench.news()
    cancel(bench, "SIP/2.0/UDP 192.0.2.9:61000;branch=z9hG4bKpeer1", PEER._replace(port=61000))
    assert bench.statuses() == [200, 487]
    assert bench.owner.the(Cancelled).server is server


@pytest.mark.parametrize(
    ("via", "source"),
    [
        ("SIP/2.0/UDP 192.0.2.9:61000;branch=z9hG4bKother", PEER),
        ("SIP/2.0/UDP 192.0.2.66:5060;branch=z9hG4bKpeer1", PEER._replace(host="192.0.2.66")),
    ],
)
def test_a_cancel_of_somebody_else_does_not(via: str, source: Flow) -> None:
    bench = rig()
    invited(bench)
    bench.news()
    cancel(bench, via, source)
    assert bench.statuses() == [481]
