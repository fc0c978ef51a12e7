"""Ports, descriptors, buffers."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from b2bua.media_check import Verdict
from tests.b2bua.media_check.facts import HEALTHY, HOST, NEEDS, RUNNING, bad, found, one


def test_enough_ports() -> None:
    findings = found()
    assert one(findings, "media.ports").saying == "nobody has any of 20000 to 29999."
    assert one(findings, "media.ports at lan").saying == (
        "5000 pairs of ports (20000 to 29999); 1000 calls that all ring need 4000."
    )


def test_ports_that_do_for_talking_but_not_for_ringing() -> None:
    finding = one(found(replace(NEEDS, last_port=25999)), "media.ports at lan")
    assert finding.verdict is Verdict.WARNING
    assert "3000 pairs" in finding.saying
    assert finding.remedy == "Write a range with 8000 ports, or lower limits.calls to 750."


def test_ports_that_do_for_neither() -> None:
    assert one(found(replace(NEEDS, last_port=21999)), "media.ports at lan").verdict is Verdict.ERROR


def test_an_odd_first_port_is_no_half_a_pair() -> None:
    assert replace(NEEDS, first_port=20001, last_port=20004).pairs == 1
    assert replace(NEEDS, first_port=20000, last_port=20004).pairs == 2


def test_ports_of_other_programs() -> None:
    finding = one(found(taken={HOST: (20000, 20001, 20007)}), "media.ports")
    assert finding.verdict is Verdict.WARNING
    assert "other programs have 3 of them (20000, 20001, 20007)" in finding.saying


def test_ports_of_the_running_relay_are_its_own() -> None:
    ours = tuple(range(20000, 20512))
    assert one(found(taken={HOST: ours}, running=RUNNING), "media.ports").verdict is Verdict.GOOD
    finding = one(found(taken={HOST: (*ours, 29000)}, running=RUNNING), "media.ports")
    assert "other programs have 1 of them;" in finding.saying


@pytest.mark.parametrize(("limit", "verdict"), [
    (10_256, Verdict.GOOD), (10_255, Verdict.WARNING), (4_256, Verdict.WARNING), (4_255, Verdict.ERROR),
])  # fmt: skip
def test_descriptors(limit: int, verdict: Verdict) -> None:
    finding = one(found(descriptors=limit), "descriptors")
    assert finding.verdict is verdict
    assert verdict is Verdict.GOOD or "LimitNOFILE=10256" in finding.remedy


def test_the_running_relays_descriptors_count_and_not_ours() -> None:
    assert one(found(descriptors=64, running=RUNNING), "descriptors").verdict is Verdict.GOOD
    running = msgspec.structs.replace(RUNNING, descriptors=1024)
    assert "the running relay may have 1024" in one(found(running=running), "descriptors").saying


@pytest.mark.parametrize(("name", "value"), [
    ("net.core.rmem_max", 212992), ("net.core.rmem_default", 4096), ("net.core.netdev_max_backlog", 1000),
    ("net.core.bpf_jit_enable", 0),
])  # fmt: skip
def test_settings_that_are_low(name: str, value: int) -> None:
    finding = one(found(settings=HEALTHY.settings | {name: value}), name)
    assert finding.verdict is Verdict.WARNING
    assert finding.remedy.startswith(f"sysctl -w {name}=")


def test_settings_that_cannot_be_read_are_no_fault() -> None:
    assert bad(found(settings={})) == []


@pytest.mark.parametrize(("count", "verdict", "subject"), [
    (0, Verdict.NOTE, "conntrack"), (1500, Verdict.WARNING, "net.netfilter.nf_conntrack_max"),
])  # fmt: skip
def test_connection_tracking(count: int, verdict: Verdict, subject: str) -> None:
    tracked: dict[str, Any] = {"net.netfilter.nf_conntrack_max": 5000, "net.netfilter.nf_conntrack_count": count}
    finding = one(found(settings=HEALTHY.settings | tracked), subject)
    assert finding.verdict is verdict
    assert "notrack" in finding.remedy
