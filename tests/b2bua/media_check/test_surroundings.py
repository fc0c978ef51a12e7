"""Addresses, links, ways, packet filter."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from b2bua.media_check import Verdict
from b2bua.media_check.needs import ANYWHERE
from rtp_relay.facts import Firewall, Link, MediaAddress, Obstacle, Way
from tests.b2bua.media_check.facts import FAR, HOST, LINK, NEEDS, WAY, about, bad, found, one


def told(bind: str, advertised: str) -> Any:
    needs = replace(NEEDS, interfaces=(MediaAddress("lan", bind, advertised),))
    return one(found(needs, trials=(), links=(msgspec.structs.replace(LINK, hosts=(bind,)),)), "media.interfaces lan")


def test_what_far_ends_are_told() -> None:
    assert told(HOST, HOST).verdict is Verdict.GOOD
    assert "a private network" in told("10.0.0.5", "10.0.0.5").saying
    assert "no address of this host" in told("10.0.0.5", HOST).saying
    assert "forwarded here" in told("10.0.0.5", HOST).remedy
    assert told("0.0.0.0", HOST).verdict is Verdict.NOTE
    assert told("127.0.0.1", "127.0.0.1").verdict is Verdict.GOOD


def test_an_address_that_is_not_here_is_an_error() -> None:
    assert one(found(missing=(HOST,)), "media.interfaces lan").verdict is Verdict.ERROR


@pytest.mark.parametrize(("change", "verdict", "saying"), [
    ({}, Verdict.GOOD, "up (ixgbe), MTU 1500, 4 receive queues."),
    ({"is_up": False}, Verdict.ERROR, "is down"),
    ({"mtu": 1200}, Verdict.WARNING, "1200 octets"),
    ({"queues": 1}, Verdict.WARNING, "1 receive queue of 8 possible"),
    ({"hashes_ports": False}, Verdict.WARNING, "by addresses alone"),
])  # fmt: skip
def test_links(change: dict[str, Any], verdict: Verdict, saying: str) -> None:
    findings = about(found(links=(msgspec.structs.replace(LINK, **change),)), "link eth0")
    assert findings[0].verdict is verdict
    assert saying in findings[0].saying


def test_one_queue_of_one_is_what_there_is() -> None:
    assert bad(found(links=(msgspec.structs.replace(LINK, queues=1, queue_limit=1, hashes_ports=False),))) == []


def test_links_of_different_size() -> None:
    other = Link("eth1", (), "ethernet", 9000, True)
    assert "eth0 1500, eth1 9000" in one(found(links=(LINK, other)), "MTU").saying
    assert about(found(links=(LINK, Link("lo", (), "loopback", 65536, True))), "MTU") == []


@pytest.mark.parametrize(("neighbour", "verdict"), [
    ("known", Verdict.GOOD), ("unknown", Verdict.NOTE), ("failed", Verdict.WARNING),
])  # fmt: skip
def test_neighbours(neighbour: Any, verdict: Verdict) -> None:
    findings = found(ways=(msgspec.structs.replace(WAY, neighbour=neighbour),))
    (finding,) = (each for each in findings if each.subject.startswith(f"way from {HOST}"))
    assert finding.verdict is verdict
    assert "203.0.113.1" in finding.saying


def test_ways_by_one_next_hop_are_one_line() -> None:
    ways = tuple(msgspec.structs.replace(WAY, towards=far) for far in (FAR, "192.0.2.9", ANYWHERE[0]))
    assert one(found(ways=ways), f"way from {HOST}").saying.endswith(f"to {FAR}, 192.0.2.9, everywhere else.")


def test_a_far_end_that_no_interface_reaches() -> None:
    other = Way("10.0.0.5", FAR, "eth1", "10.0.0.1", "known", "eth1")
    assert about(found(ways=(Way(HOST, FAR), other)), f"way to {FAR}") == []
    finding = one(found(ways=(Way(HOST, FAR),)), f"way to {FAR}")
    assert (finding.verdict, finding.remedy) == (Verdict.WARNING, f"ip route get {FAR}")
    assert one(found(ways=(Way(HOST, FAR),)), f"way from {HOST}").saying == "leads nowhere."


def test_the_loopback_is_for_this_host() -> None:
    assert bad(found(ways=(WAY, Way("127.0.0.1", FAR)))) == []


@pytest.mark.parametrize(("reverse_path", "returns_by", "is_told"), [
    (1, "eth1", True), (1, "eth0", False), (2, "eth1", False), (0, "eth1", False), (None, "eth1", False),
])  # fmt: skip
def test_the_reverse_path_filter(reverse_path: int | None, returns_by: str, is_told: bool) -> None:
    link = msgspec.structs.replace(LINK, reverse_path=reverse_path)
    findings = found(links=(link,), ways=(msgspec.structs.replace(WAY, returns_by=returns_by),))
    assert any("rp_filter" in finding.saying for finding in bad(findings)) is is_told


def test_a_packet_filter_that_keeps_media_out() -> None:
    wall = Firewall(4, "nft", (Obstacle(20000, 29999, "policy drop", True), Obstacle(25000, 25000, "a set", False)))
    certain, perhaps, past = about(found(firewalls=(wall,)), "packet filter, IPv4")
    assert (certain.verdict, certain.saying) == (Verdict.ERROR, "keeps media from ports 20000 to 29999: policy drop.")
    assert certain.remedy == "Accept UDP to ports 20000-29999 before it."
    assert (perhaps.verdict, perhaps.saying) == (Verdict.WARNING, "perhaps keeps media from port 25000: a set.")
    assert past.verdict is Verdict.NOTE


def test_a_packet_filter_that_nobody_could_look_at() -> None:
    finding = one(found(firewalls=(Firewall(6, problem="nft: Operation not permitted"),)), "packet filter, IPv6")
    assert (finding.verdict, finding.remedy) == (Verdict.NOTE, "Run this check as root.")
