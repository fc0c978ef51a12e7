"""The addresses that media may use, each with its pool of ports; interfaces of one bind address share a pool."""

from __future__ import annotations

from collections.abc import Sequence

from rtp_relay.errors import Refusal, StartError
from rtp_relay.form import Form, Interface
from rtp_relay.ports import GROWTH, PortPool
from rtp_relay.source import canonical_host


class Interfaces:
    """What the relay was configured with.

    Raises StartError if there is no interface, or an address is none, or the range holds no pair.
    """

    def __init__(
        self, form: Form, interfaces: Sequence[Interface], first_port: int, last_port: int, rest: float
    ) -> None:
        self._by_name: dict[str, Interface] = {}
        self._pools: dict[str, PortPool] = {}
        if last_port > 65535 or first_port < 1024:
            raise StartError(f"ports {first_port}-{last_port}: from 1024 to 65535, please")
        for interface in interfaces:
            self._check(interface)
            self._by_name[interface.name] = interface
            if interface.bind not in self._pools:
                pool = PortPool(form, interface.bind, first_port, last_port, rest)
                if pool.first >= pool.last:
                    raise StartError(f"ports {first_port}-{last_port}: no even port and an odd one above it")
                self._pools[interface.bind] = pool
        if not self._by_name:
            raise StartError("no interface: where is media to be received?")
        self.names = tuple(self._by_name)
        self._by_name.setdefault("", self._by_name[self.names[0]])

    def _check(self, interface: Interface) -> None:
        for host in (interface.bind, interface.advertised):
            if canonical_host(host) != host:
                raise StartError(f"interface {interface.name}: {host!r} is no IP address in its usual form")
        if interface.name in self._by_name:
            raise StartError(f"interface {interface.name} is there twice")

    def named(self, name: str) -> tuple[Interface, PortPool]:
        """The interface of that name, "" for the first, with its pool. Raises Refusal."""
        interface = self._by_name.get(name)
        if interface is None:
            raise Refusal(f"no interface is called {name!r}")
        return interface, self._pools[interface.bind]

    def open(self, pairs: int) -> None:
        """Open ports ahead of need, on each address. Raises StartError if there is one that lends none."""
        for pool in self._pools.values():
            pool.grow(pairs)
            if not pool.free:
                raise StartError(
                    f"no port can be opened at {pool.host} between {pool.first} and {pool.last}: "
                    "is it an address of this host, and is another program using the range?"
                )

    def close(self) -> None:
        """Close every port."""
        for pool in self._pools.values():
            pool.close()

    def end_leases(self, lessee: int, now: float) -> None:
        """The lessee is gone."""
        for pool in self._pools.values():
            pool.end_leases(lessee, now)

    @property
    def wants_growth(self) -> bool:
        """Few ports are free, and there are more to open."""
        return True in [pool.wants_growth for pool in self._pools.values()]

    def grow(self) -> None:
        """Open some ports more, so few that media does not wait for it."""
        for pool in self._pools.values():
            if pool.wants_growth:
                pool.grow(GROWTH)

    @property
    def lent(self) -> int:
        """Pairs that calls have."""
        return sum(pool.lent for pool in self._pools.values())

    @property
    def free(self) -> int:
        return sum(pool.free for pool in self._pools.values())

    @property
    def resting(self) -> int:
        return sum(pool.resting for pool in self._pools.values())

    @property
    def leased(self) -> int:
        """Pairs that lessees have, and no call."""
        return sum(pool.leased for pool in self._pools.values())
