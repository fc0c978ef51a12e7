"""What is told of how media fared: drops with their reasons, far ends' reports, round trips, what was owed."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from rtp_relay.control import Bridge, LegRequest, Listen, Measure, Measures, Reserve, Reserved
from tests.rtp_relay.conformance.rig import Party, Rig
from tests.rtp_relay.packets import receiver_report, report_block, rtcp, rtp, sender_report


def drops(rig: Rig, leg: int = 0) -> dict[str, int]:
    return dict(rig.figures(leg).drops)


# Drops.


def test_packets_that_nobody_is_there_for_are_told_with_their_reasons(rig: Rig) -> None:
    ports = rig.reserve()
    a, b = rig.party(), rig.party()
    rig.send(a, rtp(1), ports[0])
    rig.direct(0, a, latch=False)
    rig.send(a, rtp(2), ports[0])
    rig.do(Bridge("call", 0, 1, a_to_b=False))
    rig.send(a, rtp(3), ports[0])
    rig.do(Bridge("call", 0, 1))
    rig.send(a, rtp(4), ports[0])
    rig.send(a, rtp(5), ports[0])
    rig.direct(1, b, latch=False)
    rig.send(a, rtp(6), ports[0])
    rig.send(rig.party(), rtp(7), ports[0])
    rig.send(a, b"rubbish", ports[0])
    assert drops(rig) == {"too early": 1, "not joined": 1, "direction closed": 1, "no far end": 2}
    figures = rig.figures(0)
    assert (figures.packets, figures.strangers, figures.malformed) == (5, 1, 1)
    assert [packet for packet, _ in b.received()] == [rtp(6)]
    assert drops(rig, 1) == {}


def test_hold_is_the_reason_while_the_other_side_is_on_hold(rig: Rig) -> None:
    a, b, ports = rig.call()
    rig.send(a, rtp(1), ports[0])
    rig.direct(1, b, address="0.0.0.0", due=False, latch=False)
    for sequence in (2, 3, 4):
        rig.send(a, rtp(sequence), ports[0])
    rig.direct(1, b, latch=False)
    rig.send(a, rtp(5), ports[0])
    assert drops(rig) == {"no far end": 3}
    assert rig.figures(1).sent_packets == 2


def test_audio_is_not_for_a_fax_machine(rig: Rig) -> None:
    a, b, ports = rig.call()
    rig.send(a, rtp(1), ports[0])
    rig.direct(1, b, kind="udptl", latch=False)
    rig.send(a, rtp(2), ports[0])
    assert drops(rig) == {"other kind": 1}


def test_digits_that_are_kept_are_told_as_such(rig: Rig) -> None:
    a, b, ports = rig.call()
    rig.do(Listen("call", 0, (101,), forward=False))
    for sequence, kind in ((1, 0), (2, 101), (3, 101), (4, 0)):
        rig.send(a, rtp(sequence, payload_type=kind, size=4), ports[0])
    assert drops(rig) == {"digit kept": 2}
    assert len(b.received()) == 2


def test_what_cannot_be_sent_is_told_on_the_side_that_does_not_get_it(rig: Rig) -> None:
    a, _b, ports = rig.call()
    rig.send(a, rtp(1), ports[0])
    exit = rig.relay._calls["call"].legs[1].endpoints[0].exit
    exit.fail(BlockingIOError(11, "try again"))
    exit.fail(OSError(105, "no buffer space"))
    exit.fail(OSError(101, "network is unreachable"))
    assert drops(rig, 1) == {"queue full": 2, "not sent": 1}
    assert drops(rig, 0) == {}


# Reports.


def joined(rig: Rig, mux: bool) -> tuple[tuple[Party, Party], tuple[Party, Party], dict[object, int], int]:
    """RTP and RTCP of both sides, the relay's ports, and how far above RTP its RTCP is."""
    ports = rig.reserve()
    a, b = ((one, one) for one in (rig.party(), rig.party())) if mux else (rig.rtp_and_rtcp(), rig.rtp_and_rtcp())
    for leg, far in ((0, a), (1, b)):
        rig.direct(leg, far[0], mux=mux, rtcp_port=far[1].port, latch=False)
    rig.do(Bridge("call", 0, 1))
    return a, b, ports, 0 if mux else 1


