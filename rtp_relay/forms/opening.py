"""Where the kernel's forms attach for the media addresses of this host, and with which pins they begin."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable
from typing import Literal

from rtp_relay.bpf import loader, netlink
from rtp_relay.bpf.loader import Loaded, Place, Plan
from rtp_relay.bpf.pins import Pins
from rtp_relay.forms.kernel import KernelForm


def places(
    asking: netlink.Asking, hosts: tuple[str, ...], by_xdp: bool, xdp_hosts: frozenset[str] = frozenset()
) -> tuple[Place, ...]:
    """Where to attach for those media addresses: in the drivers of all of them, or of those of xdp_hosts.

    Raises OSError for an address that no interface has.
    """
    links, addresses = asking.links(), asking.addresses()
    found: list[Place] = []
    loopback = next((link for link in links.values() if link.is_loopback), None)
    if loopback is not None:
        found.append(Place(loopback.number, loopback.name, "tc", True, hosts))
    for link in links.values():
        here = tuple(host for host in hosts if addresses.get(host) == link.number)
        if here and link.is_ethernet:
            is_xdp = by_xdp or not xdp_hosts.isdisjoint(here)
            found.append(Place(link.number, link.name, "xdp" if is_xdp else "tc", False, here))
    for host in hosts:
        if host not in addresses and not ipaddress.ip_address(host).is_loopback:
            raise OSError(0, f"no interface of this host has the address {host}")
    return tuple(found)


def planned(
    name: Literal["tc", "xdp"], hosts: tuple[str, ...], first_port: int, last_port: int, dscp: int,
    xdp_hosts: frozenset[str] = frozenset(),
) -> tuple[Plan, tuple[Place, ...]]:
    """What to load, and where. Raises OSError for an address that is none of this host's."""
    asking = netlink.Asking()
    try:
        where = places(asking, hosts, name == "xdp", xdp_hosts)
    finally:
        asking.close()
    return Plan(hosts, first_port, last_port - first_port + 1, dscp << 2), where


def open_form(
    name: Literal["tc", "xdp"], hosts: tuple[str, ...], first_port: int, last_port: int, dscp: int, reason: str,
    clock: Callable[[], float], directory: str = "", xdp_hosts: frozenset[str] = frozenset(),
) -> KernelForm:  # fmt: skip
    """What tc.open_form and xdp.open_form do. Raises OSError."""
    plan, where = planned(name, hosts, first_port, last_port, dscp, xdp_hosts)
    at = ", ".join(f"{place.kind} at {place.name}" for place in where)
    directory, hindrance = usable_directory(directory)
    made = KernelForm(plan, where, name, f"{reason} ({at})" if reason else at, clock, directory)
    made.hindrance = hindrance
    if directory:
        loader.sweep(directory, time.monotonic())
    if made.left:
        made.reason += f"; {len(made.left)} flows of an earlier relay go on"
    return made


def usable_directory(directory: str) -> tuple[str, str]:
    """The directory for pins, or "" and why there can be none."""
    if not directory:
        return "", ""
    try:
        Pins(directory).prepare()
    except OSError as error:
        return "", error.strerror or str(error)
    return directory, ""


def load_for_good(
    name: Literal["tc", "xdp"], hosts: tuple[str, ...], first_port: int, last_port: int, dscp: int, directory: str,
    xdp_hosts: frozenset[str] = frozenset(),
) -> Loaded:
    """Programs and tables in pins that outlast every relay, until `loader.remove`. Raises OSError."""
    plan, where = planned(name, hosts, first_port, last_port, dscp, xdp_hosts)
    return Loaded(plan, where, directory=directory, is_lasting=True)
