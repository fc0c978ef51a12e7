"""Bytes to messages and back (PAR-1 to PAR-9)."""

from __future__ import annotations

import pytest

from sip_stack import grammar
from sip_stack.errors import MalformedMessage
from sip_stack.message import Response, _cseqs, _status_lines, parse
from sip_stack.reply import ReplyTemplate
from sip_stack.request_defect import request_defect
from tests.sip_stack.samples import INVITE, RINGING, invite, response, wire


def malformed(data: bytes) -> MalformedMessage:
    with pytest.raises(MalformedMessage) as caught:
        parse(data)
    return caught.value


class TestParse:
    def test_what_transactions_and_dialogs_need(self) -> None:
        message = invite()
        assert (message.method, message.uri, message.version) == (
            "INVITE",
            "sip:+12125550100@192.0.2.10;user=phone",
            "SIP/2.0",
        )
        assert (message.call_id, message.from_tag, message.to_tag) == ("7a1f@198.51.100.7", "a1-b", "")
        assert (message.cseq, message.cseq_method, message.branch) == (102, "INVITE", "z9hG4bK-1-a")
        assert message.via_value == "SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK-1-a;rport"
        assert message.from_value == '"Alice" <sip:alice@example.com>;tag=a1-b'
        assert message.to_value == "<sip:+12125550100@192.0.2.10>"
        assert message.max_forwards == 70
        assert message.body == b"v=0\r\n"

    def test_response(self) -> None:
        message = response(RINGING)
        assert (message.status, message.reason) == (180, "Ringing Now")
        assert (message.from_tag, message.to_tag, message.branch) == ("f", "t", "z9hG4bK7")

    @pytest.mark.parametrize("line", ["SIP/2.0 180 ", "SIP/2.0 180", "sip/2.0 180 é"])
    def test_a_reason_may_be_empty(self, line: str) -> None:
        assert response(RINGING.replace("SIP/2.0 180 Ringing Now", line)).status == 180

    def test_fields_are_named_in_lower_case_and_keep_their_order(self) -> None:
        message = invite(("Call-ID", "i"), ("Contact", "M"), ("Max-Forwards", "mAX-fORWARDS"))
        assert [name for name, _ in message.fields][:8] == [
            "via",
            "via",
            "max-forwards",
            "from",
            "to",
            "call-id",
            "cseq",
            "contact",
        ]

    @pytest.mark.parametrize(("compact", "name"), grammar.COMPACT_NAMES.items())
    def test_compact_forms(self, compact: str, name: str) -> None:
        for spelling in (compact, compact.upper()):
            message = invite(("Max-Forwards: 70", f"{spelling}: 5"))
            assert ("max-forwards", "70") not in message.fields
            assert (name, "5") in message.fields

    def test_headers_by_name(self) -> None:
        message = invite()
        assert message.get("supported") == "Replaces, timer"
        assert message.get("subject") is None
        assert message.get_all("supported") == ["Replaces, timer", "100rel"]
        assert message.get_all("subject") == []
        assert message.values("supported") == ["Replaces", "timer", "100rel"]
        assert message.tokens("supported") == {"replaces", "timer", "100rel"}
        assert message.tokens("allow") == {"INVITE", "ACK", "Bye"}
        assert message.tokens("require") == frozenset()
        assert message.content_type == "application/sdp"

    def test_typed_values(self) -> None:
        message = invite()
        assert message.top_via.port == 5062
        assert [via.transport for via in message.vias] == ["UDP", "TCP"]
        assert message.from_.tag == "a1-b"
        assert message.to.parsed_uri.user == "+12125550100"
        assert message.contact is not None
        assert message.contact.parameters == {"q": "0.5"}
        assert [route.parsed_uri.host for route in message.record_route] == [
            "p2.example.com",
            "p1.example.com",
        ]
        assert message.route == []
        assert message.vias is message.vias

    def test_no_contact(self) -> None:
        assert response(RINGING).contact is None
        assert response(RINGING).contacts == []

    def test_contact_star_is_no_address(self) -> None:
        assert invite(("<sip:alice@198.51.100.7:5062;ob>;q=0.5", "*")).contacts == []

    @pytest.mark.parametrize("name", ["date", "www-authenticate", "subject", "x-thing", "user-agent"])
    def test_what_is_no_list_is_not_split(self, name: str) -> None:
        assert invite(("Max-Forwards: 70", f"{name}: a, b")).values(name) == ["a, b"]

    def test_topmost_of_several_vias_in_one_line(self) -> None:
        via = 'SIP/2.0/UDP a;x="p,q";branch=z9hG4bKone , SIP/2.0/UDP b;branch=z9hG4bKtwo'
        message = invite(("SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK-1-a;rport", via))
        assert message.via_value == 'SIP/2.0/UDP a;x="p,q";branch=z9hG4bKone'
        assert message.branch == "z9hG4bKone"
        assert [hop.host for hop in message.vias] == ["a", "b", "proxy.example.com"]

    @pytest.mark.parametrize(
        ("via", "branch"),
        [
            ("SIP/2.0/UDP a", ""),
            ("SIP/2.0/UDP a ; Branch = z9 ; rport", "z9"),
            ("SIP/2.0/UDP a;branch=z9;branch-x=2", "z9"),
            ('SIP/2.0/UDP a;x=";branch=no";branch=z9', "z9"),
            ("SIP/2.0/UDP a;branch= z9\t;x", "z9"),
        ],
    )
    def test_branch(self, via: str, branch: str) -> None:
        assert invite(("SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK-1-a;rport", via)).branch == branch

    @pytest.mark.parametrize(
        ("value", "tag"),
        [
            ("<sip:a@b>;tag=1", "1"),
            ("<sip:a@b;tag=1>", ""),
            ("sip:a@b;tag=1", "1"),
            ('"x>;tag=9" <sip:a@b>;tag=1', "1"),
            ('"x>;tag=9" <sip:a@b>', ""),
            ("<sip:a@b>;x=y;Tag=1-2.3", "1-2.3"),
            ("<sip:a@b>;tag=1;x=y", "1"),
            ("sip:a@b", ""),
        ],
    )
    def test_tags(self, value: str, tag: str) -> None:
        message = invite(
            ('"Alice" <sip:alice@example.com>;tag=a1-b', value), ("<sip:+12125550100@192.0.2.10>", value)
        )
        assert (message.from_tag, message.to_tag) == (tag, tag)

    def test_a_name_first_seen_is_known_the_second_time(self) -> None:
        for _ in range(2):
            assert invite(("Max-Forwards", "X-Never-Seen")).get("x-never-seen") == "70"

    def test_repr_is_one_line(self) -> None:
        assert repr(invite()) == (
            "<INVITE sip:+12125550100@192.0.2.10;user=phone 7a1f@198.51.100.7 102 INVITE z9hG4bK-1-a>"
        )
        assert repr(response(RINGING)) == "<180 Ringing Now x 1 INVITE z9hG4bK7>"