@pytest.mark.parametrize("mux", [False, True], ids=["two ports", "mux"])
def test_the_round_trip_to_each_far_end_is_measured_from_reports_that_pass(rig: Rig, mux: bool) -> None:
    (a, a_rtcp), (b, b_rtcp), ports, above = joined(rig, mux)
    rig.send(a, rtp(1, ssrc=1), ports[0])
    rig.send(b, rtp(1, ssrc=2), ports[1])
    b.received()
    rig.send(a_rtcp, sender_report(1, 0x1111), ports[0] + above)
    assert b_rtcp.received()[-1][0] == sender_report(1, 0x1111)  # as it came, with nothing changed
    rig.now += 2.030
    lost = report_block(1, lost=4, jitter=40, last_report=0x1111, delay=2.0)
    rig.send(b_rtcp, sender_report(2, 0x2222, lost), ports[1] + above)
    rig.now += 1.008
    rig.send(a_rtcp, receiver_report(1, report_block(2, jitter=16, last_report=0x2222, delay=1.0)), ports[0] + above)
    near, far = rig.figures(0), rig.figures(1)
    assert far.round_trip == pytest.approx(30.0, abs=0.1)
    assert near.round_trip == pytest.approx(8.0, abs=0.1)
    assert (far.reports, far.reported_lost) == (1, 4) and far.reported_jitter == pytest.approx(5.0)
    assert (near.reports, near.reported_lost) == (1, 0) and near.reported_jitter == pytest.approx(2.0)


def test_a_report_of_a_source_that_is_not_being_sent_says_nothing(rig: Rig) -> None:
    (a, _), (_, b_rtcp), ports, _ = joined(rig, mux=False)
    rig.send(b_rtcp, receiver_report(2, report_block(0, lost=9)), ports[1] + 1)  # nothing has come from a yet
    rig.send(a, rtp(1, ssrc=1), ports[0])
    rig.send(b_rtcp, receiver_report(2, report_block(99, lost=9)), ports[1] + 1)
    figures = rig.figures(1)
    assert (figures.rtcp_packets, figures.reports, figures.reported_lost) == (2, 0, 0)
    assert (figures.reported_jitter, figures.round_trip) == (-1.0, -1.0)


def test_a_strangers_report_is_not_read(rig: Rig) -> None:
    (a, _), _, ports, _ = joined(rig, mux=False)
    rig.send(a, rtp(1, ssrc=1), ports[0])
    rig.send(rig.party(rig.elsewhere), receiver_report(2, report_block(1, lost=9)), ports[1] + 1)
    assert rig.figures(1).reports == 0


def test_the_clock_of_the_codec_turns_reported_jitter_into_time(rig: Rig) -> None:
    (a, _), (_, b_rtcp), ports, _ = joined(rig, mux=False)
    rig.direct(0, a, clock_rates=((111, 48000),), latch=False)
    rig.send(a, rtp(1, ssrc=1, payload_type=111), ports[0])
    rig.send(b_rtcp, receiver_report(2, report_block(1, jitter=480)), ports[1] + 1)
    assert rig.figures(1).reported_jitter == pytest.approx(10.0)


# What is owed.


def test_it_is_told_for_how_long_packets_were_due_and_for_how_long_none_came(rig: Rig) -> None:
    a, _b, ports = rig.call()
    for sequence in range(1, 11):
        rig.send(a, rtp(sequence), ports[0])
        rig.now += 1.0
    said, mute = rig.figures(0), rig.figures(1)
    assert (said.owed, said.silent, said.heard_by) == (10.0, 1.0, 1)
    assert (mute.owed, mute.silent, mute.heard_by, mute.packets) == (10.0, 10.0, 0, 0)


def test_hold_and_a_closed_direction_owe_nothing(rig: Rig) -> None:
    a, _b, ports = rig.call()
    rig.send(a, rtp(1), ports[0])
    rig.now += 4.0
    rig.direct(0, a, due=False, latch=False)
    rig.now += 100.0
    assert (rig.figures(0).owed, rig.figures(0).silent) == (4.0, 4.0)
    rig.direct(0, a, latch=False)
    rig.now += 3.0
    rig.do(Bridge("call", 0, 1, a_to_b=False))
    rig.now += 50.0
    assert (rig.figures(0).owed, rig.figures(1).owed) == (7.0, 157.0)
    assert rig.figures(0).silent == 3.0


