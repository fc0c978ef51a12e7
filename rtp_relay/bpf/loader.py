"""Makes the tables, loads the programs and attaches them. The only part that wants CAP_BPF and CAP_NET_ADMIN,
and once: what it leaves is memory, descriptors and pins, which a process keeps when it gives up its privileges.

Theory. Links are held by their descriptors, and by pins if there is a directory for them (see pins). Without pins
nothing stays attached when the process ends, in whatever way. With pins everything stays, the next relay takes it
up as it is, and a program that is another than the one it would load itself is replaced in its link, between two
packets. Only `close` takes the pins away. Before Linux 6.6 there are no links at tc: a filter stands in (see clsact).

Programs of others at the same interface are neither moved nor asked: at tc ours says "next" to whatever is not its
own, and an interface that has an XDP program already refuses a second one.
"""

from __future__ import annotations

import errno
import hashlib
import os
import struct
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Final

from rtp_relay.bpf import layout, pins, syscall
from rtp_relay.bpf.clsact import Filter
from rtp_relay.bpf.maps import Clock, FlowTable, pairs_of
from rtp_relay.bpf.pins import Pins, Record
from rtp_relay.bpf.programs import program
from rtp_relay.bpf.site import Site
from rtp_relay.bpf.tables import Place, Plan, Tables, names

ABANDONED: Final = 600.0  # seconds


