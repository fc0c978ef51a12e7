"""What an earlier relay, or a loader, has left with the kernel for the next relay; looked at and left alone."""

from __future__ import annotations

from pathlib import Path

from rtp_relay import facts
from rtp_relay.bpf import layout, pins

MOUNTS = Path("/proc/self/mounts")


def directory_of(wanted: facts.Wanted) -> str:
    """Where it is kept; "" where nothing says so."""
    return wanted.pins or (pins.default_directory(wanted.relay_socket) if wanted.relay_socket else "")


def can_keep(directory: str, mounts: Path = MOUNTS) -> bool:
    """Whether the directory is, or would be, in a bpf file system."""
    places = (line.split() for line in mounts.read_text().splitlines())
    mounted = [Path(place[1]) for place in places if place[2] == "bpf"]
    return any(Path(directory).is_relative_to(place) for place in mounted)


def look(directory: str, wanted: facts.Wanted) -> facts.Pinned | None:
    """None where nothing is kept. Raises OSError where this user may not look."""
    kept = pins.Pins(directory)
    record = kept.record()
    if record is None:
        return None
    return facts.Pinned(
        directory, "xdp" if any(name.startswith("link_xdp") for name in kept.names()) else "tc", record.is_lasting,
        record.identity == _identity(wanted),
    )  # fmt: skip


def _identity(wanted: facts.Wanted) -> tuple[object, ...]:
    """As a relay that is started now would have it."""
    hosts = tuple(dict.fromkeys(interface.bind for interface in wanted.interfaces))
    ports = wanted.last_port + 1 - wanted.first_port
    return pins.Record(layout.VERSION, hosts, wanted.first_port, ports, False, pins.namespace()).identity