def test_at_the_end_it_is_told_as_it_was_at_the_end(rig: Rig) -> None:
    a, _b, ports = rig.call()
    rig.send(a, rtp(1), ports[0])
    rig.now += 30.0
    assert [(one.owed, one.silent) for one in rig.release()] == [(30.0, 30.0), (30.0, 30.0)]


def test_who_was_joined_to_nobody_was_heard_by_nobody(rig: Rig) -> None:
    ports = rig.reserve()
    a = rig.party()
    rig.direct(0, a, latch=False)
    rig.send(a, rtp(1), ports[0])
    rig.now += 9.0
    figures = rig.figures(0)
    assert (figures.heard_by, figures.owed, figures.silent) == (-1, 0.0, 0.0)


def test_another_ssrc_is_counted(rig: Rig) -> None:
    a, _b, ports = rig.call()
    for sequence, ssrc in ((1, 1), (2, 1), (1, 2), (2, 2), (3, 1)):
        rig.send(a, rtp(sequence, ssrc=ssrc), ports[0])
    assert rig.figures(0).ssrc_changes == 2


def test_rtcp_of_a_leg_that_is_joined_to_nobody_is_not_kept(rig: Rig) -> None:
    ports = rig.reserve()
    a, a_rtcp = rig.rtp_and_rtcp()
    rig.direct(0, a, latch=False)
    rig.send(a_rtcp, rtcp(), ports[0] + 1)
    assert (rig.figures(0).rtcp_packets, rig.figures(0).reports) == (1, 0)


def test_legs_that_come_later_have_figures_of_their_own(rig: Rig) -> None:
    """A transfer: who hears leg 0 is another one now."""
    a, _b, ports = rig.call()
    rig.send(a, rtp(1), ports[0])
    (event,) = rig.do(Reserve("call", (LegRequest(2),)))
    assert isinstance(event, Reserved)
    c = rig.party()
    rig.direct(2, c, latch=False)
    rig.do(Bridge("call", 0, 2))
    rig.send(a, rtp(2), ports[0])
    assert len(c.received()) == 1
    assert [rig.figures(leg).heard_by for leg in (0, 1, 2)] == [2, 0, 0]


# Metrics.


def measures(rig: Rig) -> Measures:
    (event,) = rig.do(Measure())
    assert isinstance(event, Measures)
    return event


def test_every_packet_is_measured_once_whoever_forwards_it(rig: Rig) -> None:
    a, b, ports = rig.call()
    before = measures(rig)
    for sequence in range(1, 31):
        a.send(rtp(sequence), ports[0])
        if sequence < 10:
            rig.run()
    rig.run()
    rig.send(rig.party(rig.elsewhere), rtp(1), ports[0])
    assert len(b.received()) == 30
    after = measures(rig)
    assert (after.form, after.calls, after.ports_lent) == (rig.form.name, 1, 2)
    if rig.form.name == "memory":
        return  # a form that counts nothing
    kernel = after.kernel_packets - before.kernel_packets
    assert after.sent + kernel == 30
    strangers_at_socket = after.packets - after.sent
    assert strangers_at_socket + after.kernel_strangers - before.kernel_strangers == 1
    assert (kernel > 0) == (rig.form.name in ("tc", "xdp"))
    assert (after.flows > 0) == (rig.form.name in ("tc", "xdp"))
    octets = after.octets + after.kernel_octets - before.kernel_octets
    assert octets == 172 * (30 + strangers_at_socket)


def test_what_ended_streams_had_is_measured_when_they_have_ended(rig: Rig) -> None:
    a, _b, ports = rig.call()
    for sequence in (1, 2, 5):
        rig.send(a, rtp(sequence), ports[0])
    rig.send(rig.party(rig.elsewhere), rtp(1), ports[0])
    assert measures(rig).ended_packets == 0
    rig.release()
    after = measures(rig)
    assert (after.ended_packets, after.ended_lost, after.strangers, after.calls, after.flows) == (3, 2, 1, 0, 0)


def test_reserves_that_cannot_be_met_are_counted(make_rig: Callable[..., Rig]) -> None:
    rig = make_rig(pairs=2)
    rig.reserve()
    rig.do(Reserve("another", (LegRequest(0), LegRequest(1))))
    assert measures(rig).refused == 1
