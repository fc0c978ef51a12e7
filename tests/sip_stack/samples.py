"""A request and a response to test with, and changes to them."""

from __future__ import annotations

from sip_stack.message import Request, Response, parse

INVITE = """INVITE sip:+12125550100@192.0.2.10;user=phone SIP/2.0
Via: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK-1-a;rport
Via: SIP/2.0/TCP proxy.example.com;branch=z9hG4bK-0
Max-Forwards: 70
From: "Alice" <sip:alice@example.com>;tag=a1-b
To: <sip:+12125550100@192.0.2.10>
Call-ID: 7a1f@198.51.100.7
CSeq: 102 INVITE
Contact: <sip:alice@198.51.100.7:5062;ob>;q=0.5
Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com;lr>
Allow: INVITE, ACK, Bye
Supported: Replaces, timer
Supported: 100rel
Content-Type: Application/SDP;charset=utf-8
Content-Length: 5

v=0
"""


RINGING = """SIP/2.0 180 Ringing Now
Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK7
From: <sip:a@b>;tag=f
To: <sip:c@d>;tag=t
Call-ID: x
CSeq: 1 INVITE
Content-Length: 0

"""


def wire(text: str = INVITE, *changes: tuple[str, str]) -> bytes:
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return text.replace("\n", "\r\n").encode("utf-8", "surrogateescape")


def invite(*changes: tuple[str, str]) -> Request:
    message = parse(wire(INVITE, *changes))
    assert isinstance(message, Request)
    return message


def response(text: str) -> Response:
    message = parse(wire(text))
    assert isinstance(message, Response)
    return message
