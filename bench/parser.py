"""What the wire layer costs: microseconds for each message, best of several rounds, one thread.

    python bench/parser.py [--json]

Collection of garbage is off while it measures, as the service keeps it off the hot path.
"""

from __future__ import annotations

import argparse
import json
import platform
import timeit
from collections.abc import Callable

from sip_stack.message import Request, Response, parse
from sip_stack.reply import ReplyTemplate, response_destination
from sip_stack.request_defect import request_defect

SDP = (
    b"v=0\r\no=- 3902843 3902843 IN IP4 198.51.100.7\r\ns=-\r\nc=IN IP4 198.51.100.7\r\nt=0 0\r\n"
    b"m=audio 20000 RTP/AVP 0 8 101\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:8 PCMA/8000\r\n"
    b"a=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"
)

DIALOG = (
    'From: "Alice Example" <sip:+12125550199@198.51.100.7>;tag=8f3a1c\r\n'
    "To: <sip:+12125550100@192.0.2.10;user=phone>{tag}\r\n"
    "Call-ID: 7a1f0c3e-55aa-4d2b-9e1c-0f3d2c1b0a99@198.51.100.7\r\n"
)

INVITE = (
    "INVITE sip:+12125550100@192.0.2.10:5060;user=phone SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-524287-1---8f2c1a7d;rport\r\n"
    "Max-Forwards: 70\r\n" + DIALOG.format(tag="") + "CSeq: 102 INVITE\r\n"
    "Contact: <sip:+12125550199@198.51.100.7:5060;transport=udp>\r\n"
    "User-Agent: Example Trunk 4.2\r\n"
    "Allow: INVITE, ACK, CANCEL, OPTIONS, BYE, REFER, NOTIFY, INFO, UPDATE, PRACK\r\n"
    "Supported: replaces, timer, 100rel\r\n"
    "Session-Expires: 1800\r\n"
    "Min-SE: 90\r\n"
    "P-Asserted-Identity: <sip:+12125550199@198.51.100.7>\r\n"
    "Privacy: none\r\n"
    "Date: Sat, 14 Nov 2026 10:12:01 GMT\r\n"
    "Content-Type: application/sdp\r\n"
    f"Content-Length: {len(SDP)}\r\n\r\n"
).encode() + SDP

# The same with what takes the careful path: a fold, and white space before a colon.
UNTIDY = INVITE.replace(b"Max-Forwards: 70", b"Max-Forwards:\r\n 70").replace(b"Call-ID", b"i ")

RINGING = (
    "SIP/2.0 180 Ringing\r\n"
    "Via: SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bKm17.22;rport=5060;received=192.0.2.10\r\n"
    + DIALOG.format(tag=";tag=as5d21")
    + "CSeq: 1 INVITE\r\nContact: <sip:100@203.0.113.5:5060>\r\nUser-Agent: Phone 1.0\r\n"
    "Content-Length: 0\r\n\r\n"
).encode()

ACK = (
    "ACK sip:+12125550100@192.0.2.10:5060 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 198.51.100.7:5060;branch=z9hG4bK-524287-1---99;rport\r\nMax-Forwards: 70\r\n"
    + DIALOG.format(tag=";tag=m3")
    + "CSeq: 102 ACK\r\nContent-Length: 0\r\n\r\n"
).encode()


def typed_reads(data: bytes) -> None:
    """Parse, and read what a new call reads."""
    message = parse(data)
    _ = (message.top_via, message.from_, message.to, message.contact, message.tokens("supported"))
    _ = (message.tokens("allow"), message.content_type, message.record_route)


def cases() -> dict[str, Callable[[], object]]:
    """What is measured, by name."""
    invite = parse(INVITE)
    assert isinstance(invite, Request) and isinstance(parse(RINGING), Response)
    assert request_defect(invite) is None
    source = ("198.51.100.7", 5060)
    template = ReplyTemplate(invite, *source)
    contact = ("Contact", "<sip:192.0.2.10:5060>")
    answer = [contact, ("Allow", "INVITE, ACK, BYE, CANCEL"), ("Supported", "timer, replaces")]
    return {
        "parse INVITE": lambda: parse(INVITE),
        "parse INVITE, careful path": lambda: parse(UNTIDY),
        "parse 180": lambda: parse(RINGING),
        "parse ACK": lambda: parse(ACK),
        "parse INVITE and typed reads": lambda: typed_reads(INVITE),
        "request_defect of a good INVITE": lambda: request_defect(invite),
        "response_destination": lambda: response_destination(invite, *source),
        "ReplyTemplate": lambda: ReplyTemplate(invite, *source),
        "build 100": lambda: template.build(100),
        "build 180": lambda: template.build(180, to_tag="m3", fields=[contact]),
        "build 200 with SDP": lambda: template.build(200, to_tag="m3", fields=answer, body=SDP),
        "INVITE to_bytes": invite.to_bytes,
    }


def microseconds(action: Callable[[], object], calls: int = 10_000, rounds: int = 9) -> float:
    """The time of one call: the best round, since noise only ever adds."""
    return min(timeit.repeat(action, number=calls, repeat=rounds)) / calls * 1e6


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true", help="print JSON instead of a table")
    as_json = options.parse_args().json
    figures = {name: round(microseconds(action), 2) for name, action in cases().items()}
    if as_json:
        sizes = {"INVITE": len(INVITE), "180": len(RINGING), "ACK": len(ACK)}
        print(json.dumps({"python": platform.python_version(), "octets": sizes, "microseconds": figures}))
        return
    print(f"INVITE of {len(INVITE)} octets; Python {platform.python_version()}; microseconds a message")
    for name, figure in figures.items():
        print(f"{name:<34}{figure:>8.2f}")


if __name__ == "__main__":
    main()
