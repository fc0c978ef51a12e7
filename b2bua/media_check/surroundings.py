"""The network around: addresses, links, ways to far ends, and what a packet filter lets in."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from typing import Final

from b2bua.media_check.findings import MediaFinding, error, good, note, warning
from b2bua.media_check.needs import ANYWHERE, Needs
from rtp_relay.facts import Facts, Firewall, Link, MediaAddress, Obstacle, Way

USUAL_MTU: Final = 1500
LEAST_MTU: Final = 1280  # RFC 8200 §5; and a video packet with its headers
STRICT: Final = 1  # rp_filter
# RFC 1918, RFC 6598 and RFC 4193.
PRIVATE: Final = tuple(
    map(ipaddress.ip_network, ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"))
)
SHOWN: Final = 3  # obstacles of a packet filter


def judge_surroundings(needs: Needs, facts: Facts) -> Iterator[MediaFinding]:
    for interface in needs.interfaces:
        yield _judge_address(interface, facts)
    for link in facts.links:
        yield from _judge_link(link)
    yield from _judge_sizes(facts.links)
    yield from _judge_ways(needs, facts)
    for firewall in facts.firewalls:
        yield from _judge_firewall(needs, firewall)


def _judge_address(interface: MediaAddress, facts: Facts) -> MediaFinding:
    subject = f"media.interfaces {interface.name}"
    if interface.bind in facts.missing:
        return error(
            subject, f"no interface of this host has {interface.bind}; the relay will not start.",
            "Write an address that `ip address` shows, and what the world calls it as advertised.",
        )  # fmt: skip
    if interface.bind == interface.advertised:
        address = ipaddress.ip_address(interface.bind)
        if any(address in network for network in PRIVATE):
            return note(
                subject, f"far ends are told {interface.advertised}, which only a private network reaches.",
                "If any are elsewhere, set advertised to the public address and forward media.ports to this host.",
            )  # fmt: skip
        return good(subject, f"far ends are told {interface.advertised}, an address of this host.")
    local = {host for link in facts.links for host in link.hosts}
    if interface.advertised in local or ipaddress.ip_address(interface.bind).is_unspecified:
        return note(subject, f"bound to {interface.bind}, far ends are told {interface.advertised}.")
    return note(
        subject,
        f"far ends are told {interface.advertised}, which is no address of this host ({interface.bind} is): somebody "
        "before us must translate it.",
        "See that all of media.ports, UDP, is forwarded here port by port; only a call from outside can show it.",
    )


def _judge_link(link: Link) -> Iterator[MediaFinding]:
    subject = f"link {link.name}"
    if link.kind == "loopback":
        return
    if not link.is_up:
        yield error(subject, f"is down, and {', '.join(link.hosts)} with it.", f"ip link set {link.name} up")
    if link.mtu < LEAST_MTU:
        yield warning(
            subject, f"takes packets of {link.mtu} octets (MTU); larger ones come in fragments, through user space.",
            f"Where the network allows it, ip link set {link.name} mtu {USUAL_MTU}",
        )  # fmt: skip
    queues = f"{link.queues} receive queue{'' if link.queues == 1 else 's'}"
    if link.queues == 1 and link.queue_limit > 1:
        yield warning(
            subject, f"{queues} of {link.queue_limit} possible: one processor takes every packet.",
            f"ethtool -L {link.name} combined {link.queue_limit}",
        )  # fmt: skip
    elif link.queues > 1 and link.hashes_ports is False:
        yield warning(
            subject, f"{queues}, but UDP is spread by addresses alone: all of one trunk's media is on one processor.",
            f"ethtool -N {link.name} rx-flow-hash udp4 sdfn, and udp6",
        )  # fmt: skip
    else:
        driver = f" ({link.driver})" if link.driver else ""
        yield good(subject, f"{'up' if link.is_up else 'down'}{driver}, MTU {link.mtu}, {queues}.")


def _judge_sizes(links: Sequence[Link]) -> Iterator[MediaFinding]:
    sizes = {link.name: link.mtu for link in links if link.kind != "loopback" and link.is_up}
    if len(set(sizes.values())) > 1:
        told = ", ".join(f"{name} {mtu}" for name, mtu in sizes.items())
        yield note("MTU", f"the links differ ({told}): what is too large for the next one goes through user space.")


def _judge_ways(needs: Needs, facts: Facts) -> Iterator[MediaFinding]:
    filters = {link.name: link.reverse_path for link in facts.links}
    # Media at the loopback is for this host, and a phone on this host for media at the loopback.
    ways = [
        way
        for way in facts.ways
        if way.host not in facts.missing
        and ipaddress.ip_address(way.host).is_loopback == ipaddress.ip_address(way.towards).is_loopback
    ]
    reached = {way.towards for way in ways if way.link}
    for far in dict.fromkeys(way.towards for way in ways if way.towards not in (*reached, *ANYWHERE)):
        yield warning(f"way to {far}", "there is no route from any media address.", f"ip route get {far}")
    for way in ways:
        if way.link:
            yield from _judge_way(way, filters)
    yield from _known_ways([way for way in ways if way.neighbour == "known"])
    for host in needs.hosts:
        own = [way for way in ways if way.host == host]
        if own and not any(way.link for way in own):
            remedy = "ip route show; a default route is what most hosts have."
            yield warning(f"way from {host}", "leads nowhere.", remedy)


def _known_ways(ways: list[Way]) -> Iterator[MediaFinding]:
    """What is as it should be, a line for each next hop."""
    for host, link, hop in dict.fromkeys((way.host, way.link, way.hop) for way in ways):
        far = [way.towards for way in ways if (way.host, way.link, way.hop) == (host, link, hop)]
        named = ", ".join("everywhere else" if each in ANYWHERE else each for each in far)
        yield good(f"way from {host}", f"by {link}, next hop {hop}, whose MAC address is known, to {named}.")


def _judge_way(way: Way, filters: dict[str, int | None]) -> Iterator[MediaFinding]:
    subject = f"way from {way.host} to {'everywhere else' if way.towards in ANYWHERE else way.towards}"
    if way.neighbour == "failed":
        yield warning(
            subject, f"{way.hop} on {way.link} does not answer (ARP, or neighbour discovery).",
            "Look at the cable, the VLAN, and whether that address is still the gateway.",
        )  # fmt: skip
    elif way.neighbour == "unknown":
        yield note(subject, f"by {way.link}, next hop {way.hop}; nobody has talked to it lately.")
    if filters.get(way.link) == STRICT and way.returns_by and way.returns_by != way.link:
        yield warning(
            subject,
            f"leaves by {way.link}, but the system itself would send by {way.returns_by}: with rp_filter = 1 it throws "
            "away what comes back.",
            f"sysctl -w net.ipv4.conf.{way.link}.rp_filter=2 net.ipv4.conf.all.rp_filter=2",
        )


def _judge_firewall(needs: Needs, firewall: Firewall) -> Iterator[MediaFinding]:
    subject = f"packet filter, IPv{firewall.version}"
    if not firewall.by:
        yield note(subject, f"could not be looked at: {firewall.problem}.", "Run this check as root.")
        return
    certain = [one for one in firewall.obstacles if one.certain]
    for one in certain[:SHOWN]:
        yield error(
            subject, f"keeps media from {_ports(one)}: {one.rule}.",
            f"Accept UDP to ports {needs.first_port}-{needs.last_port} before it.",
        )  # fmt: skip
    for one in [one for one in firewall.obstacles if not one.certain][:SHOWN]:
        yield warning(
            subject, f"perhaps keeps media from {_ports(one)}: {one.rule}.", "See whether it means the far ends."
        )
    if certain:
        yield note(subject, "media of confirmed calls goes past it in the kernel's forms; their first packets do not.")
    if not firewall.obstacles:
        yield good(subject, f"lets the ports in ({firewall.by}).")


def _ports(obstacle: Obstacle) -> str:
    return f"ports {obstacle.first} to {obstacle.last}" if obstacle.first < obstacle.last else f"port {obstacle.first}"
