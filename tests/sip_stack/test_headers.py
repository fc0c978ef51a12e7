from __future__ import annotations

from collections.abc import Callable

import pytest

from sip_stack.errors import RemoteError
from sip_stack.headers import (
    Address,
    CSeq,
    MinSE,
    RAck,
    Reason,
    RetryAfter,
    SessionExpires,
    Via,
    asks_rport,
    first_element,
    parameter,
    parse_reasons,
    split_list,
    stamp_via,
)

Parse = Callable[[str], object]


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (Via.parse, "SIP/2.0/UDP 192.0.2.1"),
        (Via.parse, "SIP/2.0/TCP example.com:5070;branch=z9hG4bK1;rport"),
        (Via.parse, "SIP/2.0/UDP [2001:db8::1]:5060;received=2001:db8::2;rport=7"),
        (Via.parse, 'SIP/2.0/UNKNOWN a;x="b;c,d"'),
        (Address.parse, "<sip:a@b>"),
        (Address.parse, '"A \\"B\\" C" <sip:a@b;lr?x=y>;tag=1;flag;q="z;,"'),
        (Address.parse, "<tel:+1-201>;expires=5"),
        (CSeq.parse, "1 INVITE"),
        (CSeq.parse, "2147483647 x"),
        (RAck.parse, "776656 1 INVITE"),
        (SessionExpires.parse, "1800"),
        (SessionExpires.parse, "1800;refresher=uac"),
        (MinSE.parse, "90"),
        (Reason.parse, "SIP"),
        (Reason.parse, 'SIP;cause=200;text="Call completed elsewhere"'),
        (Reason.parse, 'Q.850;cause=16;text="a \\"b\\" c"'),
        (RetryAfter.parse, "18000"),
        (RetryAfter.parse, "18000;duration=3600"),
    ],
)
def test_what_is_parsed_prints_the_same(parse: Parse, text: str) -> None:
    assert str(parse(text)) == text
    assert parse(str(parse(text))) == parse(text)


@pytest.mark.parametrize(
    ("parse", "text"),
    [
        (Via.parse, ""),
        (Via.parse, "SIP/2.0/UDP"),
        (Via.parse, "SIP/2.0/UDP a;;b"),
        (Via.parse, "SIP/2.0/UDP a:99999"),
        (Via.parse, "SIP/2.0/UDP [::1"),
        (Via.parse, "SIP/2.0/UDP [1:2]"),
        (Via.parse, "SIP/2.0/UDP a;branch=1;Branch=2"),
        (Via.parse, "SIP/2.0/UDP 2001:db8::1"),
        (Address.parse, ""),
        (Address.parse, "A, B <sip:a@b>"),
        (Address.parse, '"A <sip:a@b>'),
        (Address.parse, "<sip:a@b>;tag=1;tag=2"),
        (Address.parse, "*"),
        (CSeq.parse, "1"),
        (CSeq.parse, "-1 INVITE"),
        (CSeq.parse, "2147483648 INVITE"),
        (CSeq.parse, "1 IN VITE"),
        (CSeq.parse, "٣ INVITE"),
        (CSeq.parse, "9" * 5000 + " INVITE"),
        (RAck.parse, "1 INVITE"),
        (RAck.parse, "1 -1 INVITE"),
        (RAck.parse, "1 1 I(N"),
        (SessionExpires.parse, "x"),
        (SessionExpires.parse, "1800 refresher=uac"),
        (SessionExpires.parse, "9" * 30),
        (MinSE.parse, ""),
        (MinSE.parse, "90;;"),
        (Reason.parse, ""),
        (Reason.parse, "SIP;cause=x"),
        (Reason.parse, 'SIP;text="open'),
        (RetryAfter.parse, "soon"),
        (RetryAfter.parse, "5 (open"),
        (RetryAfter.parse, "5;duration=x"),
    ],
)
def test_what_is_refused(parse: Parse, text: str) -> None:
    with pytest.raises(RemoteError) as caught:
        parse(text)
    assert caught.value.status == 400


def test_via_with_white_space_everywhere() -> None:
    via = Via.parse("SIP  /   2.0 /udp    Host.Example  : 5061 ;  branch  =  z9hG4bK1 ; rport")
    assert via == Via("UDP", "host.example", 5061, {"branch": "z9hG4bK1", "rport": None})
    assert (via.branch, via.received, via.rport) == ("z9hG4bK1", "", None)


def test_via_received_and_rport() -> None:
    via = Via.parse("SIP/2.0/UDP [2001:DB8::1];received=[2001:db8::9];rport=5070")
    assert (via.host, via.received, via.rport) == ("2001:db8::1", "2001:db8::9", 5070)


def test_parameters_of_a_bare_address_are_the_headers_own() -> None:
    bare, bracketed = Address.parse("sip:a@b;tag=1;x"), Address.parse("<sip:a@b;tag=1;x>")
    assert (bare.uri, bare.tag, bare.parameters) == ("sip:a@b", "1", {"tag": "1", "x": None})
    assert (bracketed.uri, bracketed.tag) == ("sip:a@b;tag=1;x", "")
    assert str(bare) == "<sip:a@b>;tag=1;x"


