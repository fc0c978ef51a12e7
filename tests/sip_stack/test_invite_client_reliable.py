"""Reliable provisionals of a callee, and our PRACK (RFC 3262 §4)."""

from __future__ import annotations

from sip_stack.events import Answered, Progress
from tests.sip_stack.callee import RELIABLE, say
from tests.sip_stack.rig import (
    hang_up,
    invite,
    request,
    response,
    rig,
    within,
)


def test_a_reliable_provisional_makes_an_early_dialog_and_gets_its_prack() -> None:
    """RFC 3262 §4."""
    bench = rig()
    invite(bench)
    say(bench, 183, fields=RELIABLE)
    prack = bench.last("PRACK").request
    assert prack.get("rack") == "5 1 INVITE"
    assert (prack.cseq, prack.to_tag, prack.uri) == (2, "bob1", "sip:bob@192.0.2.9:5060")
    session = bench.owner.the(Progress).session
    assert session is not None and not session.is_confirmed
    bench.receive(response(prack, 200))
    say(bench, 200)
    assert bench.owner.the(Answered).session is session
    hang_up(bench, session)


def test_a_repeated_one_is_neither_told_nor_acknowledged_again_and_one_out_of_order_not_at_all() -> None:
    """RFC 3262 §4: "the response MUST NOT be acknowledged with a PRACK" if its RSeq is not one higher."""
    bench = rig()
    invite(bench)
    for rseq in ("5", "5", "7", "4", "6", "x", ""):
        say(bench, 183, fields=[("Require", "100rel"), ("RSeq", rseq)])
    pracks = [sent.request.get("rack") for sent in bench.sent if sent.name == "PRACK"]
    assert pracks == ["5 1 INVITE", "6 1 INVITE"]
    assert all(each.session is not None for each in bench.owner.all_of(Progress)[:2])
    say(bench, 486)
    bench.finish()


def test_each_to_tag_counts_its_own_rseq() -> None:
    """DLG-3."""
    bench = rig()
    invite(bench)
    say(bench, 183, tag="bob1", fields=RELIABLE)
    say(bench, 183, tag="bob2", fields=[("Require", "100rel"), ("RSeq", "900")])
    pracks = [sent.request for sent in bench.sent if sent.name == "PRACK"]
    assert [(prack.to_tag, prack.get("rack")) for prack in pracks] == [
        ("bob1", "5 1 INVITE"),
        ("bob2", "900 1 INVITE"),
    ]
    say(bench, 200, tag="bob2")
    assert set(bench.stack.dialogs) == {("ours1", "us1", "bob2")}
    hang_up(bench, bench.owner.the(Answered).session)


def test_a_failure_leaves_no_early_dialog() -> None:
    bench = rig()
    invite(bench)
    say(bench, 183, fields=RELIABLE)
    say(bench, 486)
    assert bench.stack.dialogs == {}
    bench.receive(request("UPDATE", to_value="<sip:us@192.0.2.1>;tag=us1", from_value="<sip:b@x.y>;tag=bob1",
                          call_id="ours1"))  # fmt: skip
    assert bench.last("481").response.cseq_method == "UPDATE"
    bench.finish()


def test_the_callee_may_ask_within_the_early_dialog() -> None:
    bench = rig()
    invite(bench)
    say(bench, 183, fields=RELIABLE)
    session = bench.owner.the(Progress).session
    bench.receive(within(bench, session, "OPTIONS", cseq=1))
    assert bench.last("200").response.cseq_method == "OPTIONS"
    say(bench, 486)
    bench.finish()
