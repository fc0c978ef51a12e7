"""The figures of a stream that was made by hand."""

from __future__ import annotations

import itertools

import pytest

from rtp_relay.source import text_of
from tests.rtp_relay.conformance.rig import Party, Rig
from tests.rtp_relay.packets import rtp

# Sequence number and arrival (ms) of a G.711 stream: 4 is lost, 6 and 7 change places, 8 comes twice, and
# there is a silence of 300 ms in the end.
STREAM = ((1, 0), (2, 20), (3, 45), (5, 80), (7, 120), (6, 125), (8, 140), (8, 141), (9, 160), (25, 460))


def play(rig: Rig, party: Party, port: int) -> None:
    began = rig.now
    for sequence, at in STREAM:
        rig.now = began + at / 1000.0
        rig.send(party, rtp(sequence, ssrc=0xCAFE), port)


def jitter_by_hand() -> float:
    """RFC 3550 A.8 over the same stream, in ms; packets of one timestamp in a row leave it alone."""
    jitter = 0.0
    for (before, sent), (sequence, at) in itertools.pairwise(STREAM):
        if sequence != before:
            difference = (at - sent) - (sequence - before) * 20
            jitter += (abs(difference) - jitter) / 16
    return jitter


def test_figures_of_a_lossy_reordered_stream(rig: Rig) -> None:
    a, _b, ports = rig.call()
    rig.now += 2.0
    play(rig, a, ports[0])
    figures = rig.figures(0)
    assert figures.packets == len(STREAM)
    assert figures.octets == len(STREAM) * 172
    assert figures.lost == 25 - len(STREAM)
    assert figures.jitter == pytest.approx(jitter_by_hand(), abs=0.002)
    assert figures.ssrc == 0xCAFE
    assert figures.payload_type == 0
    assert figures.first_packet == pytest.approx(2.0)
    assert figures.last_packet == pytest.approx(2.46)
    assert figures.longest_gap == pytest.approx(0.3)
    assert figures.far == text_of((a.host, a.port))
    other = rig.figures(1)
    assert (other.packets, other.sent_packets, other.sent_octets) == (0, 10, 1720)
    assert (other.first_packet, other.last_packet, other.far) == (-1.0, -1.0, "")


def test_the_clock_of_a_dynamic_payload_type_is_taken_from_the_signalling(rig: Rig) -> None:
    a, _b, ports = rig.call(clock_rates=((111, 48000),))
    for sequence in range(1, 20):
        rig.send(a, rtp(sequence, payload_type=111, timestamp=sequence * 960), ports[0])
        rig.now += 0.02
    assert rig.figures(0).jitter == pytest.approx(0.0, abs=0.01)


def test_release_brings_the_same_figures_as_query(rig: Rig) -> None:
    a, _b, ports = rig.call()
    play(rig, a, ports[0])
    query = (rig.figures(0), rig.figures(1))
    assert rig.release() == query


def test_what_is_dropped_is_received_but_not_sent(rig: Rig) -> None:
    ports = rig.reserve()
    a, b = rig.party(), rig.party()
    rig.direct(0, a, latch=False)
    rig.direct(1, b, latch=False)
    play(rig, a, ports[0])
    assert rig.figures(0).packets == len(STREAM)
    assert rig.figures(1).sent_packets == 0
