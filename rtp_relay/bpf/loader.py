"""Makes the tables, loads the programs and attaches them. The only part that wants CAP_BPF and CAP_NET_ADMIN,
and once: what it leaves is memory and descriptors, which a process keeps when it gives up its privileges.

Links are held by their descriptors: when the process ends, in whatever way, nothing stays attached (before Linux 6.6
there are no links at tc; see clsact for what stays then). Programs of
others at the same interface are neither moved nor asked: at tc ours says "next" to whatever is not its own, and
an interface that has an XDP program already refuses a second one.
"""

from __future__ import annotations

import errno
import os
import struct
from dataclasses import dataclass
from typing import Literal

from rtp_relay.bpf import syscall
from rtp_relay.bpf.clsact import Filter
from rtp_relay.bpf.maps import DEVICES, Clock, FlowTable, NextHopTable
from rtp_relay.bpf.programs import program
from rtp_relay.bpf.site import Site


@dataclass(frozen=True, slots=True)
class Plan:
    """The host's configuration: media addresses, and ports, how many from first_port on."""

    hosts: tuple[str, ...]
    first_port: int
    ports: int
    traffic_class: int


@dataclass(frozen=True, slots=True)
class Place:
    """An interface to attach to, and those of the plan's hosts that packets may come to there."""

    interface: int
    name: str
    kind: Literal["tc", "xdp"]
    is_loopback: bool
    hosts: tuple[str, ...]


class Loaded:
    """Tables and attached programs of one relay. Raises OSError, with the interface in its text."""

    def __init__(self, plan: Plan, places: tuple[Place, ...], is_clock_handed_in: bool = False) -> None:
        self.slots: dict[int, int] = {}  # of interfaces in the device map
        self.instructions: dict[str, int] = {}  # by interface
        self._links: list[int] = []
        self._filters: list[Filter] = []
        self.flows = FlowTable(plan.hosts, plan.first_port, plan.ports)
        self.next_hops = NextHopTable()
        self.clock = Clock() if is_clock_handed_in else None
        self._devices = syscall.create_map(syscall.MapKind.DEVMAP, 4, 4, DEVICES, name="rtp_devices")
        try:
            for place in places:
                self._attach(plan, place)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Detach, then let the tables go."""
        for link in self._links:
            os.close(link)
        self._links.clear()
        for one in self._filters:
            one.close()
        self._filters.clear()
        os.close(self._devices)
        if self.clock is not None:
            self.clock.close()
        self.next_hops.close()
        self.flows.close()

    def _attach(self, plan: Plan, place: Place) -> None:
        numbers = {host: number for number, host in enumerate(plan.hosts)}
        site = Site(
            place.kind, place.is_loopback, tuple((numbers[host], host) for host in place.hosts),
            plan.first_port, plan.ports, plan.traffic_class,
            self.flows.descriptor, self.next_hops.descriptor, self._devices,
            self.clock.descriptor if self.clock else None,
        )  # fmt: skip
        is_xdp = place.kind == "xdp"
        code = program(site)
        try:
            kind = syscall.ProgramKind.XDP if is_xdp else syscall.ProgramKind.SCHED_CLS
            loaded = syscall.load(kind, code, "rtp_relay")
            try:
                if is_xdp:
                    where, flags = syscall.AttachKind.XDP, syscall.XDP_DRIVER_MODE
                    self._links.append(syscall.attach(loaded, place.interface, where, flags))
                else:
                    self._attach_tc(loaded, place.interface, f"rtp_relay {plan.hosts[0]} {plan.first_port}")
            finally:
                os.close(loaded)  # what it is attached by holds it
            if is_xdp:
                slot = len(self.slots)
                syscall.update(self._devices, struct.pack("<I", slot), struct.pack("<I", place.interface))
                self.slots[place.interface] = slot
        except OSError as error:
            raise OSError(error.errno, f"{place.kind} at {place.name}: {error.strerror}") from error
        self.instructions[place.name] = len(code) // 8

    def _attach_tc(self, program: int, interface: int, name: str) -> None:
        try:
            self._links.append(syscall.attach(program, interface, syscall.AttachKind.TCX_INGRESS))
        except OSError as error:
            if error.errno != errno.EINVAL:  # what a kernel says that does not know TCX
                raise
            self._filters.append(Filter(interface, program, name))