class TestTolerance:
    def test_folds_white_space_and_case(self) -> None:
        message = invite(
            ("Max-Forwards: 70", "MAX-FORWARDS \t:\t  0070  "),
            ("CSeq: 102 INVITE", "cseq: 102\n \t INVITE"),
            ("From: ", "From:\n "),
        )
        assert (message.max_forwards, message.cseq, message.from_tag) == (70, 102, "a1-b")
        assert request_defect(message) is None

    def test_a_fold_with_a_colon_in_it_makes_no_header(self) -> None:
        message = invite(("Max-Forwards: 70", "Subject: hello\n Route: <sip:evil>"))
        assert message.get("subject") == "hello Route: <sip:evil>"
        assert message.get("route") is None

    def test_leading_line_ends(self) -> None:
        assert parse(b"\r\n\r\n\n" + wire()).call_id == "7a1f@198.51.100.7"

    def test_bare_line_feeds(self) -> None:
        message = parse(INVITE.replace("Content-Length: 5", "Content-Length: 4").encode())
        assert message.get("max-forwards") == "70"
        assert message.body == b"v=0\n"

    def test_bare_line_feeds_before_a_body_with_a_blank_line(self) -> None:
        data = INVITE.replace("Content-Length: 5\n", "").encode() + b"\r\n\r\nrest"
        assert parse(data).body == b"v=0\n\r\n\r\nrest"

    def test_a_lone_cr_neither_ends_a_line_nor_is_passed_on(self) -> None:
        message = invite(("Max-Forwards: 70", "Subject: a\rRoute: <sip:evil>"))
        assert message.get("subject") == "a Route: <sip:evil>"
        assert b"\r\n".join(message.to_bytes().split(b"\r\n")).count(b"\r") == message.to_bytes().count(b"\n")

    def test_no_space_after_the_colon(self) -> None:
        assert invite(("Max-Forwards: 70", "Max-Forwards:70")).max_forwards == 70

    def test_octets_that_are_no_utf_8_survive(self) -> None:
        data = wire().replace(b'"Alice"', b'"Al\xefce \xff"')
        message = parse(data)
        assert b'"Al\xefce \xff"' in message.to_bytes()
        assert b'"Al\xefce \xff"' in ReplyTemplate(message, "192.0.2.1", 5060).build(180)  # type: ignore[arg-type]
        assert request_defect(message) is None  # type: ignore[arg-type]

    def test_missing_content_length_takes_the_datagram(self) -> None:
        assert invite(("Content-Length: 5\n", "")).body == b"v=0\r\n"

    def test_what_is_beyond_content_length_is_discarded(self) -> None:
        assert invite(("Content-Length: 5", "Content-Length: 3")).body == b"v=0"

    @pytest.mark.parametrize("separator", ["\x0b", "\x0c", "\x1c", "\x85", "\u2028"])
    def test_no_other_character_ends_a_line(self, separator: str) -> None:
        message = invite(("Max-Forwards: 70", f"Subject: a{separator}Route: <sip:evil>"))
        assert message.get("route") is None
        assert message.get("subject") == f"a{separator}Route: <sip:evil>"


