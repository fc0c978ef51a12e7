"""All the maps of one relay: made, or opened again from where an earlier relay has pinned them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final, Literal

from rtp_relay.bpf import layout, syscall
from rtp_relay.bpf.legacy import LegacyTable
from rtp_relay.bpf.maps import DEVICES, Clock, FlowTable, NextHopTable, pairs_of
from rtp_relay.bpf.ringbuf import Ring

FOREVER: Final = 9e9  # seconds on the monotonic clock, for who gives no signs of life


@dataclass(frozen=True, slots=True)
class Plan:
    """The host's configuration: media addresses, and ports, how many from first_port on."""

    hosts: tuple[str, ...]
    first_port: int
    ports: int
    traffic_class: int


@dataclass(frozen=True, slots=True)
class Place:
    """An interface to attach to, and those of the plan's hosts that packets may come to there."""

    interface: int
    name: str
    kind: Literal["tc", "xdp"]
    is_loopback: bool
    hosts: tuple[str, ...]


class Tables:
    """Every map, by its name. Raises OSError; descriptors are this object's to close from then on."""

    def __init__(self, plan: Plan, has_clock: bool, pinned: dict[str, int] | None = None) -> None:
        there = dict(pinned or {})
        entries = len(plan.hosts) * pairs_of(plan.first_port, plan.ports)[1]
        self.is_adopted = bool(there)
        self.flows = FlowTable(plan.hosts, plan.first_port, plan.ports, there.pop("flows", None))
        self.next_hops = NextHopTable(there.pop("next_hops", None))
        self.legacies = LegacyTable(entries, there.pop("legacies", None))
        self.clock = Clock(there.pop("clock", None)) if has_clock else None
        is_new = "until" not in there
        self.until = Clock(there.pop("until", None), "rtp_until")
        if is_new:
            self.until.tell(FOREVER)
        self.ring = Ring(there.pop("ring", None))
        devices = there.pop("devices", None)
        self.devices = devices if devices is not None else syscall.create_map(
            syscall.MapKind.DEVMAP, 4, 4, DEVICES, name="rtp_devices"
        )  # fmt: skip
        paces = there.pop("paces", None)
        self.paces = paces if paces is not None else syscall.create_map(
            syscall.MapKind.ARRAY, 4, layout.PACES * layout.PACE_SIZE, 1, name="rtp_paces"
        )  # fmt: skip
        assert not there, there

    def pins(self) -> dict[str, int]:
        """What is to be pinned, by name."""
        named = {
            "flows": self.flows.descriptor,
            "next_hops": self.next_hops.descriptor,
            "legacies": self.legacies.descriptor,
            "devices": self.devices,
            "ring": self.ring.descriptor,
            "until": self.until.descriptor,
            "paces": self.paces,
        }
        return named | ({"clock": self.clock.descriptor} if self.clock is not None else {})

    def close(self) -> None:
        os.close(self.paces)
        os.close(self.devices)
        if self.clock is not None:
            self.clock.close()
        self.until.close()
        self.ring.close()
        self.legacies.close()
        self.next_hops.close()
        self.flows.close()


def names(has_clock: bool) -> tuple[str, ...]:
    """Of all maps, as they are pinned."""
    return ("flows", "next_hops", "legacies", "devices", "ring", "until", "paces", *(("clock",) if has_clock else ()))
