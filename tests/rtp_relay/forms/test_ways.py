"""Which next hop leads where, and that the table says so."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bench import namespaces
from rtp_relay.bpf.maps import NextHopTable
from rtp_relay.bpf.netlink import Neighbour
from rtp_relay.forms.ways import Way, Ways
from tests.rtp_relay.conformance.rig import hindrance, the_wire

HERE, FAR, ELSEWHERE = (hosts[False] for hosts in (namespaces.RELAY, namespaces.FAR, namespaces.ELSEWHERE))


@pytest.fixture
def table() -> Iterator[NextHopTable]:
    if hindrance("tc on a wire"):
        pytest.skip(hindrance("tc on a wire"))
    with the_wire().inside(the_wire().relay):
        made = NextHopTable()
        yield made
        made.close()


@pytest.fixture
def ways(table: NextHopTable) -> Iterator[Ways]:
    made = Ways(table, {})
    yield made
    made.let_age()
    made.close()


def test_a_far_end_on_the_wire_is_its_own_next_hop(ways: Ways, table: NextHopTable) -> None:
    assert ways.way(FAR, HERE) == Way(0, 1500, False)
    assert ways.way(ELSEWHERE, HERE) == Way(1, 1500, False)
    assert ways.way(FAR, HERE) == Way(0, 1500, False)
    hops = table.known()
    assert [hops[number].host for number in (0, 1)] == [FAR, ELSEWHERE]
    assert hops[0].is_usable
    assert (len(hops[0].destination_mac), hops[0].is_watched) == (6, True)


def test_this_host_is_reached_by_the_loopback(ways: Ways, table: NextHopTable) -> None:
    assert ways.is_local(HERE)
    assert not ways.is_local(FAR)
    way = ways.way(HERE, HERE)
    assert way is not None
    assert way.is_local
    assert table.known()[way.number].host == ""


def test_where_no_way_leads_there_is_none(ways: Ways, table: NextHopTable) -> None:
    assert ways.way("198.51.100.1", HERE) is None
    assert table.known() == {}


def test_one_write_repairs_a_next_hop(ways: Ways, table: NextHopTable) -> None:
    ways.way(FAR, HERE)
    interface = table.known()[0].interface
    ways.take(Neighbour(interface, FAR, b"\2\0\0\0\0\5", False))
    assert table.known()[0].destination_mac == b"\2\0\0\0\0\5"
    ways.take(Neighbour(interface, FAR, b"", False))
    assert not table.known()[0].is_usable
    ways.take(Neighbour(interface, "10.77.0.200", b"\2\0\0\0\0\6", False))
    assert len(table.known()) == 1
    ways.ask_again()
    assert table.known()[0].is_usable


def test_numbers_are_what_they_were_for_who_takes_the_table_up(ways: Ways, table: NextHopTable) -> None:
    for host in (ELSEWHERE, FAR, HERE):
        ways.way(host, HERE)
    before = table.known()
    another = Ways(table, {})
    another.adopt()
    assert table.known() == before
    assert [another.way(host, HERE) for host in (FAR, HERE)] == [ways.way(host, HERE) for host in (FAR, HERE)]
    another.close()
