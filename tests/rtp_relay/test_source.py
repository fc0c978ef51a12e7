from __future__ import annotations

import pytest

from rtp_relay.source import address_of, stated_address, text_of


def test_addresses_have_the_form_that_sockets_tell() -> None:
    assert stated_address("192.0.2.1", 4000, False) == ("192.0.2.1", 4000)
    assert stated_address("2001:DB8:0::1", 4000, True) == ("2001:db8::1", 4000, 0, 0)
    assert address_of("::1", 5) == ("::1", 5, 0, 0)


@pytest.mark.parametrize(
    ("host", "port", "version_6"),
    [
        ("phone.example", 4000, False),
        ("", 4000, False),
        ("0.0.0.0", 4000, False),
        ("::", 4000, True),
        ("224.0.0.251", 4000, False),
        ("ff02::1", 4000, True),
        ("255.255.255.255", 4000, False),
        ("192.0.2.1", 0, False),
        ("192.0.2.1", 65536, False),
        ("192.0.2.1", -1, False),
        ("192.0.2.1", 4000, True),
        ("2001:db8::1", 4000, False),
        ("192.0.2.01", 4000, False),
    ],
)
def test_where_media_cannot_go_there_is_no_address(host: str, port: int, version_6: bool) -> None:
    assert stated_address(host, port, version_6) is None


def test_text() -> None:
    assert text_of(None) == ""
    assert text_of(("192.0.2.1", 4000)) == "192.0.2.1:4000"
    assert text_of(("2001:db8::1", 4000, 0, 0)) == "[2001:db8::1]:4000"