class Loaded:
    """Tables and attached programs of one relay. Raises OSError, with the interface in its text.

    directory: where to pin, and to adopt from what an earlier relay of the same plan has left; "" for no pins.
    is_lasting: the pins stay when this is closed. A relay that adopts them leaves that as it is.
    """

    def __init__(
        self, plan: Plan, places: tuple[Place, ...], is_clock_handed_in: bool = False, directory: str = "",
        is_lasting: bool = False,
    ) -> None:  # fmt: skip
        self.instructions: dict[str, int] = {}  # by interface; of those that were loaded now
        self.kept: list[str] = []  # links whose programs go on as they were
        self._links: dict[str, int] = {}
        self._filters: dict[str, Filter] = {}
        self._plan = plan
        self._pins = Pins(directory) if directory else None
        wanted = Record(
            layout.VERSION, plan.hosts, plan.first_port, plan.ports, is_clock_handed_in, pins.namespace(), is_lasting
        )
        with ExitStack() as undone:
            undone.callback(self._let_go_of_pins)
            before, is_ours = self._look_at_pins(wanted)
            self._before = before or wanted
            self._record = replace(before if before is not None and is_ours else wanted, is_lasting=(
                is_lasting or (before is not None and before.is_lasting)
            ))  # fmt: skip
            self.tables = self._open_tables(plan, is_clock_handed_in, is_ours)
            undone.pop_all()
        self.flows, self.next_hops = self.tables.flows, self.tables.next_hops
        self.legacies, self.clock = self.tables.legacies, self.tables.clock
        with ExitStack() as undone:
            undone.callback(self.leave)
            self._attach_all(places)
            self._pin()
            undone.pop_all()

    @property
    def is_adopted(self) -> bool:
        """The tables are an earlier relay's, flows and all."""
        return self.tables.is_adopted

    @property
    def is_pinned(self) -> bool:
        return self._pins is not None

    @property
    def is_lasting(self) -> bool:
        return self._record.is_lasting

    @property
    def slots(self) -> dict[int, int]:
        """Of interfaces in the device map."""
        return self._record.slots

    def close(self) -> None:
        """Detach, then let the tables go; what a loader made for good stays as it is, without flows."""
        if self._pins is not None and not self.is_lasting:
            self._pins.remove()
        if not self.is_lasting:
            for one in self._filters.values():
                one.close()
            self._filters.clear()
        self.leave()

    def leave(self) -> None:
        """Let go of everything and change nothing: what is pinned goes on forwarding."""
        for link in self._links.values():
            os.close(link)
        for one in self._filters.values():
            one.leave()
        self._links.clear()
        self._filters.clear()
        self.tables.close()
        self._let_go_of_pins()

    def _let_go_of_pins(self) -> None:
        if self._pins is not None:
            self._pins.close()

    def give_to(self, user: int, group: int) -> None:
        """Let that user open, change and remove the pins."""
        if self._pins is not None:
            self._pins.give_to(user, group)

    # Tables.

    def _look_at_pins(self, wanted: Record) -> tuple[Record | None, bool]:
        """What is pinned, and whether it may be adopted. A loader may change the programs of a relay that runs."""
        if self._pins is None:
            return None, False
        self._pins.prepare()
        is_free = self._pins.lock()
        before = self._pins.record()
        is_ours = before is not None and before.identity == wanted.identity
        if not is_free and not (wanted.is_lasting and is_ours):
            raise OSError(errno.EBUSY, f"another relay looks after what is in {self._pins.directory}")
        return before, is_ours

    def _open_tables(self, plan: Plan, has_clock: bool, is_ours: bool) -> Tables:
        opened: dict[str, int] = {}
        if self._pins is None or not is_ours:
            return Tables(plan, has_clock)
        try:
            for name in names(has_clock):
                opened[name] = self._pins.open(name)
        except FileNotFoundError:  # somebody died in the middle of pinning
            for descriptor in opened.values():
                os.close(descriptor)
            return Tables(plan, has_clock)
        return Tables(plan, has_clock, opened)

    def _pin(self) -> None:
        if self._pins is None or (self.is_adopted and self._record == self._before):
            return
        wanted = self.tables.pins() | self._links
        for name in self._pins.names():
            if name not in wanted:
                self._pins.drop(name)
        for name, descriptor in wanted.items():
            self._pins.put(name, descriptor)
        self._pins.write(self._record)

    # Programs.

    def _attach_all(self, places: tuple[Place, ...]) -> None:
        """Old links first, so that a place that is still wanted changes hands and is never without a program."""
        left = self._open_links()
        try:
            digests = {}
            for place in places:
                name = pins.link_name(place.kind, place.interface)
                site = self._site(place)
                digests[name] = digest(site)
                self._place(place, site, name, digests[name], left.pop(name, None))
            self._record = replace(
                self._record, digests=digests,
                qdiscs=tuple(sorted({*self._record.qdiscs, *self._brought_qdiscs(places)})),
            )  # fmt: skip
        finally:
            for link in left.values():
                os.close(link)

    def _open_links(self) -> dict[str, int]:
        if self._pins is None:
            return {}
        return {name: self._pins.open(name) for name in self._pins.names() if name.startswith("link_")}

    def _place(self, place: Place, site: Site, name: str, wanted: str, link: int | None) -> None:
        try:
            if link is not None and pins.interface_of(link) != place.interface:
                os.close(link)  # the interface is gone, and another has its number
                link = None
            if link is not None:
                self._links[name] = link
            is_same = self.is_adopted and self._before.digests.get(name) == wanted
            if is_same and (link is not None or self._keep_filter(place, name)):
                self.kept.append(name)
                return
            self._load(place, site, name)
            if place.kind == "xdp" and place.interface not in self.slots:
                slot = len(self.slots)
                syscall.update(self.tables.devices, struct.pack("<I", slot), struct.pack("<I", place.interface))
                self._record = replace(self._record, slots=self.slots | {place.interface: slot})
        except OSError as error:
            raise OSError(error.errno, f"{place.kind} at {place.name}: {error.strerror}") from error

    def _load(self, place: Place, site: Site, name: str) -> None:
        code = program(site)
        is_xdp = place.kind == "xdp"
        loaded = syscall.load(
            syscall.ProgramKind.XDP if is_xdp else syscall.ProgramKind.SCHED_CLS, code, "rtp_relay"
        )
        try:
            if name in self._links:
                syscall.replace(self._links[name], loaded)
            elif is_xdp:
                where, flags = syscall.AttachKind.XDP, syscall.XDP_DRIVER_MODE
                self._links[name] = syscall.attach(loaded, place.interface, where, flags)
            else:
                self._attach_tc(loaded, place.interface, name)
        finally:
            os.close(loaded)  # what it is attached by holds it
        self.instructions[place.name] = len(code) // 8

    def _site(self, place: Place) -> Site:
        plan, numbers = self._plan, {host: number for number, host in enumerate(self._plan.hosts)}
        first_port, pairs = pairs_of(plan.first_port, plan.ports)
        return Site(
            place.kind, place.is_loopback, tuple((numbers[host], host) for host in place.hosts),
            first_port, pairs, plan.traffic_class,
            self.flows.descriptor, self.next_hops.descriptor, self.tables.devices,
            self.clock.descriptor if self.clock else None, self.tables.ring.descriptor,
            self.tables.until.descriptor, None if self.clock else self.tables.paces,
        )  # fmt: skip

    # Filters, where there are no links.

    def _attach_tc(self, program: int, interface: int, name: str) -> None:
        try:
            self._links[name] = syscall.attach(program, interface, syscall.AttachKind.TCX_INGRESS)
        except OSError as error:
            if error.errno != errno.EINVAL:  # what a kernel says that does not know TCX
                raise
            is_our_qdisc = interface in self._before.qdiscs
            self._filters[name] = Filter(interface, program, _filter_name(self._plan), is_our_qdisc)

    def _keep_filter(self, place: Place, name: str) -> bool:
        if place.kind != "tc":
            return False
        try:
            is_our_qdisc = place.interface in self._before.qdiscs
            self._filters[name] = Filter(place.interface, None, _filter_name(self._plan), is_our_qdisc)
        except FileNotFoundError:
            return False
        return True

    def _brought_qdiscs(self, places: tuple[Place, ...]) -> list[int]:
        return [
            place.interface
            for place in places
            if (one := self._filters.get(pins.link_name(place.kind, place.interface))) and one.is_our_qdisc
        ]


