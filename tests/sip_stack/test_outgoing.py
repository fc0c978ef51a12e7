"""Requests of ours, and what follows from an INVITE (RFC 3261 §8.1.1, §9.1, §17.1.1.3)."""

from __future__ import annotations

import pytest

from sip_stack.errors import LocalError
from sip_stack.message import Request, parse
from sip_stack.outgoing import OutgoingRequest, lines
from sip_stack.request_defect import request_defect


def invite(**more: object) -> OutgoingRequest:
    given = {
        "via": "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1;rport", "branch": "z9hG4bK1",
        "from_value": "<sip:us@192.0.2.1>;tag=us1", "to_value": "<sip:bob@192.0.2.9>", "call_id": "ours1", "cseq": 7,
        "routes": ("<sip:p1.example.net;lr>", "<sip:p2.example.net;lr>"), "max_forwards": 12,
        "fields": "Contact: <sip:192.0.2.1>\r\nProxy-Require: x\r\nRequire: 100rel\r\n", "body": b"v=0\r\n",
    }  # fmt: skip
    return OutgoingRequest("INVITE", "sip:bob@192.0.2.9", **{**given, **more})  # type: ignore[arg-type]


def read(outgoing: OutgoingRequest) -> Request:
    message = parse(outgoing.data)
    assert isinstance(message, Request)
    assert request_defect(message) is None
    return message


def test_an_invite_has_what_a_request_must_have() -> None:
    """§8.1.1: "at a minimum, ... To, From, CSeq, Call-ID, Max-Forwards, and Via"."""
    message = read(invite())
    assert (message.method, message.uri, message.branch) == ("INVITE", "sip:bob@192.0.2.9", "z9hG4bK1")
    assert (message.cseq, message.call_id, message.from_tag, message.to_tag) == (7, "ours1", "us1", "")
    assert message.max_forwards == 12
    assert message.get_all("route") == ["<sip:p1.example.net;lr>", "<sip:p2.example.net;lr>"]
    assert message.content_type == "application/sdp" and message.body == b"v=0\r\n"
    assert message.get("content-length") == "5"


def test_without_a_body_there_is_no_content_type() -> None:
    message = read(invite(body=b""))
    assert message.get("content-type") is None and message.get("content-length") == "0"


def test_a_cancel_repeats_the_invite_to_the_letter() -> None:
    """§9.1: Request-URI, Call-ID, To, From with tags, CSeq number and the top Via; Require must not be there."""
    original, cancel = read(invite()), read(invite().cancel("Reason: SIP;cause=200\r\n"))
    assert (cancel.method, cancel.cseq_method) == ("CANCEL", "CANCEL")
    for attribute in ("uri", "call_id", "to_value", "from_value", "cseq", "via_value"):
        assert getattr(cancel, attribute) == getattr(original, attribute)
    assert len(cancel.get_all("via")) == 1
    assert cancel.get_all("route") == original.get_all("route")
    assert cancel.get("reason") == "SIP;cause=200"
    for name in ("require", "proxy-require", "contact", "content-type"):
        assert cancel.get(name) is None
    assert cancel.body == b""


def test_the_ack_of_a_failure_takes_its_to_from_the_response() -> None:
    ack = read_ack(invite().acknowledge_failure("<sip:bob@192.0.2.9>;tag=bob1"))
    assert (ack.method, ack.cseq, ack.cseq_method, ack.to_tag) == ("ACK", 7, "ACK", "bob1")
    assert ack.via_value == read(invite()).via_value


def read_ack(outgoing: OutgoingRequest) -> Request:
    message = parse(outgoing.data)
    assert isinstance(message, Request)
    return message


def test_octets_that_are_no_utf_8_pass_as_they_came() -> None:
    data = invite(to_value=b'"\xff" <sip:bob@192.0.2.9>'.decode("utf-8", "surrogateescape")).data
    assert b'To: "\xff" <sip:bob@192.0.2.9>\r\n' in data


def test_lines_ends_each_with_crlf() -> None:
    assert lines([]) == ""
    assert lines([("Reason", "Q.850;cause=16"), ("X-A", "b")]) == "Reason: Q.850;cause=16\r\nX-A: b\r\n"


@pytest.mark.parametrize("value", ["a\r\nEvil: 1", "a\rb", "a\nb", "a\0b"])
def test_a_value_cannot_add_a_header(value: str) -> None:
    """PAR-9."""
    with pytest.raises(LocalError, match="line end or NUL"):
        lines([("Reason", value)])
