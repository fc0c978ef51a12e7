"""Responses from a template, and where they go."""

from __future__ import annotations

import pytest

from sip_stack.errors import REASONS, LocalError
from sip_stack.message import Request, parse
from sip_stack.reply import ReplyTemplate, response_destination
from tests.sip_stack.samples import invite


class TestReply:
    SOURCE = ("198.51.100.7", 40000)

    def build(self, request: Request, *arguments: object, **named: object) -> str:
        data = ReplyTemplate(request, *self.SOURCE).build(*arguments, **named)  # type: ignore[arg-type]
        return data.decode().replace("\r\n", "\n")

    def test_ringing(self) -> None:
        assert self.build(invite(), 180, to_tag="ours", fields=[("Contact", "<sip:us>")]) == (
            """SIP/2.0 180 Ringing
Via: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK-1-a;rport=40000;received=198.51.100.7
Via: SIP/2.0/TCP proxy.example.com;branch=z9hG4bK-0
From: "Alice" <sip:alice@example.com>;tag=a1-b
To: <sip:+12125550100@192.0.2.10>;tag=ours
Call-ID: 7a1f@198.51.100.7
CSeq: 102 INVITE
Record-Route: <sip:p2.example.com;lr>, <sip:p1.example.com;lr>
Contact: <sip:us>
Content-Length: 0

"""
        )

    def test_trying_has_no_tag_and_echoes_timestamp(self) -> None:
        text = self.build(invite(("Max-Forwards: 70", "Timestamp: 54.21")), 100, to_tag="ours")
        assert "To: <sip:+12125550100@192.0.2.10>\n" in text
        assert "Timestamp: 54.21\n" in text
        assert "Record-Route" not in text

    @pytest.mark.parametrize("status", [101, 180, 200, 299])
    def test_record_route_where_a_dialog_may_begin(self, status: int) -> None:
        assert "Record-Route" in self.build(invite(), status)
        assert "Timestamp" not in self.build(invite(("Max-Forwards: 70", "Timestamp: 1")), status)

    @pytest.mark.parametrize("status", [300, 404, 500, 603])
    def test_no_record_route_in_a_failure(self, status: int) -> None:
        text = self.build(invite(), status, to_tag="ours")
        assert "Record-Route" not in text
        assert ";tag=ours" in text
        assert text.startswith(f"SIP/2.0 {status} {REASONS[status]}\n")

    def test_the_tag_of_the_request_stays(self) -> None:
        request = invite(("<sip:+12125550100@192.0.2.10>\n", "<sip:x>;tag=theirs\n"))
        assert "To: <sip:x>;tag=theirs\n" in self.build(request, 200, to_tag="ours")

    def test_a_body_has_a_type(self) -> None:
        text = self.build(invite(), 200, body=b"v=0\r\n", content_type="x/y")
        assert text.endswith("Content-Type: x/y\nContent-Length: 5\n\nv=0\n")

    def test_reason_of_our_own(self) -> None:
        assert self.build(invite(), 480, "No Answer").startswith("SIP/2.0 480 No Answer\n")

    def test_every_via_in_one_line_is_copied(self) -> None:
        request = invite(("\nVia: SIP/2.0/TCP", ", SIP/2.0/TCP"))
        message = parse(ReplyTemplate(request, *self.SOURCE).build(200))
        assert [via.host for via in message.vias] == ["198.51.100.7", "proxy.example.com"]
        assert message.top_via.rport == 40000

    @pytest.mark.parametrize(
        ("sent_by", "host", "received"),
        [
            ("192.0.2.1:5060", "192.0.2.1", ""),
            ("192.0.2.1", "192.0.2.2", "192.0.2.2"),
            ("host.example", "192.0.2.2", "192.0.2.2"),
            ("[2001:DB8:0::1]:5060", "2001:db8::1", ""),
            ("[2001:db8::1]", "2001:db8::2", "2001:db8::2"),
            ("192.0.2.1", "::ffff:192.0.2.1", ""),
        ],
    )
    def test_received_where_sent_by_is_not_the_source(self, sent_by: str, host: str, received: str) -> None:
        request = invite(("198.51.100.7:5062;branch=z9hG4bK-1-a;rport", f"{sent_by};branch=z9"))
        reply = parse(ReplyTemplate(request, host, 5060).build(100))
        assert reply.top_via.received == received
        assert reply.branch == "z9"

    def test_what_the_peer_claims_to_be_received_is_replaced(self) -> None:
        request = invite((";rport", ";rport=1;Received=203.0.113.9"))
        via = parse(ReplyTemplate(request, *self.SOURCE).build(100)).top_via
        assert (via.received, via.rport) == self.SOURCE

    @pytest.mark.parametrize("bad", ["\r", "\n", "\0", "\r\nX: y"])
    def test_nobody_injects_a_header(self, bad: str) -> None:
        template = ReplyTemplate(invite(), *self.SOURCE)
        for arguments in (
            {"reason": f"a{bad}b"},
            {"to_tag": f"a{bad}b"},
            {"fields": [("Contact", f"a{bad}b")]},
            {"fields": [(f"X{bad}", "a")]},
            {"body": b"x", "content_type": f"a{bad}b"},
        ):
            with pytest.raises(LocalError):
                template.build(200, **arguments)

    def test_text_without_utf_8_is_our_own_fault(self) -> None:
        with pytest.raises(LocalError):
            ReplyTemplate(invite(), *self.SOURCE).build(200, fields=[("X", "\ud800")])


class TestDestination:
    @pytest.mark.parametrize(
        ("via", "port"),
        [
            ("SIP/2.0/UDP 192.0.2.1:5062;rport;branch=z9", 40000),
            ("SIP/2.0/UDP 192.0.2.1:5062 ; RPORT ; branch=z9", 40000),
            ("SIP/2.0/UDP 192.0.2.1:5062;branch=z9", 5062),
            ("SIP/2.0/UDP 192.0.2.1;branch=z9", 5060),
            ('SIP/2.0/UDP rport.example;x=";rport";branch=z9', 5060),
            ("SIP/2.0/UDP 192.0.2.1;maddr=203.0.113.1;branch=z9", 5060),
            ("SIP/2.0/UDP 192.0.2.1;received=203.0.113.1;branch=z9", 5060),
            ("rubbish", 5060),
            ("SIP/2.0/UDP 192.0.2.1:99999;branch=z9", 40000),
            ("SIP/2.0/UDP 192.0.2.1:0;branch=z9", 40000),
        ],
    )
    def test_over_udp(self, via: str, port: int) -> None:
        request = invite(("SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK-1-a;rport", via))
        assert response_destination(request, "198.51.100.7", 40000) == ("198.51.100.7", port)
