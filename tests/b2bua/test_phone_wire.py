"""b2bua.phone.wire: headers as they stand in a message."""

from __future__ import annotations

import pytest

from b2bua.phone import wire

MESSAGE = (
    "CANCEL sip:ana@127.0.0.1 SIP/2.0\r\n"
    "Via: SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1\r\n"
    "From:  Sales <sip:100@host>;tag=1\r\n"
    "Subject: one\r\n  and two\r\n"
    "Reason : SIP;cause=200\r\n"
    "reason: Q.850;cause=26\r\n"
    "\r\n"
    "Reason: in the body\r\n"
)


def test_headers_come_in_their_order_without_the_body() -> None:
    assert wire.headers(MESSAGE) == [
        ("Via", "SIP/2.0/UDP 127.0.0.1:5060;branch=z9hG4bK1"),
        ("From", "Sales <sip:100@host>;tag=1"),
        ("Subject", "one and two"),
        ("Reason", "SIP;cause=200"),
        ("reason", "Q.850;cause=26"),
    ]


def test_values_are_found_in_any_case() -> None:
    assert wire.values(wire.headers(MESSAGE), "REASON") == ["SIP;cause=200", "Q.850;cause=26"]
    assert wire.value(wire.headers(MESSAGE), "via").startswith("SIP/2.0/UDP")
    assert wire.value(wire.headers(MESSAGE), "Route") == ""


def test_nothing_comes_of_nothing() -> None:
    assert wire.headers("") == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ('"Ana \\"A\\" <x>" <sip:ana@host>;tag=1', ('Ana "A" <x>', "sip:ana@host")),
        ("Sales line <sip:100@host>", ("Sales line", "sip:100@host")),
        ("<sip:100@host;user=phone>;tag=2", ("", "sip:100@host;user=phone")),
        ("sip:100@host;tag=3", ("", "sip:100@host")),
        ("", ("", "")),
    ],
)
def test_a_name_and_a_uri(address: str, expected: tuple[str, str]) -> None:
    assert wire.name_and_uri(address) == expected