def digest(site: Site) -> str:
    """What tells one program from another, whatever its maps' descriptors are."""
    clock = None if site.clock is None else 0
    paces = None if site.paces is None else 0
    made = program(replace(site, flows=0, next_hops=0, devices=0, clock=clock, events=0, until=0, paces=paces))
    return hashlib.sha256(made).hexdigest()[:16]


def forget(directory: str) -> bool:
    """Take away what an earlier relay has pinned there; what a loader made for good stays, but its flows end.

    Nothing happens, and False is answered, if there is nothing, or a relay looks after it. Raises OSError.
    """
    kept = Pins(directory)
    record = kept.record()
    if record is None or not kept.lock():
        return False
    try:
        if record.is_lasting:
            _end_flows(kept, record)
        else:
            _remove(kept, record)
        return True
    finally:
        kept.close()


def remove(directory: str) -> None:
    """Take away all that is pinned there. Raises OSError."""
    kept = Pins(directory)
    record = kept.record()
    if record is not None:
        _remove(kept, record)


def sweep(directory: str, now: float) -> list[str]:
    """Take away what stands beside that directory and has been nobody's for long: its relay gave its last sign of life
    more than ABANDONED seconds ago, and forwards nothing since. What may not be looked at stays. Gives the names.
    """
    removed = []
    for beside in Path(directory).parent.iterdir():
        try:
            if beside != Path(directory) and _is_abandoned(Pins(str(beside)), now) and forget(str(beside)):
                removed.append(beside.name)
        except OSError:
            pass  # another user's, or no directory
    return removed


def _is_abandoned(kept: Pins, now: float) -> bool:
    record = kept.record()
    if record is None or record.is_lasting or "until" not in kept.names():
        return False
    until = Clock(kept.open("until"))
    try:
        return until.told() + ABANDONED < now
    finally:
        until.close()


def _remove(kept: Pins, record: Record) -> None:
    """Links go with their pins; a filter must be asked for, which takes CAP_NET_ADMIN."""
    for name in record.digests:
        if name not in kept.names():
            interface = int(name.rpartition("_")[2])
            try:
                Filter(interface, None, _filter_name(record), interface in record.qdiscs).close()
            except FileNotFoundError:
                pass  # gone with its interface
    kept.remove()


def _end_flows(kept: Pins, record: Record) -> None:
    if record.layout == layout.VERSION:
        flows = FlowTable(record.hosts, record.first_port, record.ports, kept.open("flows"))
        for entry in flows.active():
            flows.deactivate(entry)
        flows.close()


def _filter_name(plan: Plan | Record) -> str:
    """By which a filter is found again."""
    return f"rtp_relay {plan.hosts[0]} {plan.first_port}"


__all__ = ["Loaded", "Place", "Plan", "digest", "forget", "remove", "sweep"]
