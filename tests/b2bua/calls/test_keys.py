"""Keys in SIP INFO, as gateways write them."""

from __future__ import annotations

import pytest

from b2bua.calls.keys import key_in
from sip_stack.message import Request, parse


def info(kind: str, body: str) -> Request:
    content = body.encode("latin-1")
    head = [
        "INFO sip:multiring@192.0.2.1 SIP/2.0",
        "Via: SIP/2.0/UDP 198.51.100.1;branch=z9hG4bKkey",
        "From: <sip:a@198.51.100.1>;tag=1",
        "To: <sip:b@192.0.2.1>;tag=2",
        "Call-ID: keys@198.51.100.1",
        "CSeq: 7 INFO",
        *([f"Content-Type: {kind}"] if kind else []),
        f"Content-Length: {len(content)}",
    ]
    request = parse("\r\n".join([*head, "", ""]).encode() + content)
    assert isinstance(request, Request)
    return request


@pytest.mark.parametrize(
    ("kind", "body", "key"),
    [
        ("application/dtmf-relay", "Signal=5\r\nDuration=160\r\n", "5"),
        ("application/dtmf-relay", "Signal= 1\nDuration= 100", "1"),
        ("Application/DTMF-Relay;charset=utf-8", "signal = d\r\n", "D"),
        ("application/dtmf-relay", "Duration=160\r\nSignal=#\r\n", "#"),
        ("application/dtmf-relay", "Signal=10\r\n", "*"),
        ("application/dtmf-relay", "Signal=11\r\n", "#"),
        ("application/dtmf", "9", "9"),
        ("application/dtmf", " * \r\n", "*"),
        ("application/dtmf", "12", "A"),
        ("application/dtmf", "55", ""),
        ("application/dtmf", "", ""),
        ("application/dtmf", "\xff", ""),
        ("application/dtmf-relay", "Duration=160\r\n", ""),
        ("application/dtmf-relay", "Signal=R\r\n", ""),
        ("application/media_control+xml", "Signal=5\r\n", ""),
        ("", "5", ""),
    ],
)
def test_the_key_of_an_info(kind: str, body: str, key: str) -> None:
    assert key_in(info(kind, body)) == key