class TestMalformed:
    @pytest.mark.parametrize(
        "data",
        [
            b"",
            b"\r\n\r\n",
            b"\x00" * 12,
            b"hello",
            b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            bytes(range(256)),
            b"INVITE sip:a SIP/2.0\r\n\r\n",
        ],
    )
    def test_rubbish_is_dropped(self, data: bytes) -> None:
        assert malformed(data).request is None

    @pytest.mark.parametrize("name", ["From", "To", "Call-ID", "CSeq"])
    def test_without_what_a_response_copies_it_is_dropped(self, name: str) -> None:
        error = malformed(wire(INVITE, (f"\n{name}: ", "\nX-Other: ")))
        assert error.request is None
        assert name in error.detail

    def test_without_any_via_it_is_dropped(self) -> None:
        assert malformed(wire(INVITE, ("\nVia: ", "\nX-Other: "))).request is None

    @pytest.mark.parametrize(
        "change",
        [
            ("CSeq: 102 INVITE", "CSeq: INVITE"),
            ("CSeq: 102 INVITE", "CSeq: -1 INVITE"),
            ("CSeq: 102 INVITE", "CSeq: 102"),
            ("CSeq: 102 INVITE", "CSeq: ١ INVITE"),
            ("CSeq: 102 INVITE", "CSeq: " + "9" * 5000 + " INVITE"),
            ("Max-Forwards: 70", "Max Forwards: 70"),
            ("Max-Forwards: 70", "Max-Forwards"),
            ("Max-Forwards: 70", ": 70"),
            ("Content-Length: 5", "Content-Length: 6"),
            ("Content-Length: 5", "Content-Length: -5"),
            ("Content-Length: 5", "Content-Length: five"),
            ("Content-Length: 5", "Content-Length: " + "9" * 5000),
            ("Content-Length: 5", "Content-Length: ٥"),
            ("Content-Length: 5\n\nv=0\n", "Content-Length: 0\n"),
            ("INVITE sip", "INV(ITE sip"),
            ("Supported: 100rel\n", "X: y\n" * 300),
            ("Max-Forwards: 70\n", f"X: {'y' * 20_000}\n"),
        ],
    )
    def test_a_request_that_can_be_answered_comes_along(self, change: tuple[str, str]) -> None:
        error = malformed(wire(INVITE, change))
        assert error.status == 400
        assert error.request is not None
        assert error.request.call_id == "7a1f@198.51.100.7"

    def test_a_bad_ack_is_never_answered(self) -> None:
        ack = INVITE.replace("INVITE", "ACK").replace("Content-Length: 5", "Content-Length: 6")
        assert malformed(wire(ack)).request is None

    @pytest.mark.parametrize(
        "change",
        [
            ("SIP/2.0 180", "SIP/2.0 18"),
            ("SIP/2.0 180", "SIP/2.0 099"),
            ("SIP/2.0 180", "SIP/2.0 700"),
            ("SIP/2.0 180", "SIP/2.0 ١٨٠"),
            ("SIP/2.0 180", "SIP/3.0 180"),
            ("CSeq: 1 ", "CSeq: 2147483648 "),
            ("CSeq: 1 ", "CSeq: x "),
            ("Content-Length: 0", "Content-Length: 1"),
            ("Content-Length: 0", "Content-Length: -1"),
        ],
    )
    def test_a_bad_response_is_dropped(self, change: tuple[str, str]) -> None:
        assert malformed(wire(RINGING, change)).request is None

    def test_a_head_without_end_is_not_read(self) -> None:
        assert malformed(b"INVITE sip:a SIP/2.0\r\n" + b"a: b\r\n" * 20_000).request is None

    def test_the_cache_of_names_is_bounded(self) -> None:
        for number in range(3_000):
            invite(("Max-Forwards", f"X-{number}"))
        assert invite(("Max-Forwards", "X-Last")).get("x-last") == "70"


