"""`nft -j list ruleset`, read."""

from __future__ import annotations

import json
from typing import Any, Literal

import pytest

from rtp_relay.facts import Obstacle
from rtp_relay.process.probe.filtering import obstacles
from rtp_relay.process.probe.nftables import chains_in

SPAN = (20000, 29999)
UDP = {"match": {"op": "==", "left": {"meta": {"key": "l4proto"}}, "right": "udp"}}
MEDIA = {"range": [20000, 29999]}


def dport(right: Any, op: str = "==", protocol: str = "udp") -> dict[str, Any]:
    return {"match": {"op": op, "left": {"payload": {"protocol": protocol, "field": "dport"}}, "right": right}}


def meta(key: str, right: Any) -> dict[str, Any]:
    return {"match": {"op": "==", "left": {"meta": {"key": key}}, "right": right}}


def state(*right: str) -> dict[str, Any]:
    return {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": list(right)}}


def found(
    *rules: list[dict[str, Any]], policy: str = "accept", family: str = "inet", version: Literal[4, 6] = 4,
    more: tuple[dict[str, Any], ...] = (),
) -> tuple[Obstacle, ...]:  # fmt: skip
    here = {"family": family, "table": "filter"}
    chain = {"chain": here | {"name": "input", "type": "filter", "hook": "input", "prio": 0, "policy": policy}}
    objects: list[dict[str, Any]] = [{"metainfo": {"version": "1.0"}}, {"table": here | {"name": "filter"}}, chain]
    objects += more
    objects += [{"rule": here | {"chain": "input", "handle": 4, "expr": expr}} for expr in rules]
    return obstacles(chains_in(json.dumps({"nftables": objects}), version), SPAN)


@pytest.mark.parametrize("expr", [
    [dport(MEDIA), {"counter": {"packets": 1, "bytes": 2}}, {"accept": None}],
    [UDP, dport({"set": [5060, MEDIA]}, protocol="th"), {"accept": None}],
    [state("established", "new"), {"accept": None}],
    [meta("nfproto", "ipv4"), {"accept": None}],
])  # fmt: skip
def test_a_closed_host_that_lets_media_in(expr: list[dict[str, Any]]) -> None:
    assert found([meta("iifname", "lo"), {"accept": None}], expr, policy="drop") == ()


@pytest.mark.parametrize("expr", [
    [meta("iifname", "lo"), {"accept": None}],
    [state("established", "related"), {"accept": None}],
    [dport(22, protocol="tcp"), {"accept": None}],
    [meta("nfproto", "ipv6"), {"accept": None}],
    [{"vmap": {"key": {"ct": {"key": "state"}}, "data": {"set": [["established", {"accept": None}]]}}}],
    [dport(MEDIA), {"counter": None}],
])  # fmt: skip
def test_a_closed_host_that_does_not(expr: list[dict[str, Any]]) -> None:
    (stopped,) = found(expr, policy="drop")
    assert (stopped.first, stopped.last, stopped.certain) == (20000, 29999, True)


@pytest.mark.parametrize("expr", [
    [dport("@media"), {"accept": None}],
    [dport(MEDIA, op="!="), {"accept": None}],
    [meta("iifname", "eth0"), {"accept": None}],
    [{"vmap": {"key": {"meta": {"key": "l4proto"}}, "data": "@all"}}],
])  # fmt: skip
def test_what_cannot_be_known_is_a_doubt(expr: list[dict[str, Any]]) -> None:
    (stopped,) = found(expr, policy="drop")
    assert not stopped.certain


def test_a_drop_is_told_with_its_handle() -> None:
    (stopped,) = found([UDP, {"reject": {"type": "icmp"}}])
    assert stopped.certain
    assert "inet filter input, handle 4" in stopped.rule


def test_a_jump_to_a_chain_of_the_table() -> None:
    inner = {"chain": {"family": "inet", "table": "filter", "name": "media"}}
    dropping = {"rule": {"family": "inet", "table": "filter", "chain": "media", "expr": [{"drop": None}]}}
    (stopped,) = found([UDP, {"jump": {"target": "media"}}], more=(inner, dropping))
    assert stopped.certain


def test_tables_of_the_other_version_and_those_of_iptables_are_left_alone() -> None:
    drop: list[dict[str, Any]] = [{"drop": None}]
    assert found(drop, family="ip6") == ()
    assert found(drop, family="ip6", version=6)
    assert found([{"xt": {"type": "match", "name": "conntrack"}}, {"drop": None}], family="ip") == ()


@pytest.mark.parametrize("text", ["", "[]", "{}", "no json"])
def test_what_is_no_ruleset(text: str) -> None:
    with pytest.raises(ValueError):
        chains_in(text, 4)
