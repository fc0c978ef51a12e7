"""iptables-save, read."""

from __future__ import annotations

import pytest

from rtp_relay.facts import Obstacle
from rtp_relay.process.probe.filtering import obstacles
from rtp_relay.process.probe.iptables import chains_in

SPAN = (20000, 29999)


def found(*rules: str, policy: str = "ACCEPT", more: str = "") -> tuple[Obstacle, ...]:
    text = f"*filter\n:INPUT {policy} [0:0]\n:FORWARD DROP [0:0]\n:OUTPUT ACCEPT [0:0]\n{more}"
    return obstacles(chains_in(text + "".join(f"{rule}\n" for rule in rules) + "COMMIT\n"), SPAN)


def test_an_open_host() -> None:
    assert found() == ()
    assert chains_in("") == {}


@pytest.mark.parametrize("rule", [
    "-A INPUT -p udp -m udp --dport 20000:29999 -j ACCEPT",
    "-A INPUT -p udp -m multiport --dports 5060,20000:29999 -m comment --comment \"media, all of it\" -j ACCEPT",
    "-A INPUT -m conntrack --ctstate NEW,RELATED -p 17 -j ACCEPT",
    "-A INPUT ! -p tcp -j ACCEPT",
    "-A INPUT -j ACCEPT",
])  # fmt: skip
def test_a_closed_host_that_lets_media_in(rule: str) -> None:
    assert found("-A INPUT -i lo -j ACCEPT", rule, policy="DROP") == ()


@pytest.mark.parametrize("rule", [
    "-A INPUT -i lo -j ACCEPT",
    "-A INPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
    "-A INPUT -p tcp -m tcp --dport 22 -j ACCEPT",
    "-A INPUT -p udp -m udp --dport 5060 -j ACCEPT",
])  # fmt: skip
def test_a_closed_host_that_does_not(rule: str) -> None:
    (stopped,) = found(rule, policy="DROP")
    assert (stopped.first, stopped.last, stopped.certain) == (20000, 29999, True)


@pytest.mark.parametrize("rule", [
    "-A INPUT -s 10.0.0.0/8 -p udp -j ACCEPT",
    "-A INPUT -p udp ! --dport 20000:29999 -j ACCEPT",
    "-A INPUT -p udp -m udp --dport media -j ACCEPT",
    "-A INPUT -i eth0 -p udp -j ACCEPT",
    "-A INPUT -f -p udp -j ACCEPT",
    "-A INPUT -p udp -m limit --limit 5/sec ! -f -j ACCEPT",
])  # fmt: skip
def test_what_cannot_be_known_is_a_doubt(rule: str) -> None:
    (stopped,) = found(rule, policy="DROP")
    assert not stopped.certain


def test_a_rule_that_rejects_is_named_as_it_stands() -> None:
    rule = "-A INPUT -p udp -j REJECT --reject-with icmp-port-unreachable"
    assert found(rule) == (Obstacle(20000, 29999, rule, True),)


def test_chains_of_ones_own() -> None:
    jump, rule = "-A INPUT -p udp -j media", "-A media -p udp -m udp --dport 25000:25999 -j DROP"
    assert found(jump, rule, more=":media - [0:0]\n") == (Obstacle(25000, 25999, rule, True),)


def test_tables_have_chains_of_one_name_and_nat_says_nothing() -> None:
    text = (
        "*nat\n:INPUT ACCEPT [0:0]\n-A INPUT -j DROP\nCOMMIT\n"
        "*raw\n:PREROUTING ACCEPT [0:0]\n-A PREROUTING -p udp -m udp --dport 20000 -j DROP\nCOMMIT\n"
        "*filter\n:INPUT ACCEPT [0:0]\nCOMMIT\n"
    )
    (stopped,) = obstacles(chains_in(text), SPAN)
    assert (stopped.first, stopped.last) == (20000, 20000)
