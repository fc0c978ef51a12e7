"""A trace as a SIPp scenario: which steps it has. tests/sipp_scenarios/test_played_again.py plays them."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree import ElementTree

import pytest

from b2bua.calls.record import TraceEntry
from b2bua.traces import scenario
from tests.b2bua.traces.samples import (
    ANAS,
    ANSWERED,
    CONTACT,
    INVITE,
    INVITE_TO_ANA,
    OURS,
    ana_says,
    answered_to_caller,
    caller_says,
    entry,
    message,
    record,
    told_ana,
)

RINGING = answered_to_caller("180 Ringing", "INVITE", 1, OURS)


def rendered(trace: Sequence[TraceEntry], leg: int = 0) -> ElementTree.Element:
    return ElementTree.fromstring(scenario.render(record(trace), leg))


def steps(root: ElementTree.Element) -> list[str]:
    return [step(each) for each in root]


def step(element: ElementTree.Element) -> str:
    """A step in a line: "send INVITE", "recv 180?", "pause 200"."""
    if element.tag == "pause":
        return f"pause {element.get('milliseconds')}"
    if element.tag == "recv":
        mark = "?" if element.get("optional") else ""
        return f"recv {element.get('response') or element.get('request')}{mark}"
    first = sent(element)[0]
    name = first.split()[1] if first.startswith("SIP/2.0") else first.split()[0]
    return f"send {name}" + ("..." if element.get("retrans") else "")


def sent(element: ElementTree.Element) -> list[str]:
    return (element.text or "").strip("\n").split("\n")


def message_of(root: ElementTree.Element, number: int) -> list[str]:
    """The lines of the number-th message that is sent."""
    return sent([each for each in root if each.tag == "send"][number])


def test_the_callers_side_of_an_answered_call() -> None:
    assert steps(rendered(ANSWERED)) == [
        "send INVITE...", "recv 100?", "recv 180?", "recv 200", "pause 501", "send ACK",
        "pause 500", "send BYE...", "recv 200",
    ]  # fmt: skip


def test_a_recipients_side_of_an_answered_call() -> None:
    assert steps(rendered(ANSWERED, 1)) == [
        "recv INVITE", "pause 39", "send 180", "pause 1000", "send 200...", "recv ACK", "recv BYE", "send 200",
    ]  # fmt: skip


def test_a_request_within_the_dialog_goes_where_the_service_said() -> None:
    root = rendered(ANSWERED)
    ack, bye = message_of(root, 1), message_of(root, 2)
    assert ack[0] == "ACK [next_url] SIP/2.0" and "[routes]" in ack
    assert "To: <sip:+15550100@[remote_ip]>[peer_tag_param]" in bye
    assert [each.get("rrs") for each in root.iter("recv")] == [None, "true", "true", None]


def test_a_cancel_and_the_ack_of_a_failure_have_uri_and_branch_of_their_invite() -> None:
    trace = [
        entry(0, 0, True, INVITE),
        entry(1, 0, False, RINGING),
        entry(
            901,
            0,
            True,
            caller_says("CANCEL sip:+15550100@192.0.2.9 SIP/2.0", 1, branch="invite", tagged=False),
        ),
        entry(902, 0, False, answered_to_caller("200 OK", "CANCEL", 1, branch="invite")),
        entry(903, 0, False, answered_to_caller("487 Request Terminated", "INVITE", 1)),
        entry(904, 0, True, caller_says("ACK sip:+15550100@192.0.2.9 SIP/2.0", 1, branch="invite")),
    ]
    root = rendered(trace)
    assert steps(root) == [
        "send INVITE...", "recv 180", "pause 900", "send CANCEL...", "recv 200", "recv 487", "send ACK",
    ]  # fmt: skip
    invite, cancel, ack = (message_of(root, number) for number in range(3))
    assert cancel[0] == "CANCEL sip:+15550100@[remote_ip] SIP/2.0"
    assert cancel[1] == invite[1] == ack[1]
    assert "To: <sip:+15550100@[remote_ip]>" in cancel
    assert "To: <sip:+15550100@[remote_ip]>[peer_tag_param]" in ack and "[routes]" not in ack


def test_a_recipient_who_is_stopped_answers_the_invite_with_what_the_invite_said() -> None:
    trace = [
        entry(0, 1, False, INVITE_TO_ANA),
        entry(1, 1, True, ana_says("180 Ringing", "INVITE", 1, ANAS)),
        entry(
            2,
            1,
            False,
            told_ana("CANCEL sip:ana@198.51.100.4:5062 SIP/2.0", 1, branch="invite", tagged=False),
        ),
        entry(3, 1, True, ana_says("200 OK", "CANCEL", 1, branch="invite")),
        entry(4, 1, True, ana_says("487 Request Terminated", "INVITE", 1)),
        entry(5, 1, False, told_ana("ACK sip:ana@198.51.100.4:5062 SIP/2.0", 1, branch="invite")),
    ]
    root = rendered(trace, 1)
    assert steps(root) == ["recv INVITE", "send 180", "recv CANCEL", "send 200", "send 487...", "recv ACK"]
    assert "[last_CSeq:]" in message_of(root, 1)
    terminated = message_of(root, 2)
    assert terminated[1:6] == [
        "Via:[$via_0]", "From:[$from_0]", "To:[$to_0];tag=[pid]SIPpTag00[call_number]", "CSeq:[$cseq_0]",
        "Call-ID: [call_id]",
    ]  # fmt: skip
    assert {each.get("assign_to") for each in root.iter("ereg")} == {"via_0", "from_0", "to_0", "cseq_0"}


def test_a_recipient_who_hangs_up_speaks_from_the_other_end_of_the_dialog() -> None:
    bye = message("BYE sip:192.0.2.9:5060 SIP/2.0", [
        "Via: SIP/2.0/UDP 198.51.100.4:5062;branch=z9hG4bKana", "From: <sip:ana@198.51.100.4:5062>;tag=ana1",
        'To: "Dana" <sip:+15550123@192.0.2.9>;tag=ours1', "Call-ID: our-call", "CSeq: 9 BYE",
    ])  # fmt: skip
    trace = [*(each for each in ANSWERED[:9] if each.leg == 1), entry(3000, 1, True, bye)]
    root = rendered(trace, 1)
    assert steps(root)[-2:] == ["pause 1960", "send BYE..."]
    lines = message_of(root, 2)
    assert lines[0] == "BYE [next_url] SIP/2.0"
    assert "From:[$to_0];tag=[pid]SIPpTag00[call_number]" in lines and "To:[$from_0]" in lines


def test_an_acknowledged_ringing_is_acknowledged_by_the_number_that_it_will_have() -> None:
    trace = [
        entry(0, 0, True, INVITE),
        entry(
            1,
            0,
            False,
            answered_to_caller("183 Progress", "INVITE", 1, OURS, "Require: 100rel", "RSeq: 4711"),
        ),
        entry(2, 0, True, caller_says("PRACK sip:192.0.2.9:5060 SIP/2.0", 2, "RAck: 4711 1 INVITE")),
        entry(3, 0, False, answered_to_caller("200 OK", "PRACK", 2)),
    ]
    root = rendered(trace)
    assert "RAck:[$rseq_1] 1 INVITE" in message_of(root, 1)
    assert steps(root)[1] == "recv 183"


def test_of_several_places_that_a_recipient_was_sent_to_the_last_is_played() -> None:
    first = message("INVITE sip:ana@192.0.2.50 SIP/2.0", ["Call-ID: before", "CSeq: 1 INVITE"])
    moved = message(
        "SIP/2.0 302 Moved", ["Call-ID: before", "CSeq: 1 INVITE", "Contact: <sip:ana@198.51.100.4>"]
    )
    before = [entry(-90, 1, False, first), entry(-50, 1, True, moved)]
    assert steps(rendered([*before, *ANSWERED], 1)) == steps(rendered(ANSWERED, 1))


def test_a_recipient_who_never_spoke_stays_silent_as_long() -> None:
    repeats = [entry(at, 1, False, INVITE_TO_ANA) for at in (0, 500, 1500, 3500)]
    assert steps(rendered(repeats, 1)) == ["recv INVITE", "pause 3500"]


def test_the_header_says_how_to_play_it() -> None:
    text = scenario.render(record())
    assert "sipp 192.0.2.9:5060 -sf FILE -m 1 -l 1 -t u1 -i 192.0.2.1 -p 5070" in text
    assert "sipp -sf FILE -m 1 -l 1 -t t1 -i 198.51.100.4 -p 5062" in scenario.render(
        record([each._replace(transport="TCP") for each in ANSWERED]), 1
    )


def test_what_a_peer_has_sent_cannot_leave_its_message() -> None:
    data = caller_says("INVITE sip:1@h SIP/2.0", 1, CONTACT, "Subject: ]]></send><nop/> \xe9", tagged=False)
    root = rendered([entry(0, 0, True, data)])
    assert steps(root) == ["send INVITE..."]
    assert "Subject: \\x5D]></send><nop/> \\xC3\\xA9" in message_of(root, 0)


@pytest.mark.parametrize("leg", [0, 2, 7])
def test_without_messages_there_is_nothing_to_play(leg: int) -> None:
    with pytest.raises(scenario.ScenarioError, match="No messages of"):
        scenario.render(record([each for each in ANSWERED if each.leg == 1]), leg)
