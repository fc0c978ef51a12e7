"""Which forms work, and which the relay would take."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from b2bua.media_check import Verdict
from rtp_relay.facts import Link, MediaAddress, Pinned, Running
from tests.b2bua.media_check.facts import (
    HOST,
    LINK,
    NEEDS,
    RUNNING,
    TRIALS,
    about,
    bad,
    found,
    found_with,
    one,
    trial,
)


def without(form: str) -> tuple[object, ...]:
    return tuple(each for each in TRIALS if each.form != form)


def test_a_host_on_which_all_is_well() -> None:
    findings = found()
    assert bad(findings) == []
    assert one(findings, f"tc form at {HOST}").saying == (
        "96 packets forwarded, none lost, none of a stranger; 96 by the kernel alone; checksums right with the "
        "offloads of both sides on and off."
    )
    assert one(findings, "media.form").saying == "the relay takes tc: the fastest that works at any interface."


@pytest.mark.parametrize(("form", "saying"), [
    ("user", "the relay forwards in user space, as asked for."),
    ("tc", "the relay takes tc: as asked for."), ("xdp", "the relay takes xdp: as asked for."),
])  # fmt: skip
def test_what_is_asked_for_by_name_is_taken(form: str, saying: str) -> None:
    assert one(found_with(form), "media.form").saying == saying


def test_a_wrong_checksum_is_told_with_the_offloads_that_show_it() -> None:
    broken = trial("tc", arrived=0, by_kernel=0, bad_checksums=24, far_offload=True, relay_offload=False)
    findings = found(trials=(*TRIALS, broken))
    assert one(findings, f"tc form at {HOST}").saying == (
        "on a network of our own (checksum offload of the far end on, ours off), 24 packets arrived with a wrong "
        "checksum."
    )
    assert one(findings, "media.form").saying.startswith("the relay takes user, since tc cannot be had: 24 packets")
    assert one(found_with("tc", trials=(*TRIALS, broken)), "media.form").verdict is Verdict.ERROR


@pytest.mark.parametrize(("fault", "saying"), [
    ({"arrived": 20}, "4 of 24 packets were lost"),
    ({"strange": 2}, "2 packets of a stranger were passed on"),
    ({"by_kernel": 3}, "the kernel forwarded 3 of 24 packets itself"),
    ({"problem": "tc at lo: Operation not permitted"}, "tc at lo: Operation not permitted"),
])  # fmt: skip
def test_what_a_trial_shows(fault: dict[str, int], saying: str) -> None:
    findings = found(trials=(*without("tc"), trial("tc", **fault)))
    finding = one(findings, f"tc form at {HOST}")
    assert (finding.verdict, saying in finding.saying) == (Verdict.WARNING, True)
    assert finding.remedy
    assert saying in one(findings, "media.form").saying


def test_checksums_that_were_left_to_the_hardware_go_up_at_xdp_and_that_is_well() -> None:
    trials = (trial("user"), trial("tc"), trial("xdp", by_kernel=0, far_offload=True))
    assert bad(found_with("xdp", trials=trials)) == []


def test_a_user_form_that_loses_packets_on_this_host_is_an_error() -> None:
    findings = found(trials=(trial("user", network="here", arrived=0), *TRIALS[1:]))
    assert one(findings, f"user form at {HOST}").verdict is Verdict.ERROR
    assert "packet filter" in one(findings, f"user form at {HOST}").remedy


def test_an_address_that_is_not_here_is_told_once() -> None:
    lost = trial("user", network="here", sent=0, arrived=0, problem="Cannot assign requested address")
    findings = found(trials=(lost, *TRIALS[1:]), missing=(HOST,), links=())
    assert [finding.subject for finding in bad(findings)] == ["media.interfaces lan"]
    assert "no interface of this host has the address" in one(findings, "media.form").saying


def test_a_wildcard_wants_its_addresses_for_the_kernels_forms() -> None:
    needs = replace(NEEDS, interfaces=(MediaAddress("all", "0.0.0.0", HOST),))
    findings = found(needs, trials=(trial("user", host="0.0.0.0"),))
    assert one(findings, "tc form").remedy == "To have it, write each address as an interface of its own."
    assert one(findings, "media.form").saying.startswith("the relay takes user, since tc cannot be had: media at 0.0")
    assert one(found(replace(needs, form="tc")), "media.form").verdict is Verdict.ERROR


@pytest.mark.parametrize(("change", "saying"), [
    ({"has_xdp": True}, "has an XDP program of somebody else already"), ({"can_xdp": False}, "(ixgbe) does not do XDP"),
])  # fmt: skip
def test_a_driver_that_cannot_and_one_that_is_taken(change: dict[str, bool], saying: str) -> None:
    links = (msgspec.structs.replace(LINK, **change),)
    assert saying in one(found(links=links), "xdp form").saying
    finding = one(found_with("xdp", links=links), "media.form")
    assert finding.verdict is Verdict.ERROR
    assert finding.remedy == 'Mend that, or write form = "tc".'
    assert one(found(links=links), "media.form").saying.startswith("the relay takes tc")


def test_a_running_relay_with_xdp_has_its_program_there() -> None:
    links = (msgspec.structs.replace(LINK, has_xdp=True),)
    running = msgspec.structs.replace(RUNNING, form="xdp")
    assert one(found_with("xdp", links=links, running=running), "media.form").verdict is Verdict.GOOD


def test_a_link_that_is_no_ethernet_stays_in_user_space() -> None:
    tunnel = Link("tun0", (HOST,), "other", 1400, True)
    assert "tun0 stays in user space" in one(found(links=(LINK, tunnel)), "tc form").saying


def test_an_address_at_the_loopback_that_others_reach_stays_in_user_space() -> None:
    loopback = Link("lo", ("127.0.0.1", HOST), "loopback", 65536, True)
    assert f"{HOST} is at the loopback" in one(found(links=(loopback,)), "tc form").saying
    assert about(found(links=(msgspec.structs.replace(loopback, hosts=("127.0.0.1",)), LINK)), "tc form") == []


def test_without_privilege_nobody_knows() -> None:
    unseen = ("the kernel's forms: not permitted",)
    findings = found(trials=(trial("user", network="here"),), is_root=False, unseen=unseen)
    assert one(findings, "tc form").remedy == "Run this check as root."
    assert one(findings, "media.form").verdict is Verdict.NOTE
    assert one(findings, "self-test").remedy == "Run this check as root."
    assert bad(findings) == []


KEPT = Pinned("/sys/fs/bpf/multiring/relay", "tc", lasting=True, fits=True)


def test_without_privilege_what_a_loader_has_attached_can_be_had() -> None:
    findings = found(trials=(trial("user", network="here"),), is_root=False, pinned=KEPT)
    assert "a loader has attached it" in one(findings, "tc form").saying
    assert one(findings, "media.form").saying.startswith("the relay takes tc")
    assert one(findings, "media.kernel_pins").verdict is Verdict.GOOD
    other = msgspec.structs.replace(KEPT, form="xdp")
    assert one(found(trials=(trial("user"),), pinned=other), "media.form").verdict is Verdict.NOTE


@pytest.mark.parametrize(("change", "has_relay", "verdict", "saying"), [
    ({"lasting": False}, True, Verdict.GOOD, "are kept in"),
    ({"lasting": False}, False, Verdict.NOTE, "no relay is running"),
    ({"fits": False}, True, Verdict.WARNING, "for other addresses or ports"),
    ({"fits": False, "lasting": False}, False, Verdict.WARNING, "for other addresses or ports"),
])  # fmt: skip
def test_what_is_kept_for_the_next_relay(
    change: dict[str, bool], has_relay: bool, verdict: Verdict, saying: str
) -> None:
    running = RUNNING if has_relay else None
    finding = one(found(pinned=msgspec.structs.replace(KEPT, **change), running=running), "media.kernel_pins")
    assert (finding.verdict, saying in finding.saying) == (verdict, True)


def test_nowhere_to_keep_anything() -> None:
    assert "mount -t bpf" in one(found(keeps_pins=False), "media.kernel_pins").remedy
    assert about(found_with("user", keeps_pins=False), "media.kernel_pins") == []
    assert about(found(), "media.kernel_pins") == []


def test_what_runs_now_is_told() -> None:
    assert "running with the tc form (as asked for), 2 calls" in one(found(running=RUNNING), "relay").saying
    finding = one(found_with("xdp", running=Running("user", "as asked for", 1, 8)), "relay")
    assert (finding.verdict, "1 call." in finding.saying) == (Verdict.WARNING, True)
    assert "restart" in finding.remedy
