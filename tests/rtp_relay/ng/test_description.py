from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp_relay.control import Direct
from rtp_relay.errors import ControlError
from rtp_relay.ng import description
from rtp_relay.ng.description import End


def direct(**changes: object) -> Direct:
    return Direct(**{  # type: ignore[arg-type]
        "call": "c", "leg": 0, "medium": 0, "address": "192.0.2.7", "port": 4000, "rtcp_port": 4001, **changes,
    })  # fmt: skip


def ends(*media: Direct | None) -> list[End]:
    return description.read(description.write(media, False))


def test_a_far_end_is_described_by_its_address_and_port() -> None:
    assert ends(direct()) == [End("192.0.2.7", 4000, 4001)]


def test_rtcp_elsewhere_is_said() -> None:
    assert "a=rtcp:" not in description.write([direct()], False)
    assert ends(direct(rtcp_port=5000)) == [End("192.0.2.7", 4000, 5000)]


def test_rtcp_on_the_same_port_is_said() -> None:
    assert "a=rtcp-mux\r\n" in description.write([direct(mux=True, rtcp_port=4000)], False)


@pytest.mark.parametrize("placed", [None, direct(port=0), direct(address="0.0.0.0"), direct(address="")])
def test_who_is_not_known_is_at_the_discard_port_of_the_loopback(placed: Direct | None) -> None:
    assert ends(placed) == [End("127.0.0.1", 9, 10)]
    assert description.read(description.write([placed], True)) == [End("::1", 9, 10)]


def test_fax_is_described_as_fax() -> None:
    text = description.write([direct(kind="udptl")], False)
    assert "m=image 4000 udptl t38\r\n" in text
    assert "rtpmap" not in text


def test_every_medium_has_its_own_address() -> None:
    assert ends(direct(), direct(medium=1, address="2001:db8::7", port=6000, rtcp_port=6001)) == [
        End("192.0.2.7", 4000, 4001),
        End("2001:db8::7", 6000, 6001),
    ]


def test_unusual_rates_are_named() -> None:
    assert "a=rtpmap:111 unnamed-111/48000\r\n" in description.write([direct()], False, [(111, 48000)])
    assert "a=rtpmap:101 telephone-event/16000\r\n" in description.write([direct()], False, [(101, 16000)])


def test_what_rtpengine_says() -> None:
    text = (
        "v=0\r\no=- 1 1 IN IP4 10.0.0.1\r\ns=-\r\nc=IN IP4 198.51.100.4\r\nt=0 0\r\n"
        "m=audio 41000 RTP/AVP 0\r\na=sendrecv\r\na=rtcp:41001 IN IP4 198.51.100.4\r\n"
        "m=video 0 RTP/AVP 96\r\nm=image 41008 udptl t38\r\nc=IN IP4 198.51.100.5\r\n"
    )
    assert description.read(text) == [
        End("198.51.100.4", 41000, 41001),
        End("198.51.100.4", 0, 1),
        End("198.51.100.5", 41008, 41009),
    ]


@pytest.mark.parametrize("text", ["m=audio 4000 RTP/AVP 0\r\n", "c=IN IP4 a\r\nm=audio x RTP/AVP 0\r\n",
                                  "c=IN IP4 a\r\nm=audio 99999 RTP/AVP 0\r\n"])  # fmt: skip
def test_what_is_no_description(text: str) -> None:
    with pytest.raises(ControlError):
        description.read(text)


@given(st.text())
def test_rubbish_is_refused_and_nothing_else_happens(text: str) -> None:
    try:
        description.read(text)
    except ControlError:
        pass