class TestPrint:
    def test_strict_form(self) -> None:
        message = invite(("Call-ID", "i"), ("To:", "t :"), ("Contact:", "m:"))
        assert message.to_bytes() == wire(
            """INVITE sip:+12125550100@192.0.2.10;user=phone SIP/2.0
Via: SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK-1-a;rport
Via: SIP/2.0/TCP proxy.example.com;branch=z9hG4bK-0
Record-Route: <sip:p2.example.com;lr>
Record-Route: <sip:p1.example.com;lr>
Max-Forwards: 70
From: "Alice" <sip:alice@example.com>;tag=a1-b
To: <sip:+12125550100@192.0.2.10>
Call-ID: 7a1f@198.51.100.7
CSeq: 102 INVITE
Contact: <sip:alice@198.51.100.7:5062;ob>;q=0.5
Allow: INVITE, ACK, Bye
Supported: Replaces, timer
Supported: 100rel
Content-Type: Application/SDP;charset=utf-8
Content-Length: 5

v=0
"""
        )

    def test_response(self) -> None:
        assert response(RINGING).to_bytes() == wire(RINGING)


def test_what_status_lines_and_cseqs_say_is_remembered_within_bounds() -> None:
    for number in range(1200):
        data = (
            f"SIP/2.0 486 Busy {number}\r\nVia: SIP/2.0/UDP h;branch=z9hG4bK{number}\r\nFrom: <sip:a@h>;tag=a\r\n"
            f"To: <sip:b@h>;tag=b\r\nCall-ID: c\r\nCSeq: {number} INVITE\r\nContent-Length: 0\r\n\r\n"
        )
        for _ in range(2):
            parsed = parse(data.encode())
            assert isinstance(parsed, Response)
            assert (parsed.status, parsed.reason, parsed.cseq, parsed.cseq_method) == (
                486, f"Busy {number}", number, "INVITE",
            )  # fmt: skip
    assert len(_status_lines) <= 512 and len(_cseqs) <= 512
    long = parse(data.replace("Busy", "B" * 90).encode())
    assert isinstance(long, Response) and long.reason.startswith("B" * 90)
    assert f"SIP/2.0 486 {long.reason}" not in _status_lines
