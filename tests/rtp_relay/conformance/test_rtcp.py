"""RTCP beside RTP, on one port with it (RFC 5761), and between the two."""

from __future__ import annotations

from typing import Any

from rtp_relay.control import Bridge
from rtp_relay.latch import QUIET, RUN_LENGTH
from tests.rtp_relay.conformance.rig import Rig
from tests.rtp_relay.packets import rtcp, rtp


def test_rtcp_passes_from_odd_port_to_odd_port(rig: Rig) -> None:
    ports = rig.reserve()
    (a, a_rtcp), (b, b_rtcp) = rig.rtp_and_rtcp(), rig.rtp_and_rtcp()
    rig.direct(0, a, latch=False)
    rig.direct(1, b, latch=False)
    rig.do(Bridge("call", 0, 1))
    rig.send(a_rtcp, rtcp(200), ports[0] + 1)
    rig.send(b_rtcp, rtcp(201), ports[1] + 1)
    assert b_rtcp.received() == [(rtcp(200), ports[1] + 1)]
    assert a_rtcp.received() == [(rtcp(201), ports[0] + 1)]
    assert (rig.figures(0).rtcp_packets, rig.figures(0).packets) == (1, 0)


def test_rtcp_goes_where_it_was_stated_not_to_the_port_above(rig: Rig) -> None:
    ports = rig.reserve()
    a, b, elsewhere = rig.party(), rig.party(), rig.party()
    rig.direct(0, a, mux=True, latch=False)
    rig.direct(1, b, rtcp_port=elsewhere.port, latch=False)
    rig.do(Bridge("call", 0, 1))
    rig.send(a, rtcp(), ports[0])
    assert elsewhere.received() == [(rtcp(), ports[1] + 1)]


def test_rtcp_mux_on_both_sides(rig: Rig) -> None:
    a, b, ports = rig.call(mux=True)
    rig.send(a, rtcp(), ports[0])
    rig.send(a, rtp(1), ports[0])
    assert b.received() == [(rtcp(), ports[1]), (rtp(1), ports[1])]
    assert (rig.figures(0).rtcp_packets, rig.figures(0).packets) == (1, 1)


def test_rtcp_mux_on_one_side_only(rig: Rig) -> None:
    ports = rig.reserve()
    a = rig.party()
    b, b_rtcp = rig.rtp_and_rtcp()
    rig.direct(0, a, mux=True, rtcp_port=a.port, latch=False)
    rig.direct(1, b, latch=False)
    rig.do(Bridge("call", 0, 1))
    rig.send(a, rtcp(200), ports[0])
    rig.send(b_rtcp, rtcp(201), ports[1] + 1)
    assert b.received() == []
    assert b_rtcp.received() == [(rtcp(200), ports[1] + 1)]
    assert a.received() == [(rtcp(201), ports[0])]


def test_every_rtcp_type_is_told_from_rtp_with_a_marker(rig: Rig) -> None:
    a, b, ports = rig.call(mux=True)
    for kind in range(192, 224):
        rig.send(a, rtcp(kind), ports[0])
    for payload_type in (0, 63, 96, 127):
        rig.send(a, rtp(1, payload_type=payload_type, marker=True), ports[0])
    assert len(b.received()) == 36
    assert (rig.figures(0).rtcp_packets, rig.figures(0).packets) == (32, 4)


def test_a_strangers_rtcp_goes_nowhere(rig: Rig) -> None:
    ports = rig.reserve()
    (a, a_rtcp), (b, b_rtcp) = rig.rtp_and_rtcp(), rig.rtp_and_rtcp()
    rig.direct(0, a, latch=True)
    rig.direct(1, b, latch=True)
    rig.do(Bridge("call", 0, 1))
    stranger = rig.party(rig.elsewhere)
    rig.send(stranger, rtcp(), ports[0] + 1)
    rig.send(stranger, rtcp(), ports[0])
    rig.send(a, rtp(1), ports[0])
    rig.send(stranger, rtcp(), ports[0] + 1)
    rig.send(a_rtcp, rtcp(201), ports[0] + 1)
    rig.send(stranger, rtcp(), ports[0] + 1)
    assert b_rtcp.received() == [(rtcp(201), ports[1] + 1)]
    assert stranger.received() == []
    assert rig.figures(0).strangers == 4


def test_rtcp_of_a_phone_behind_nat_is_taken_from_the_host_that_its_rtp_came_from(rig: Rig) -> None:
    rig.need_another_host()
    ports = rig.reserve()
    (a, a_rtcp), (b, b_rtcp) = rig.rtp_and_rtcp(), rig.rtp_and_rtcp()
    rig.direct(0, a, latch=False)
    rig.direct(1, b, **rig.behind_nat, latch=True)
    rig.do(Bridge("call", 0, 1))
    rig.send(b_rtcp, rtcp(), ports[1] + 1)
    assert a_rtcp.received() == []  # its RTP has not come yet
    for sequence in range(RUN_LENGTH):
        rig.send(b, rtp(sequence), ports[1])
    rig.send(rig.party(rig.elsewhere), rtcp(), ports[1] + 1)
    rig.send(a_rtcp, rtcp(), ports[0] + 1)
    assert b_rtcp.received() == []  # where to is not known yet
    rig.send(b_rtcp, rtcp(201), ports[1] + 1)
    rig.send(a_rtcp, rtcp(200), ports[0] + 1)
    assert a_rtcp.received() == [(rtcp(201), ports[0] + 1)]
    assert b_rtcp.received() == [(rtcp(200), ports[1] + 1)]
    rig.send(rig.party(), rtcp(), ports[1] + 1)
    assert a_rtcp.received() == []


def test_when_rtp_moves_rtcp_moves_with_it(rig: Rig) -> None:
    rig.need_another_host()
    ports = rig.reserve()
    (a, a_rtcp), (b, b_rtcp) = rig.rtp_and_rtcp(), rig.rtp_and_rtcp()
    private: dict[str, Any] = rig.behind_nat | {"latch": True}
    rig.direct(0, a, latch=False)
    rig.direct(1, b, **private)
    rig.do(Bridge("call", 0, 1))
    for sequence in range(RUN_LENGTH):
        rig.send(b, rtp(sequence), ports[1])
    rig.send(b_rtcp, rtcp(), ports[1] + 1)
    rig.direct(1, b, **private, relatch=True)
    rig.run(QUIET)
    moved, moved_rtcp = rig.party(rig.elsewhere), rig.party(rig.elsewhere)
    rig.send(b_rtcp, rtcp(), ports[1] + 1)  # heard after the window opened, before RTP moved
    for sequence in range(RUN_LENGTH):
        rig.send(moved, rtp(sequence), ports[1])
    a_rtcp.received()
    rig.send(b_rtcp, rtcp(), ports[1] + 1)
    assert a_rtcp.received() == []
    rig.send(moved_rtcp, rtcp(), ports[1] + 1)
    rig.send(a_rtcp, rtcp(), ports[0] + 1)
    assert len(a_rtcp.received()) == 1
    assert b_rtcp.received() == []
    assert len(moved_rtcp.received()) == 1


def test_rubbish_on_the_rtcp_port_is_dropped_and_counted(rig: Rig) -> None:
    ports = rig.reserve()
    a, a_rtcp = rig.rtp_and_rtcp()
    rig.direct(0, a, latch=False)
    rig.send(a_rtcp, rtcp(), ports[0] + 1)
    rig.send(a_rtcp, rtp(1), ports[0] + 1)
    rig.send(a_rtcp, b"\x80\xc8", ports[0] + 1)
    assert rig.figures(0).malformed == 2
    assert rig.figures(0).packets == 0
