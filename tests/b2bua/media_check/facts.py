"""A host on which all is well, and needs that it meets; tests change what they are about."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec

from b2bua.media_check import MediaFinding, Needs, Verdict, judge
from rtp_relay.facts import FORMS, Facts, Firewall, Link, MediaAddress, Running, Trial, Way

HOST, FAR = "203.0.113.5", "198.51.100.64"
NEEDS = Needs(
    interfaces=(MediaAddress("lan", HOST, HOST),), first_port=20000, last_port=29999, form="auto", calls=1000,
    recipients=3, ringing={"lan": 4000}, talking={"lan": 2000},
)  # fmt: skip
LINK = Link("eth0", (HOST,), "ethernet", 1500, True, "ixgbe", 4, 8, True, True, True, False, 0)
WAY = Way(HOST, FAR, "eth0", "203.0.113.1", "known", "eth0")
RUNNING = Running("tc", "as asked for", 2, 256, 65536)


def trial(form: Any, **changed: Any) -> Trial:
    by_kernel = 0 if form == "user" or (form == "xdp" and changed.get("far_offload")) else 24
    what: dict[str, Any] = {"sent": 24, "arrived": 24, "by_kernel": by_kernel}
    return Trial(**({"form": form, "host": HOST, "network": "own"} | what | changed))


TRIALS = (
    trial("user", network="here"),
    *(
        trial(form, far_offload=far, relay_offload=ours)
        for form in FORMS
        for far in (False, True)
        for ours in (False, True)
    ),
)
HEALTHY = Facts(
    kernel="6.12", is_root=True, trials=TRIALS, links=(LINK,), ways=(WAY,), taken={HOST: ()}, descriptors=65536,
    settings={"net.core.rmem_max": 16 << 20, "net.core.rmem_default": 212992, "net.core.netdev_max_backlog": 5000},
    firewalls=(Firewall(4, "nft"),),
)  # fmt: skip


def found(needs: Needs = NEEDS, **changed: Any) -> tuple[MediaFinding, ...]:
    """Findings of the host with some facts changed."""
    return judge(needs, msgspec.structs.replace(HEALTHY, **changed))


def found_with(form: Any, **changed: Any) -> tuple[MediaFinding, ...]:
    """The same, with another form asked for."""
    return found(replace(NEEDS, form=form), **changed)


def about(findings: tuple[MediaFinding, ...], subject: str) -> list[MediaFinding]:
    return [finding for finding in findings if finding.subject == subject]


def one(findings: tuple[MediaFinding, ...], subject: str) -> MediaFinding:
    (only,) = about(findings, subject)
    return only


def bad(findings: tuple[MediaFinding, ...]) -> list[MediaFinding]:
    """Warnings and errors."""
    return [finding for finding in findings if finding.verdict in (Verdict.WARNING, Verdict.ERROR)]
