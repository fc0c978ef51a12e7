"""The ways to far ends: routes and neighbours, asked of the kernel, kept as next hops in the programs' table.

One write in that table repairs every flow that goes the same way. News of a neighbour changes its entry; after news of
anything else all is asked anew.
"""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final, NamedTuple

from rtp_relay.bpf import netlink
from rtp_relay.bpf.layout import NEXT_HOPS
from rtp_relay.bpf.maps import NextHop, NextHopTable

ROUTES_KEPT: Final = 16384

Key = tuple[int, str]  # interface, and the neighbour's address; "" at the loopback


class Way(NamedTuple):
    """size_limit: octets of an IP packet that may go there."""

    number: int  # of the next hop
    size_limit: int
    is_local: bool


class Ways:
    """What is known, in one network namespace. slots: of interfaces in the device map. Raises OSError."""

    def __init__(self, table: NextHopTable, slots: dict[int, int]) -> None:
        self._table = table
        self._slots = slots
        self._asking = netlink.Asking()
        with ExitStack() as undone:
            undone.callback(self._asking.close)
            self._links = self._asking.links()
            undone.pop_all()
        self._ways: dict[tuple[str, str], Way | None] = {}
        self._local: dict[str, bool] = {}
        self._hops: dict[Key, int] = {}  # to number
        self._reached: dict[int, NextHop] = {}  # as they are in the table
        self._managed: set[Key] = set()

    def close(self) -> None:
        self._asking.close()

    def let_age(self) -> None:
        """Neighbours are to be as they were before we looked after them."""
        for interface, host in self._managed:
            try:
                self._asking.let_age(interface, host)
            except OSError:
                pass  # the interface is gone, or the privilege is

    def adopt(self) -> None:
        """Look after the next hops that an earlier relay has put into the table, as they are true now."""
        for number, hop in self._table.known().items():
            key = (hop.interface, hop.host)
            self._hops[key], self._reached[number] = number, hop
            if hop.is_watched:
                self._managed.add(key)
            self._refresh(key, self._mac(key))

    def ask_again(self) -> None:
        """Routes, addresses or links have changed."""
        self._ways.clear()
        self._local.clear()
        self._links = self._asking.links()
        for key in self._hops:
            self._refresh(key, self._mac(key))

    def take(self, neighbour: netlink.Neighbour) -> None:
        """News of it."""
        key = (neighbour.interface, neighbour.host)
        if key in self._hops:
            self._refresh(key, neighbour.mac)

    def is_local(self, host: str) -> bool:
        """Whether it is an address of this host."""
        known = self._local.get(host)
        if known is None:
            route = self._asking.route(host)
            known = self._local[host] = route is not None and route.is_local
        return known

    def way(self, host: str, source: str) -> Way | None:
        """By which next hop, from that address of ours; None if there is none that we can use."""
        key = (host, source)
        if key not in self._ways:
            if len(self._ways) >= ROUTES_KEPT:
                self._ways.clear()
            self._ways[key] = self._find_way(host, source)
        return self._ways[key]

    def _find_way(self, host: str, source: str) -> Way | None:
        route = self._asking.route(host, source)
        link = self._links.get(route.interface) if route is not None else None
        if route is None or link is None or not (link.is_ethernet or link.is_loopback):
            return None
        number = self._hop((link.number, "" if route.is_local else route.hop))
        return None if number is None else Way(number, link.mtu, route.is_local)

    def _hop(self, key: Key) -> int | None:
        """The number of the next hop; it is made if it is new, and None if there are too many."""
        if key not in self._hops:
            if len(self._hops) >= NEXT_HOPS:
                return None
            self._hops[key] = len(self._hops)
            neighbour = self._asking.neighbour(*key) if key[1] else None
            if key[1] and not (neighbour is not None and neighbour.is_permanent):
                self._watch_over(key)
            self._refresh(key, _mac_of(neighbour, key))
        return self._hops[key]

    def _mac(self, key: Key) -> bytes:
        return _mac_of(self._asking.neighbour(*key) if key[1] else None, key)

    def _watch_over(self, key: Key) -> None:
        try:
            self._asking.keep_fresh(*key)
        except OSError:
            return  # without the privilege: the entry is as fresh as other traffic keeps it
        self._managed.add(key)

    def _refresh(self, key: Key, mac: bytes) -> None:
        link = self._links.get(key[0])
        is_usable = link is not None and len(mac) == 6
        source_mac = link.mac if link is not None and link.is_ethernet else bytes(6)
        slot = self._slots.get(key[0])
        hop = NextHop(key[0], mac or bytes(6), source_mac, slot, is_usable, key[1], key in self._managed)
        number = self._hops[key]
        if self._reached.get(number) != hop:  # a neighbour that was only confirmed again costs no packet a detour
            self._reached[number] = hop
            self._table.put(number, hop)


def _mac_of(neighbour: netlink.Neighbour | None, key: Key) -> bytes:
    """Zeros for the loopback, which has no neighbours; empty while it is not known."""
    if not key[1]:
        return bytes(6)
    return neighbour.mac if neighbour is not None else b""
