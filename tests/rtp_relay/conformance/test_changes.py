"""What a re-INVITE changes while media flows: hold, codec, address, who is on the other side."""

from __future__ import annotations

import pytest

from rtp_relay.control import Bridge
from tests.rtp_relay.conformance.rig import Party, Rig
from tests.rtp_relay.packets import rtp


def heard(party: Party) -> list[bytes]:
    return [packet for packet, _ in party.received()]


def flow(rig: Rig, party: Party, port: int, first: int, count: int = 5, ssrc: int = 1, kind: int = 0) -> list[bytes]:
    """Some packets in a row, 20 ms apart; the form is turned once, after the first."""
    packets = [rtp(sequence, ssrc=ssrc, payload_type=kind) for sequence in range(first, first + count)]
    for number, packet in enumerate(packets):
        party.send(packet, port)
        if number == 0:
            rig.run()
        rig.now += 0.02
    rig.run()
    return packets


def test_hold_stops_one_direction_and_resume_brings_it_back(rig: Rig) -> None:
    """a=sendonly of leg 1: what it plays is heard, what it is not to get does not come."""
    a, b, ports = rig.call()
    assert flow(rig, a, ports[0], 1) == heard(b)
    rig.do(Bridge("call", 0, 1, a_to_b=False, b_to_a=True))
    flow(rig, a, ports[0], 6)
    music = flow(rig, b, ports[1], 1, ssrc=2)
    assert (heard(a), heard(b)) == (music, [])
    rig.do(Bridge("call", 0, 1))
    again = flow(rig, a, ports[0], 11)
    assert heard(b) == again
    assert (rig.figures(0).packets, rig.figures(0).lost, rig.figures(1).sent_packets) == (15, 0, 10)


def test_hold_of_both_lets_nothing_pass(rig: Rig) -> None:
    a, b, ports = rig.call()
    flow(rig, a, ports[0], 1)
    flow(rig, b, ports[1], 1, ssrc=2)
    heard(a), heard(b)
    rig.do(Bridge("call", 0, 1, a_to_b=False, b_to_a=False))
    flow(rig, a, ports[0], 6)
    flow(rig, b, ports[1], 6, ssrc=2)
    assert heard(a) == heard(b) == []
    rig.do(Bridge("call", 0, 1))
    assert flow(rig, a, ports[0], 11) == heard(b)
    assert flow(rig, b, ports[1], 11, ssrc=2) == heard(a)


def test_strangers_stay_strangers_while_a_call_is_on_hold(rig: Rig) -> None:
    a, b, ports = rig.call()
    flow(rig, b, ports[1], 1)
    heard(a)
    rig.direct(1, b, due=False, latch=False)
    stranger = rig.party(rig.elsewhere)
    flow(rig, stranger, ports[1], 6, count=20)
    rig.direct(1, b, latch=False)
    flow(rig, stranger, ports[1], 26, count=20)
    flow(rig, a, ports[0], 1)
    assert (heard(a), stranger.received()) == ([], [])
    assert len(heard(b)) == 5
    assert rig.figures(1).strangers == 40


@pytest.mark.parametrize("is_announced", [True, False])
def test_another_codec_passes_from_its_first_packet_on(rig: Rig, is_announced: bool) -> None:
    """By a re-INVITE, or without a word: both kinds were in the answer."""
    a, b, ports = rig.call(clock_rates=((111, 48000),))
    speech = flow(rig, a, ports[0], 1)
    if is_announced:
        rig.direct(0, a, clock_rates=((111, 48000), (96, 90000)), latch=False)
    opus = flow(rig, a, ports[0], 6, kind=111)
    back = flow(rig, a, ports[0], 11)
    assert heard(b) == [*speech, *opus, *back]
    figures = rig.figures(0)
    assert (figures.packets, figures.lost, figures.payload_type, figures.ssrc) == (15, 0, 0, 1)


def test_the_jitter_goes_by_the_clock_of_the_codec_that_is_spoken_now(rig: Rig) -> None:
    a, _b, ports = rig.call()
    flow(rig, a, ports[0], 1)
    rig.direct(0, a, clock_rates=((111, 48000),), latch=False)
    for sequence in range(6, 60):
        rig.send(a, rtp(sequence, ssrc=1, payload_type=111, timestamp=960 * sequence), ports[0])
        rig.now += 0.02
    assert rig.figures(0).jitter < 0.5


def test_a_transfer_brings_another_voice(rig: Rig) -> None:
    """The other side's far end is exchanged: new address, new SSRC, sequence numbers from anywhere."""
    a, b, ports = rig.call()
    first = flow(rig, b, ports[1], 1, ssrc=2)
    flow(rig, a, ports[0], 1)
    heard(b)
    other = rig.party()
    rig.direct(1, other, latch=False)
    second = flow(rig, other, ports[1], 40000, ssrc=3)
    assert heard(a) == [*first, *second]
    assert flow(rig, a, ports[0], 6) == heard(other)
    flow(rig, b, ports[1], 6, ssrc=2)
    assert heard(a) == heard(b) == []
    assert rig.figures(1).strangers == 5


def test_the_same_said_again_costs_no_packet(rig: Rig) -> None:
    """A session refresh: re-INVITEs that change nothing, in the middle of a stream."""
    a, b, ports = rig.call(latch=True)
    sent: list[bytes] = []
    for number in range(20):
        sent += flow(rig, a, ports[0], 1 + 5 * number)
        for leg, party in ((0, a), (1, b)):
            rig.direct(leg, party, latch=True, relatch=number % 2 == 0)
    came = heard(b)
    assert came == sent
    assert (rig.figures(0).packets, rig.figures(0).lost, rig.figures(0).strangers) == (100, 0, 0)


def test_a_leg_that_comes_back_to_its_first_partner(rig: Rig) -> None:
    """Consultation: the caller talks to one, to another, to the first again; nobody overhears."""
    ports = rig.reserve(legs=3)
    caller, first, second = parties = [rig.party() for _ in range(3)]
    for leg, party in enumerate(parties):
        rig.direct(leg, party, latch=False)
    rig.do(Bridge("call", 0, 1))
    one = flow(rig, caller, ports[0], 1)
    rig.do(Bridge("call", 0, 2))
    two = flow(rig, caller, ports[0], 6)
    flow(rig, first, ports[1], 1, ssrc=2)
    rig.do(Bridge("call", 0, 1))
    three = flow(rig, caller, ports[0], 11)
    flow(rig, second, ports[2], 1, ssrc=3)
    assert (heard(first), heard(second), heard(caller)) == ([*one, *three], two, [])
