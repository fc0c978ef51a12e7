from __future__ import annotations

import pytest

from sip_stack.errors import RemoteError
from sip_stack.uri import Uri, number, parse_request_uri

ROUND_TRIPS = [
    "sip:example.com",
    "sips:alice@example.com",
    "sip:alice:secret@example.com:5061",
    "sip:alice@[2001:db8::1]:5060;transport=tcp",
    "sip:+1-212-555-0101@example.com;user=phone;x-unknown;y=1%2F2",
    "sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*:&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com",
    "sip:user;par=u%40example.net@example.com",
    "sip:alice@example.com;maddr=192.0.2.1?Subject=x&Priority=urgent",
    "sip:*31#5550101@example.com",
    "tel:+1-201-555-0123",
    "tel:7042;phone-context=example.com",
    "tel:*21#",
    "urn:service:sos",
    "http://www.example.com/x?y",
]


@pytest.mark.parametrize("text", ROUND_TRIPS)
def test_what_is_parsed_prints_the_same(text: str) -> None:
    assert str(Uri.parse(text)) == text
    assert Uri.parse(str(Uri.parse(text))) == Uri.parse(text)


def test_the_parts_of_a_sip_uri() -> None:
    uri = Uri.parse("SIP:Alice:pw@Example.COM:5070;Transport=TCP;lr?a=b")
    assert uri == Uri(
        "sip",
        "Alice",
        "example.com",
        5070,
        (("Transport", "TCP"), ("lr", None)),
        (("a", "b"),),
        "pw",
    )
    assert uri.transport == "tcp"
    assert uri.parameter("lr") == ""


def test_an_ipv6_host_has_no_brackets_inside() -> None:
    assert Uri.parse("sip:[2001:DB8::10]:5070").host == "2001:db8::10"
    assert Uri.parse("sip:[2001:db8::10:5070]").port is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sip:",
        "sip",
        "alice@example.com",
        "sip:@example.com",
        "sip:alice@",
        "sip:alice@exa mple.com",
        "sip:alice@example.com; lr",
        "sip:alice@example.com:0",
        "sip:alice@example.com:65536",
        "sip:alice@example.com:",
        "sip:2001:db8::10",
        "sip:[2001:db8::10",
        "sip:[:::]",
        "sip:[fe80::1%25eth0]",
        "sip:al%ice@example.com",
        "sip:alice@example.com;a=",
        "sip:alice@example.com?a",
        "sip:alice@example.com?",
        "<sip:alice@example.com>",
        "sip:alice@example.com\n",
        "sip:alice@example.com:٥٠٦٠",
        "tel:",
        "tel:abc xyz",
        "tel:+12x",
    ],
)
def test_what_is_no_uri(text: str) -> None:
    with pytest.raises(RemoteError) as caught:
        Uri.parse(text)
    assert caught.value.status == 400


# The examples of RFC 3261 §19.1.4.
@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sip:%61lice@atlanta.com;transport=TCP", "sip:alice@AtLanTa.CoM;Transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;security=on"),
        (
            "sip:biloxi.com;transport=tcp;method=REGISTER?to=sip:bob%40biloxi.com",
            "sip:biloxi.com;method=REGISTER;transport=tcp?to=sip:bob%40biloxi.com",
        ),
        (
            "sip:alice@atlanta.com?subject=project%20x&priority=urgent",
            "sip:alice@atlanta.com?priority=urgent&subject=project%20x",
        ),
        ("sip:a@[2001:db8::1]", "sip:a@[2001:DB8:0::1]"),
        ("tel:+1-201-555-0123", "tel:+1.201.(555)0123"),
        ("tel:7042;ext=1-2;phone-context=a.example", "tel:70.42;phone-context=A.example;ext=12"),
        ("urn:service:sos", "urn:service:sos"),
    ],
)
def test_equivalent(one: str, other: str) -> None:
    assert Uri.parse(one).equivalent(Uri.parse(other))
    assert Uri.parse(other).equivalent(Uri.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("SIP:ALICE@AtLanTa.CoM;Transport=udp", "sip:alice@AtLanTa.CoM;Transport=UDP"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:6000;transport=tcp"),
        ("sip:carol@chicago.com", "sip:carol@chicago.com?Subject=next%20meeting"),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;security=off"),
        ("sip:a@b", "sip:a@b;user=phone"),
        ("sip:a@b", "sip:a@b;maddr=c"),
        ("sip:a@b", "sips:a@b"),
        ("sip:a:p@b", "sip:a@b"),
        ("tel:+1", "tel:1"),
        ("tel:1;phone-context=a", "tel:1;phone-context=b"),
    ],
)
def test_not_equivalent(one: str, other: str) -> None:
    assert not Uri.parse(one).equivalent(Uri.parse(other))
    assert not Uri.parse(other).equivalent(Uri.parse(one))


@pytest.mark.parametrize("text", ["sip:a@b", "sips:a@b", "tel:911", "SIP:b"])
def test_request_uri(text: str) -> None:
    assert parse_request_uri(text) == Uri.parse(text)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("nobodyKnowsThisScheme:totallyopaquecontent", 416),
        ("soap.beep://192.0.2.103:3002", 416),
        ("urn:service:sos", 416),
        ("sip:a@b?Route=%3Csip:c%3E", 400),
        ("sip:a@b; lr", 400),
        ("<sip:a@b>", 400),
        (" sip:a@b ", 400),
        ("tel:x", 400),
        ("", 400),
    ],
)
def test_bad_request_uri(text: str, status: int) -> None:
    with pytest.raises(RemoteError) as caught:
        parse_request_uri(text)
    assert caught.value.status == status


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tel:+1-201-555-0123;ext=5", "+12015550123"),
        ("tel:(020)7946.0958", "02079460958"),
        ("sip:+1-201-555-0123@example.com;user=phone", "+12015550123"),
        ("sip:%2B12015550123@example.com", "+12015550123"),
        ("sip:+12015550123;phone-context=x@example.com", "+12015550123"),
        ("sip:example.com", ""),
        ("+1 (201) 555-0123", "+12015550123"),
        ("*21#", "*21#"),
    ],
)
def test_number(text: str, expected: str) -> None:
    assert number(text) == expected


def test_number_of_a_parsed_uri() -> None:
    assert number(Uri.parse("tel:+1-201")) == "+1201"
