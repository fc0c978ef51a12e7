"""Traces to export: a call to one recipient, who answers it and is hung up; the caller's leg and the recipient's."""

from __future__ import annotations

from collections.abc import Sequence

from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord, TraceEntry

START = 1_790_000_000_000_007
SERVICE, CALLER, ANA = "192.0.2.9:5060", "192.0.2.1:5070", "198.51.100.4:5062"
OFFER = (
    "v=0\r\no=dana 7 1 IN IP4 192.0.2.77\r\ns=-\r\nc=IN IP4 192.0.2.77\r\nt=0 0\r\n"
    "m=audio 41000 RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\na=rtcp:41001\r\na=sendrecv\r\n"
)
ANSWER = OFFER.replace("192.0.2.77", "192.0.2.9").replace("41000", "20000").replace("41001", "20001")
_AT_ANA = {"192.0.2.77": "198.51.100.4", "41000": "30000", "41001": "30001", "dana": "ana"}


def message(first: str, fields: Sequence[str], body: str = "") -> bytes:
    """A whole message, with the right Content-Length and, for a body, its type."""
    kind = ["Content-Type: application/sdp"] if body else []
    octets = body.encode()
    head = [first, *fields, *kind, f"Content-Length: {len(octets)}", "", ""]
    return "\r\n".join(head).encode() + octets


def entry(
    milliseconds: float,
    leg: int,
    received: bool,
    data: bytes,
    *,
    transport: str = "UDP",
    local: str = SERVICE,
    remote: str = "",
) -> TraceEntry:
    far = remote or (CALLER if leg == 0 else ANA)
    return TraceEntry(START + int(milliseconds * 1000), leg, received, transport, local, far, data)


def caller_says(
    first: str, number: int, *more: str, body: str = "", branch: str = "", tagged: bool = True
) -> bytes:
    method = first.split()[0]
    to = "To: <sip:+15550100@192.0.2.9>" + (";tag=ours0" if tagged else "")
    fields = [
        f"Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK-{branch or method.lower()}{number};rport",
        "Max-Forwards: 69",
        'From: "Dana [home]" <sip:+15550123@192.0.2.1>;tag=dana1',
        to,
        "Call-ID: dana-call@192.0.2.1",
        f"CSeq: {number} {method}",
        *more,
    ]
    return message(first, fields, body)


def answered_to_caller(
    status: str, method: str, number: int, *more: str, body: str = "", branch: str = ""
) -> bytes:
    fields = [
        f"Via: SIP/2.0/UDP 192.0.2.1:5070;branch=z9hG4bK-{branch or method.lower()}{number};rport=5070",
        'From: "Dana [home]" <sip:+15550123@192.0.2.1>;tag=dana1',
        "To: <sip:+15550100@192.0.2.9>" + ("" if status.startswith("100") else ";tag=ours0"),
        "Call-ID: dana-call@192.0.2.1",
        f"CSeq: {number} {method}",
        *more,
    ]
    return message(f"SIP/2.0 {status}", fields, body)


def told_ana(
    first: str, number: int, *more: str, body: str = "", branch: str = "", tagged: bool = True
) -> bytes:
    method = first.split()[0]
    fields = [
        f"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKours-{branch or method.lower()}{number}",
        "Max-Forwards: 68",
        'From: "Dana [home]" <sip:+15550123@192.0.2.9>;tag=ours1',
        "To: <sip:ana@198.51.100.4:5062>" + (";tag=ana1" if tagged else ""),
        "Call-ID: our-call",
        f"CSeq: {number} {method}",
        *more,
    ]
    return message(first, fields, body)


def ana_says(status: str, method: str, number: int, *more: str, body: str = "", branch: str = "") -> bytes:
    fields = [
        f"Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKours-{branch or method.lower()}{number}",
        'From: "Dana [home]" <sip:+15550123@192.0.2.9>;tag=ours1',
        "To: <sip:ana@198.51.100.4:5062>;tag=ana1",
        "Call-ID: our-call",
        f"CSeq: {number} {method}",
        *more,
    ]
    return message(f"SIP/2.0 {status}", fields, body)


CONTACT = 'Contact: "Dana" <sip:dana@192.0.2.1:5070;transport=udp>'
OURS = "Contact: <sip:192.0.2.9:5060>"
ANAS = "Contact: <sip:ana@198.51.100.4:5062>"
ANAS_ANSWER = OFFER
for _before, _after in _AT_ANA.items():
    ANAS_ANSWER = ANAS_ANSWER.replace(_before, _after)

INVITE = caller_says("INVITE sip:+15550100@192.0.2.9 SIP/2.0", 1, CONTACT, body=OFFER, tagged=False)
INVITE_TO_ANA = told_ana("INVITE sip:ana@198.51.100.4:5062 SIP/2.0", 1, OURS, body=ANSWER, tagged=False)
OK = answered_to_caller("200 OK", "INVITE", 1, OURS, body=ANSWER)
BYE = caller_says("BYE sip:192.0.2.9:5060 SIP/2.0", 2)
ANSWERED = [
    entry(0, 0, True, INVITE),
    entry(0.4, 0, False, answered_to_caller("100 Trying", "INVITE", 1)),
    entry(0.6, 1, False, INVITE_TO_ANA),
    entry(40, 1, True, ana_says("180 Ringing", "INVITE", 1, ANAS)),
    entry(40.5, 0, False, answered_to_caller("180 Ringing", "INVITE", 1, OURS)),
    entry(1040, 1, True, ana_says("200 OK", "INVITE", 1, ANAS, body=ANAS_ANSWER)),
    entry(1040.3, 1, False, told_ana("ACK sip:ana@198.51.100.4:5062 SIP/2.0", 1)),
    entry(1041, 0, False, OK),
    entry(1541, 0, False, OK),  # again, for its ACK was late
    entry(1542, 0, True, caller_says("ACK sip:192.0.2.9:5060 SIP/2.0", 1)),
    entry(2042, 0, True, BYE),
    entry(2042.2, 0, False, answered_to_caller("200 OK", "BYE", 2)),
    entry(2042.4, 1, False, told_ana("BYE sip:ana@198.51.100.4:5062 SIP/2.0", 2)),
    entry(2043, 1, True, ana_says("200 OK", "BYE", 2)),
]


def record(trace: Sequence[TraceEntry] = ANSWERED) -> CallRecord:
    return CallRecord(
        id="4f2a91c07d3311aa",
        trunk="carrier",
        source=CALLER,
        caller="+15550123",
        caller_name="Dana",
        dialled="+15550100",
        number_name="Sales",
        sip_call_id="dana-call@192.0.2.1",
        started_at=START,
        outcome=CallOutcome.ANSWERED,
        answered_by="Ana",
        answered_leg=1,
        recipients=[
            RecipientRecord(
                leg=1, name="Ana", uri="sip:ana@198.51.100.4:5062", outcome=RecipientOutcome.ANSWERED
            ),
            RecipientRecord(leg=2, name="Ben", uri="sip:ben@198.51.100.5", outcome=RecipientOutcome.SKIPPED),
        ],
        trace=list(trace),
    )
