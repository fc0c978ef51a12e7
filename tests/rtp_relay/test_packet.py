from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp_relay import packet
from tests.rtp_relay.packets import rtcp, rtp


def test_rtp_and_rtcp_are_told_apart() -> None:
    assert packet.is_rtp(rtp(1)) and not packet.is_rtcp(rtp(1))
    assert packet.is_rtcp(rtcp()) and not packet.is_rtp(rtcp())


@pytest.mark.parametrize("second", range(256))
def test_the_second_octet_decides(second: int) -> None:
    made = bytes([0x80, second]) + bytes(10)
    assert packet.is_rtcp(made) is (192 <= second <= 223)
    assert packet.is_rtp(made) is not packet.is_rtcp(made)


@pytest.mark.parametrize("first", [0x00, 0x40, 0xC0, 0x16, 0x7F])
def test_another_version_is_neither(first: int) -> None:
    made = bytes([first, 0]) + bytes(20)
    assert not packet.is_version_2(made)
    assert not packet.is_rtp(made)
    assert not packet.is_rtcp(made)


@given(st.binary(max_size=40))
def test_any_octets_can_be_asked_about(octets: bytes) -> None:
    for asked in (octets, memoryview(octets)):
        assert not (packet.is_rtp(asked) and packet.is_rtcp(asked))
        if packet.is_rtp(asked):
            assert packet.is_version_2(asked)
            sequence, ssrc = packet.sequence_and_ssrc(asked)
            assert sequence == int.from_bytes(octets[packet.SEQUENCE_AT : packet.SEQUENCE_AT + 2])
            assert ssrc == int.from_bytes(octets[packet.SSRC_AT : packet.SSRC_AT + 4])


def test_static_clock_rates_are_those_of_rfc_3551() -> None:
    assert packet.STATIC_CLOCK_RATES[31] == 90000  # H.261
    assert 0 not in packet.STATIC_CLOCK_RATES  # PCMU has the default
    assert 9 not in packet.STATIC_CLOCK_RATES  # G722: 8000, "due to an error in RFC 1890"
