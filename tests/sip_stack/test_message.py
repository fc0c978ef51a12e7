from __future__ import annotations

import pytest

from sip_stack import grammar
from sip_stack.errors import REASONS, LocalError, MalformedMessage, RemoteError
from sip_stack.message import (
    ReplyTemplate,
    Request,
    Response,
    build_request,
    parse,
    request_defect,
    response_destination,
)

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


RINGING = """SIP/2.0 180 Ringing Now
Via: SIP/2.0/UDP 192.0.2.10;branch=z9hG4bK7
From: <sip:a@b>;tag=f
To: <sip:c@d>;tag=t
Call-ID: x
CSeq: 1 INVITE
Content-Length: 0

"""


def defect(*changes: tuple[str, str]) -> int | None:
    error = request_defect(invite(*changes))
    return error.status if error else None


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


class TestRequestDefect:
    def test_a_good_request_has_none(self) -> None:
        assert defect() is None

    @pytest.mark.parametrize(
        "change",
        [
            (" SIP/2.0\n", " sip/2.0\n"),
            ("Max-Forwards: 70\n", ""),
            ("Max-Forwards: 70", "Max-Forwards: 0"),
            ("CSeq: 102", "CSeq: 2147483647"),
            ("sip:+12125550100@192.0.2.10;user=phone", "tel:+1-212-555-0100"),
            ("sip:+12125550100@192.0.2.10;user=phone", "sips:[2001:db8::1]"),
            (";tag=a1-b", ""),
            ("Contact: <sip:alice@198.51.100.7:5062;ob>;q=0.5\n", ""),
            ("Content-Type: Application/SDP;charset=utf-8", "Max-Forwards: 70"),
            ("To: <sip:+12125550100@192.0.2.10>", "To: <urn:service:sos>"),
            ("Contact: ", "Contact: <sip:other@b>, "),
        ],
    )
    def test_what_is_tolerated(self, change: tuple[str, str]) -> None:
        assert defect(change) is None

    @pytest.mark.parametrize(
        ("change", "status"),
        [
            ((" SIP/2.0\n", " SIP/7.0\n"), 505),
            ((" SIP/2.0\n", " SIP/2\n"), 400),
            ((" SIP/2.0\n", " HTTP/1.1\n"), 400),
            ((" SIP/2.0\n", "\n"), 400),
            ((" SIP/2.0\n", " SIP/2.0 \n"), 400),
            (("INVITE sip", "INVITE  sip"), 400),
            (("CSeq: 102 INVITE", "CSeq: 102 OPTIONS"), 400),
            (("CSeq: 102 INVITE", "CSeq: 102 invite"), 400),
            (("CSeq: 102", "CSeq: 2147483648"), 400),
            (("sip:+12125550100@192.0.2.10;user=phone", "x:y"), 416),
            (("sip:+12125550100@192.0.2.10;user=phone", "sip:[2001:::1]"), 400),
            (("sip:+12125550100@192.0.2.10;user=phone", "sip:a@b?c=d"), 400),
            (('"Alice"', '"Alice'), 400),
            (('"Alice"', "Alice, B"), 400),
            ((";tag=a1-b", ";tag=a1-b;tag=c"), 400),
            (("<sip:+12125550100@192.0.2.10>", "<sip:a@[::1>"), 400),
            (("<sip:+12125550100@192.0.2.10>", "<sip:a@[1:2]>"), 400),
            (("<sip:+12125550100@192.0.2.10>", ""), 400),
            (("7a1f@198.51.100.7", "7a1f 198"), 400),
            (("SIP/2.0/UDP 198.51.100.7:5062;", "SIP/2.0/UDP ;"), 400),
            (("proxy.example.com;branch", "proxy.example.com;;branch"), 400),
            (("SIP/2.0/UDP 198.51.100.7:5062", "SIP/2.0/UDP [1:2]"), 400),
            (("<sip:alice@198.51.100.7:5062;ob>;q=0.5", "*"), 400),
            (("<sip:alice@198.51.100.7:5062;ob>;q=0.5", ""), 400),
            (("<sip:alice@198.51.100.7:5062;ob>;q=0.5", "<sip:a@b>, <"), 400),
            (("<sip:p1.example.com;lr>", "<sip:p1 example.com;lr>"), 400),
            (("Max-Forwards: 70", "Max-Forwards: 256"), 400),
            (("Max-Forwards: 70", "Max-Forwards: -1"), 400),
            (("Max-Forwards: 70", "Max-Forwards: 70\nMax-Forwards: 69"), 400),
            (("Max-Forwards: 70", "To: <sip:other@example.com>"), 400),
            (("Max-Forwards: 70", "Content-Length: 4"), 400),
            (("Max-Forwards: 70\n", "Via: SIP/2.0/UDP a\n" * 70), 483),
        ],
    )
    def test_what_is_refused(self, change: tuple[str, str], status: int) -> None:
        assert defect(change) == status

    def test_contact_star_is_for_register(self) -> None:
        assert defect(("INVITE", "REGISTER"), ("<sip:alice@198.51.100.7:5062;ob>;q=0.5", "*")) is None

    @pytest.mark.parametrize("name", ["vias", "top_via", "from_", "to", "contacts", "record_route"])
    def test_a_typed_value_that_cannot_be_read_is_the_peers_fault(self, name: str) -> None:
        message = invite(
            ("SIP/2.0/UDP 198.51.100.7:5062;", "SIP/2.0/UDP ;"),
            ('"Alice"', '"Alice'),
            ("<sip:+12125550100@192.0.2.10>", "<"),
            ("<sip:alice@198.51.100.7:5062;ob>;q=0.5", "<"),
            ("<sip:p2.example.com;lr>", "<"),
        )
        with pytest.raises(RemoteError) as caught:
            getattr(message, name)
        assert caught.value.status == 400


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
                template.build(200, **arguments)  # type: ignore[arg-type]

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
        ],
    )
    def test_over_udp(self, via: str, port: int) -> None:
        request = invite(("SIP/2.0/UDP 198.51.100.7:5062;branch=z9hG4bK-1-a;rport", via))
        assert response_destination(request, "198.51.100.7", 40000) == ("198.51.100.7", port)


class TestBuildRequest:
    def test_order_and_length(self) -> None:
        data = build_request(
            "INVITE", "sip:a@b", [("Via", "x"), ("To", "<sip:a@b>")], b"v=0", "application/sdp"
        )
        assert data == (
            b"INVITE sip:a@b SIP/2.0\r\nVia: x\r\nTo: <sip:a@b>\r\n"
            b"Content-Type: application/sdp\r\nContent-Length: 3\r\n\r\nv=0"
        )

    def test_without_a_body_there_is_no_type(self) -> None:
        assert build_request("BYE", "sip:a", []) == b"BYE sip:a SIP/2.0\r\nContent-Length: 0\r\n\r\n"

    @pytest.mark.parametrize("bad", ["\r", "\n", "\0", "\r\nX: y"])
    def test_nobody_injects_a_header(self, bad: str) -> None:
        for method, uri, fields in (
            (f"BYE{bad}", "sip:a", []),
            ("BYE", f"sip:a{bad}", []),
            ("BYE", "sip:a", [("X", bad)]),
            ("BYE", "sip:a", [(bad, "x")]),
        ):
            with pytest.raises(LocalError):
                build_request(method, uri, fields)

    def test_what_came_from_the_wire_goes_out_as_it_came(self) -> None:
        value = b'"\xff" <sip:a@b>'.decode("utf-8", "surrogateescape")
        assert b'From: "\xff" <sip:a@b>\r\n' in build_request("BYE", "sip:a", [("From", value)])
