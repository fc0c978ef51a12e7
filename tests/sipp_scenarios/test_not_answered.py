"""Nobody takes the call: what the caller is told, and what the phones are."""

from __future__ import annotations

import pytest

from tests.sipp_scenarios.stage import NAMES, Stage

pytestmark = pytest.mark.sipp


def test_when_all_are_busy_the_caller_hears_busy_at_once(stage: Stage) -> None:
    for name in NAMES:
        stage.callee(name, "refuses", terms={"status": "486", "reason": "Busy Here"})
    stage.caller("everyone", "is_refused", terms={"status": "486"})
    stage.play()
    assert stage.outcomes() == {"": "busy", **dict.fromkeys(NAMES, "busy")}


def test_when_all_decline_the_trunk_is_not_told_a_6xx(stage: Stage) -> None:
    for name in NAMES:
        stage.callee(name, "refuses", terms={"status": "603", "reason": "Decline"})
    stage.caller("everyone", "is_refused", terms={"status": "480"})
    stage.play()
    assert stage.outcomes() == {"": "declined", **dict.fromkeys(NAMES, "declined")}


def test_busy_is_told_rather_than_not_found_or_overloaded(stage: Stage) -> None:
    stage.callee("Ana", "refuses", terms={"status": "404", "reason": "Not Found"})
    stage.callee("Ben", "refuses", terms={"status": "486", "reason": "Busy Here"})
    stage.callee("Carl", "refuses", terms={"status": "503", "reason": "Service Unavailable"})
    stage.caller("everyone", "is_refused", terms={"status": "486"})
    stage.play()
    outcomes = stage.outcomes()
    assert outcomes[""] == "busy"
    assert (outcomes["Ben"], outcomes["Carl"]) == ("busy", "not reachable")


def test_a_caller_who_hangs_up_while_it_rings_leaves_a_missed_call_on_every_phone(stage: Stage) -> None:
    callees = [stage.callee(name, "is_stopped") for name in NAMES]
    caller = stage.caller("everyone", "gives_up")
    stage.play()
    assert not any(callee.only("CANCEL").is_elsewhere for callee in callees)
    # RFC 3261 §9.2: the To tag of the answer to the CANCEL is that of the answer to the INVITE.
    tags = {
        message.header("To").partition(";tag=")[2]
        for message in caller.messages
        if message.received and message.status != 100
    }
    assert len(tags) == 1 and "" not in tags
    assert stage.outcomes() == {"": "abandoned", **dict.fromkeys(NAMES, "caller hung up")}


def test_a_ring_time_that_ends_leaves_a_missed_call_on_every_phone(stage: Stage) -> None:
    callees = [stage.callee(name, "is_stopped") for name in NAMES]
    stage.caller("one-second", "is_refused", terms={"status": "480"})
    stage.play()
    for callee in callees:
        cancel = callee.only("CANCEL")
        assert not cancel.is_elsewhere
        assert any(value.startswith("Q.850;cause=19") for value in cancel.headers("Reason"))
    assert stage.outcomes() == {"": "no answer", **dict.fromkeys(NAMES, "no answer")}


def test_a_redirect_is_ignored_unless_the_recipient_may_forward(stage: Stage) -> None:
    elsewhere = f"Contact: <sip:carl@127.0.0.1:{stage.port_of('Carl')}>"
    stage.callee(
        "Ana", "refuses", terms={"status": "302", "reason": "Moved Temporarily", "fields": elsewhere}
    )
    ben = stage.callee("Ben", "answers", terms={"ring": "400"})
    stage.caller("ana-and-ben", "talks_and_hangs_up")
    stage.play()
    assert len(ben.received("INVITE")) == 1
    assert stage.outcomes() == {"": "answered", "Ana": "forwarding ignored", "Ben": "answered"}


def test_a_redirect_is_followed_where_the_recipient_may_forward(stage: Stage) -> None:
    elsewhere = f"Contact: <sip:carl@127.0.0.1:{stage.port_of('Carl')}>"
    ana = stage.callee(
        "Ana", "refuses", terms={"status": "302", "reason": "Moved Temporarily", "fields": elsewhere}
    )
    carl = stage.callee("Carl", "answers")
    stage.caller("ana-may-forward", "talks_and_hangs_up")
    stage.play()
    assert carl.only("INVITE").first_line.startswith("INVITE sip:carl@")
    # RFC 3261 §8.1.3.5, TRX-3: a new transaction; the ACK of the 302 went to where the 302 came from.
    assert int(carl.only("INVITE").cseq.split()[0]) == int(ana.only("INVITE").cseq.split()[0]) + 1
    assert len(ana.received("ACK")) == 1
    assert stage.outcomes() == {"": "answered", "Ana": "answered"}


def test_a_recipient_who_is_not_there_does_not_hold_up_the_others(stage: Stage) -> None:
    stage.callee("Ana", "refuses", terms={"status": "486", "reason": "Busy Here"})
    stage.caller("ana-and-ben", "is_refused", terms={"status": "486"})  # nobody listens at Ben's port
    stage.play()
    assert stage.outcomes() == {"": "busy", "Ana": "busy", "Ben": "not reachable"}


def test_a_200_that_crosses_the_caller_s_hanging_up_leaves_a_missed_call(stage: Stage) -> None:
    ana = stage.callee("Ana", "crosses")
    stage.callee("Ben", "is_stopped")
    stage.caller("ana-and-ben", "gives_up")
    stage.play()
    assert ana.story[-4:] == ["> 200 INVITE", "< ACK", "< BYE", "> 200 BYE"]
    assert not ana.only("CANCEL").is_elsewhere
    assert not ana.only("BYE").is_elsewhere
    assert stage.outcomes()[""] == "abandoned"
