"""What this host has for media: links, ways to far ends, ports that are taken, limits. Looks only; changes nothing."""

from __future__ import annotations

import ipaddress
import os
import resource
import socket
import struct
from pathlib import Path
from typing import Final, Literal

from rtp_relay import facts
from rtp_relay.bpf import netlink
from rtp_relay.bpf.netlink import Asking, Link, attributes_of
from rtp_relay.process.probe import ethtool
from rtp_relay.process.probe.generic import xdp_features
from rtp_relay.source import is_version_6

SETTINGS: Final = (
    "net/core/rmem_max", "net/core/rmem_default", "net/core/netdev_max_backlog",
    "net/netfilter/nf_conntrack_max", "net/netfilter/nf_conntrack_count", "net/core/bpf_jit_enable",
)  # fmt: skip
LINK_XDP, XDP_ATTACHED = 43, 2  # IFLA_XDP, IFLA_XDP_ATTACHED
IS_UP, HAS_CARRIER = 0x1, 0x10000  # IFF_UP, IFF_LOWER_UP
FAILED: Final = 0x20  # NUD_FAILED
# linux/netdev.h: NETDEV_XDP_ACT_BASIC and _REDIRECT. Most drivers say that they take redirected packets (_NDO_XMIT)
# only once they have a program, so that is not asked for.
XDP_WANTED: Final = 0x1 | 0x2


def settings(root: Path = Path("/proc/sys")) -> dict[str, int]:
    """The kernel's settings, by their names with dots; those that are not there are left out."""
    found = {}
    for name in SETTINGS:
        value = _number(root / name)
        if value is not None:
            found[name.replace("/", ".")] = value
    return found


def descriptors() -> int:
    """How many a process that this user starts may have."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[1]


def descriptors_of(process: int, root: Path = Path("/proc")) -> int:
    """The limit of a running process; 0 if that may not be seen."""
    try:
        rows = (root / str(process) / "limits").read_text().splitlines()
    except OSError:
        return 0
    for row in rows:
        if row.startswith("Max open files"):
            soft = row.split()[3]
            return int(soft) if soft.isdigit() else 0
    return 0


# Ports.


def taken(hosts: tuple[str, ...], span: tuple[int, int]) -> dict[str, tuple[int, ...]]:
    """Ports of the range that somebody has, by media address. Read from the kernel's tables: nothing is bound."""
    bound = [*bound_in(_text("/proc/net/udp")), *bound_in(_text("/proc/net/udp6"))]
    return {
        host: tuple(sorted({port for at, port in bound if span[0] <= port <= span[1] and collide(host, at)}))
        for host in hosts
    }


def bound_in(table: str) -> list[tuple[str, int]]:
    """Address and port of each socket in /proc/net/udp or udp6, whose words are in the host's order."""
    found = []
    for row in table.splitlines()[1:]:
        address, _, port = row.split()[1].partition(":")
        words = struct.unpack(f">{len(address) // 8}I", bytes.fromhex(address))
        packed = struct.pack(f"<{len(words)}I", *words)
        found.append((str(ipaddress.ip_address(packed)), int(port, 16)))
    return found


def collide(host: str, other: str) -> bool:
    """Whether sockets at both could not have one port; "::" may or may not take IPv4 too, and is taken to."""
    if other == "::" or host == other:
        return True
    if is_version_6(host) != is_version_6(other):
        return False
    return ipaddress.ip_address(host).is_unspecified or ipaddress.ip_address(other).is_unspecified


# Links.


def links(asking: Asking, hosts: tuple[str, ...]) -> tuple[facts.Link, ...]:
    """Those with a media address; every one that is up where one of them is a wildcard."""
    known, addresses = asking.links(), asking.addresses()
    is_wild = any(ipaddress.ip_address(host).is_unspecified for host in hosts)
    states = _states(asking)
    found = []
    for link in known.values():
        here = tuple(host for host in hosts if addresses.get(host) == link.number or _is_on(link, host))
        flags, has_xdp = states.get(link.number, (0, False))
        is_up = flags & (IS_UP | HAS_CARRIER) == IS_UP | HAS_CARRIER
        if here or (is_wild and is_up and not link.is_loopback and link.number in addresses.values()):
            found.append(_link(link, here, is_up, has_xdp))
    return tuple(found)


def missing(asking: Asking, hosts: tuple[str, ...]) -> tuple[str, ...]:
    """Media addresses that no interface has."""
    addresses = asking.addresses()
    given = (ipaddress.ip_address(host) for host in hosts)
    return tuple(
        str(host) for host in given if not (host.is_unspecified or host.is_loopback or str(host) in addresses)
    )