@pytest.mark.parametrize(
    ("text", "display"),
    [
        ('"Bell, A" <sip:a@b>', "Bell, A"),
        ("A.  Bell   <sip:a@b>", "A.  Bell"),
        ("caller<sip:a@b>", "caller"),
        ("<sip:a@b>", ""),
        ('"" <sip:a@b>', ""),
        ("Zoë <sip:a@b>", "Zoë"),
    ],
)
def test_display_name(text: str, display: str) -> None:
    assert Address.parse(text).display == display


def test_the_uri_of_an_address() -> None:
    assert Address.parse("<sip:a@b:5070>").parsed_uri.port == 5070


def test_an_address_that_we_build_always_has_brackets() -> None:
    assert str(Address("", "sip:a@b", {})) == "<sip:a@b>"
    assert str(Address('x"y', "sip:a@b", {"tag": "1"})) == '"x\\"y" <sip:a@b>;tag=1'


def test_a_refresher_that_nobody_knows_is_left_open() -> None:
    assert SessionExpires.parse("90 ; Refresher=UAS") == SessionExpires(90, "uas")
    assert SessionExpires.parse("90;refresher=me") == SessionExpires(90)


def test_reasons_in_one_field() -> None:
    value = 'SIP ;cause=200 ;text="Call completed elsewhere, at last",Q.850;cause=26'
    assert parse_reasons(value) == [
        Reason("SIP", 200, "Call completed elsewhere, at last"),
        Reason("Q.850", 26),
    ]


def test_retry_after_with_a_comment() -> None:
    assert RetryAfter.parse("120 (I'm in a (long) meeting);duration=60") == RetryAfter(120, 60)


@pytest.mark.parametrize(
    ("value", "elements"),
    [
        ("", []),
        ("a", ["a"]),
        ("a,b , c", ["a", "b", "c"]),
        ("a,,b,", ["a", "b"]),
        (",", []),
        ('"a,b" <c,d>;e="f,g", h', ['"a,b" <c,d>;e="f,g"', "h"]),
        ('"a,b', ['"a,b']),
    ],
)
def test_split_list(value: str, elements: list[str]) -> None:
    assert split_list(value) == elements
    assert first_element(value) == (elements[0] if elements else "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("<sip:a@b>;tag=1", "1"),
        ("<sip:a@b> ; TAG = 1 ; x", "1"),
        ("<sip:a@b;tag=2>", ""),
        ("sip:a@b;x;tag=1", "1"),
        ('"x>;tag=2" <sip:a@b>;tag=1', "1"),
        ('"x>;tag=2" <sip:a@b>', ""),
        ('<sip:a@b>;x=";tag=2"', ""),
        ('<sip:a@b>;tag="q;1"', "q;1"),
        ("<sip:a@b>;tag", ""),
        ("<sip:a@b>;tagged=1", ""),
        ("", ""),
        ('"', ""),
        (";tag=1", ""),
    ],
)
def test_parameter(value: str, expected: str) -> None:
    assert parameter(value, "tag") == expected


@pytest.mark.parametrize(
    ("via", "stamped"),
    [
        ("SIP/2.0/UDP a;rport;branch=z", "SIP/2.0/UDP a;rport=7;branch=z;received=192.0.2.9"),
        ("SIP/2.0/UDP a;branch=z;rport", "SIP/2.0/UDP a;branch=z;rport=7;received=192.0.2.9"),
        ("SIP/2.0/UDP a;rport=1;received=x", "SIP/2.0/UDP a;rport=7;received=192.0.2.9"),
        ("SIP/2.0/UDP a ; RPort ;x", "SIP/2.0/UDP a ;rport=7;x;received=192.0.2.9"),
        ('SIP/2.0/UDP a;x=";rport";rport', 'SIP/2.0/UDP a;x=";rport";rport=7;received=192.0.2.9'),
        ("SIP/2.0/UDP a;rportal", "SIP/2.0/UDP a;rportal;received=192.0.2.9"),
        ("SIP/2.0/UDP a;branch=z", "SIP/2.0/UDP a;branch=z;received=192.0.2.9"),
        ("SIP/2.0/UDP 192.0.2.9;branch=z", "SIP/2.0/UDP 192.0.2.9;branch=z"),
        ("SIP / 2.0 / UDP 192.0.2.9 : 5060 ;branch=z", "SIP / 2.0 / UDP 192.0.2.9 : 5060 ;branch=z"),
    ],
)
def test_stamp_via(via: str, stamped: str) -> None:
    assert stamp_via(via, "192.0.2.9", 7) == stamped


@pytest.mark.parametrize(
    ("via", "expected"),
    [
        ("SIP/2.0/UDP a;rport", True),
        ("SIP/2.0/UDP a;rport;x", True),
        ("SIP/2.0/UDP a;rport=5", True),
        ("SIP/2.0/UDP a ; RPORT ; x", True),
        ('SIP/2.0/UDP a;x=";rport"', False),
        ("SIP/2.0/UDP a;rportal", False),
        ("SIP/2.0/UDP rport", False),
        ("", False),
    ],
)
def test_asks_rport(via: str, expected: bool) -> None:
    assert asks_rport(via) is expected
