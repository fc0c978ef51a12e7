"""One endpoint by itself; what it does in a call is in conformance/."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rtp_relay.control import Direct
from rtp_relay.endpoint import Endpoint, hosts
from rtp_relay.forms.memory import MemoryForm
from rtp_relay.ports import PortPool
from rtp_relay.source import Address
from tests.rtp_relay.packets import rtcp, rtp

FAR: Address = ("192.0.2.9", 4000)
STRANGER: Address = ("203.0.113.9", 4000)


def endpoint(**direct: Any) -> Endpoint:
    pool = PortPool(MemoryForm(), "127.0.0.1", 20000, 20001)
    made = Endpoint(3, 1, pool.lend(0.0), 10.0, lambda one: one.aim())
    what: dict[str, Any] = {"address": "192.0.2.9", "port": 4000, "rtcp_port": 4001}
    made.direct(Direct("call", 3, 1, **(what | direct)), False, 10.0)
    return made


def test_exits_point_at_the_stated_addresses() -> None:
    made = endpoint()
    assert (made.exit.port.number, made.exit.address) == (20000, FAR)
    assert (made.rtcp_exit.port.number, made.rtcp_exit.address) == (20001, ("192.0.2.9", 4001))


def test_with_mux_rtcp_leaves_where_rtp_does() -> None:
    made = endpoint(mux=True)
    assert (made.rtcp_exit.port.number, made.rtcp_exit.address) == (20000, FAR)
    made.direct(Direct("call", 3, 1, "192.0.2.9", 4000, 4001, mux=False), False, 11.0)
    assert (made.rtcp_exit.port.number, made.rtcp_exit.address) == (20001, ("192.0.2.9", 4001))


def test_a_far_end_without_rtcp_gets_none() -> None:
    assert endpoint(rtcp_port=0).rtcp_exit.address is None


def test_rtcp_may_come_first_on_a_port_shared_with_rtp() -> None:
    made = endpoint(mux=True)
    made.receive_rtp(rtcp(), FAR, 11.0)
    assert (made.rtcp_packets, made.stream.strangers, made.last_heard) == (1, 0, 11.0)
    assert made.latch.passing is None


def test_figures_before_anything() -> None:
    figures = endpoint().figures(0.0)
    assert (figures.leg, figures.medium, figures.far) == (3, 1, "")
    assert (figures.packets, figures.lost, figures.first_packet, figures.last_packet) == (0, 0, -1.0, -1.0)


def test_times_are_told_since_the_endpoint_was_lent() -> None:
    made = endpoint()
    made.receive_rtp(rtp(1), FAR, 12.5)
    made.receive_rtp(rtp(2), FAR, 14.0)
    figures = made.figures(0.0)
    assert (figures.first_packet, figures.last_packet, figures.longest_gap) == (2.5, 4.0, 1.5)


def test_hosts_are_compared_as_the_socket_writes_them() -> None:
    assert hosts(("2001:DB8::0:1", "192.0.2.1", "phone.example")) == (
        "2001:db8::1", "192.0.2.1", "phone.example",
    )  # fmt: skip


def test_before_a_far_end_is_named_nobody_is_a_stranger() -> None:
    pool = PortPool(MemoryForm(), "127.0.0.1", 20000, 20001)
    made = Endpoint(3, 1, pool.lend(0.0), 10.0, lambda one: one.aim())
    assert made.receive_rtp(rtp(1), FAR, 10.0) is None
    assert made.receive_rtcp(rtcp(), FAR, 10.0) is None
    assert made.stream.strangers == 0
    made.direct(Direct("call", 3, 1, "192.0.2.9", 4000, 4001, latch=False), False, 11.0)
    made.receive_rtp(rtp(2), STRANGER, 12.0)
    made.receive_rtcp(rtcp(), STRANGER, 12.0)
    assert made.stream.strangers == 2


def test_it_prints_itself() -> None:
    assert "3.1 port 20000" in repr(endpoint())


@pytest.mark.parametrize("latch", [True, False])
@settings(deadline=None)
@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.binary(max_size=30)), max_size=30))
def test_no_octets_break_it_and_every_packet_is_counted_once(
    latch: bool, packets: list[tuple[bool, bool, bytes]]
) -> None:
    made = endpoint(latch=latch)
    for at, (is_far, is_rtcp, octets) in enumerate(packets):
        receive = made.receive_rtcp if is_rtcp else made.receive_rtp
        assert receive(octets, FAR if is_far else STRANGER, 10.0 + at) is None  # not bridged
    counted = made.stream.packets + made.rtcp_packets + made.stream.strangers + made.malformed
    assert counted == len(packets)