def _is_on(link: Link, host: str) -> bool:
    return link.is_loopback and ipaddress.ip_address(host).is_loopback


def _link(link: Link, here: tuple[str, ...], is_up: bool, has_xdp: bool) -> facts.Link:
    queues = ethtool.channels(link.name)
    other: Literal["ethernet", "other"] = "ethernet" if link.is_ethernet else "other"
    features = None if link.is_loopback else xdp_features(link.number)
    return facts.Link(
        name=link.name,
        hosts=here,
        kind="loopback" if link.is_loopback else other,
        mtu=link.mtu,
        is_up=is_up,
        driver=ethtool.driver(link.name) or "",
        queues=queues.now if queues else _counted_queues(link.name),
        queue_limit=queues.limit if queues else 0,
        hashes_ports=ethtool.hashes_ports(link.name),
        leaves_checksums=ethtool.leaves_checksums(link.name),
        can_xdp=None if features is None else features & XDP_WANTED == XDP_WANTED,
        has_xdp=has_xdp,
        reverse_path=_reverse_path(link.name),
    )


def _states(asking: Asking) -> dict[int, tuple[int, bool]]:
    """Flags of each link, and whether there is an XDP program."""
    found = {}
    for answer in asking.ask(netlink.GET_LINK, netlink.LINK.pack(0, 0, 0, 0, 0), netlink.DUMP):
        _, _, number, flags, _ = netlink.LINK.unpack_from(answer.body)
        xdp = attributes_of(attributes_of(answer.body[netlink.LINK.size :]).get(LINK_XDP, b""))
        found[number] = (flags, bool(xdp.get(XDP_ATTACHED, b"\0")[0]))
    return found


def _counted_queues(name: str) -> int:
    """As sysfs shows them, which is another namespace's where somebody has mounted it so."""
    return max(len(list(Path(f"/sys/class/net/{name}/queues").glob("rx-*"))), 1)


def _reverse_path(name: str) -> int | None:
    """The kernel minds the larger of both (Documentation/networking/ip-sysctl)."""
    values = [_number(Path(f"/proc/sys/net/ipv4/conf/{each}/rp_filter")) for each in ("all", name)]
    known = [value for value in values if value is not None]
    return max(known) if known else None


# Ways.


def ways(asking: Asking, hosts: tuple[str, ...], towards: tuple[str, ...]) -> tuple[facts.Way, ...]:
    """From each media address to each far end of its IP version."""
    known = asking.links()
    found = []
    for host in hosts:
        is_wild = ipaddress.ip_address(host).is_unspecified
        fars = [far for far in towards if is_version_6(far) == is_version_6(host)]
        found += [_way(asking, known, "" if is_wild else host, host, far) for far in fars]
    return tuple(found)


def _way(asking: Asking, known: dict[int, Link], source: str, host: str, far: str) -> facts.Way:
    route, by_itself = asking.route(far, source), asking.route(far)
    if route is None:
        return facts.Way(host, far)
    neighbour: Literal["known", "unknown", "failed", "none"] = "none"
    link = known.get(route.interface)
    if not route.is_local and link is not None and link.is_ethernet:
        neighbour = _neighbour(asking, route.interface, route.hop)
    returns_by = known.get(by_itself.interface) if by_itself is not None else None
    hop = "" if route.is_local else route.hop
    return facts.Way(
        host, far, link.name if link else "", hop, neighbour, returns_by.name if returns_by is not None else ""
    )


def _neighbour(asking: Asking, interface: int, hop: str) -> Literal["known", "unknown", "failed"]:
    """What the kernel has found out about it; nobody is asked."""
    body = netlink.NEIGHBOUR.pack(socket.AF_INET6 if is_version_6(hop) else socket.AF_INET, interface, 0, 0, 0)
    body += netlink.attribute(netlink.NEIGHBOUR_ADDRESS, ipaddress.ip_address(hop).packed)
    try:
        answer = next(iter(list(asking.ask(netlink.GET_NEIGHBOUR, body))), None)
    except OSError:  # never looked for
        answer = None
    state = netlink.NEIGHBOUR.unpack_from(answer.body)[2] if answer is not None else 0
    if state & netlink.HAS_MAC:
        return "known"
    return "failed" if state & FAILED else "unknown"


def kernel() -> str:
    """Its version."""
    return os.uname().release


def _text(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _number(path: Path) -> int | None:
    try:
        return int(path.read_text())
    except (OSError, ValueError):
        return None
