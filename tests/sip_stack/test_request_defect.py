"""Requests that can be read and are not valid: the status that each earns (PAR-5)."""

from __future__ import annotations

import pytest

from sip_stack.errors import RemoteError
from sip_stack.request_defect import request_defect
from tests.sip_stack.samples import invite


def defect(*changes: tuple[str, str]) -> int | None:
    error = request_defect(invite(*changes))
    return error.status if error else None


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
