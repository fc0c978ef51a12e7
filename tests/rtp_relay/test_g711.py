"""Octets of G.711 against its definition, and there and back."""

from __future__ import annotations

import pytest

from rtp_relay import g711


@pytest.mark.parametrize(
    ("sample", "octet"), [(0, 0xFF), (-1, 0x7F), (32767, 0x80), (-32768, 0x00), (8, 0xFE)]
)
def test_mu_law(sample: int, octet: int) -> None:
    assert g711.to_mu_law(sample) == octet


@pytest.mark.parametrize(
    ("sample", "octet"), [(0, 0xD5), (-1, 0x55), (32767, 0xAA), (-32768, 0x2A), (16, 0xD4)]
)
def test_a_law(sample: int, octet: int) -> None:
    assert g711.to_a_law(sample) == octet


def test_every_octet_comes_back() -> None:
    for octet in range(256):
        assert g711.to_a_law(g711.of_a_law(octet)) == octet
        if octet != 0x7F:  # the other zero of µ-law
            assert g711.to_mu_law(g711.of_mu_law(octet)) == octet


@pytest.mark.parametrize(("to", "of"), [(g711.to_mu_law, g711.of_mu_law), (g711.to_a_law, g711.of_a_law)])
def test_no_sample_moves_by_more_than_a_step(to: object, of: object) -> None:
    assert callable(to)
    assert callable(of)
    for sample in range(-32000, 32000, 7):
        assert abs(of(to(sample)) - sample) <= max(abs(sample) // 24, 8)


def test_encoded() -> None:
    assert g711.encoded([0, -1, 0], "PCMU") == b"\xff\x7f\xff"
