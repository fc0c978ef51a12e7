"""The tables that user space and the programs share, as memory: a flow is put in without a system call.

Only one writes each word, save for the flags (see layout): what is to be expected is written while the flow is
not ACTIVE, and the flag last. A program that was in the middle of a packet when the flag went may finish with
what it read: a microsecond later the entry is quiet. Ports rest between calls for far longer.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import struct
from typing import Final, NamedTuple

from rtp_relay.bpf import layout, syscall
from rtp_relay.source import is_version_6

NANOSECONDS: Final = 1_000_000_000
NEXT_HOPS: Final = 1024
DEVICES: Final = 64
WORD: Final = 4
LONG: Final = 8
EXPECTATION: Final = struct.Struct("<I4sH2x4s4sHHI4sII")  # from layout.NEXT_HOP to SIZE_LIMIT
FIGURES: Final = struct.Struct("<IIQQQ")  # from layout.HIGHEST to LONGEST_GAP
ADDRESSES_6: Final = struct.Struct("16s16s16s")


class Target(NamedTuple):
    """Where packets of a flow are expected from, and where they go. Addresses are (host, port)."""

    source: tuple[str, int]
    new_source: tuple[str, int]
    destination: tuple[str, int]
    next_hop: int
    size_limit: int
    flags: int


class Standing(NamedTuple):
    """Where the counting goes on from. Times are ns, jitter 1/16 ns, tick 1/256 ns."""

    ssrc: int
    payload_type: int
    tick: int
    highest: int
    timestamp: int
    last: int
    jitter: int
    longest_gap: int


class Counters(NamedTuple):
    packets: int
    octets: int
    strangers: int
    raised: int


class FlowTable:
    """One entry for each port of each media address."""

    def __init__(self, hosts: tuple[str, ...], first_port: int, ports: int) -> None:
        self._hosts = {host: number for number, host in enumerate(hosts)}
        self._first_port = first_port
        self._ports = ports
        entries = len(hosts) * ports
        self.descriptor = syscall.create_map(
            syscall.MapKind.ARRAY, 4, layout.FLOW_SIZE, entries, syscall.MMAPABLE, "rtp_flows"
        )
        self._memory = syscall.map_memory(self.descriptor, entries * layout.FLOW_SIZE)
        self._words = memoryview(self._memory).cast("I")
        self._longs = memoryview(self._memory).cast("Q")

    def close(self) -> None:
        self._words.release()
        self._longs.release()
        self._memory.close()
        os.close(self.descriptor)

    def entry_of(self, host: str, port: int) -> int | None:
        """Where the entry begins; None where there is none."""
        number = self._hosts.get(host)
        if number is None or not 0 <= port - self._first_port < self._ports:
            return None
        return (number * self._ports + port - self._first_port) * layout.FLOW_SIZE

    def is_active(self, entry: int) -> bool:
        return bool(self._words[(entry + layout.FLAGS) // WORD] & layout.ACTIVE)

    def deactivate(self, entry: int) -> None:
        """From now on everything goes up."""
        self._words[(entry + layout.FLAGS) // WORD] = 0

    def activate(self, entry: int, target: Target, standing: Standing) -> None:
        """Forward what is expected from now on. The entry must not be active."""
        memory = self._memory
        source, new, to = _packed(target.source[0]), _packed(target.new_source[0]), _packed(target.destination[0])
        if len(source) == 16:
            ADDRESSES_6.pack_into(memory, entry + layout.SOURCE_6, source, new, to)
            source = new = to = bytes(4)
        EXPECTATION.pack_into(
            memory, entry + layout.NEXT_HOP, target.next_hop, source, _swapped(target.source[1]), new, to,
            _swapped(target.new_source[1]), _swapped(target.destination[1]), standing.tick,
            standing.ssrc.to_bytes(4, "big"), standing.payload_type, target.size_limit,
        )  # fmt: skip
        FIGURES.pack_into(
            memory, entry + layout.HIGHEST, standing.highest, standing.timestamp, standing.last, standing.jitter,
            standing.longest_gap,
        )  # fmt: skip
        self._words[(entry + layout.FLAGS) // WORD] = target.flags | layout.ACTIVE

    def counters(self, entry: int) -> Counters:
        """They only ever grow, from one call to the next."""
        first = (entry + layout.PACKETS) // LONG
        return Counters(*self._longs[first : first + 4])

    def standing(self, entry: int) -> Standing:
        """Where the counting stands."""
        words, longs = self._words, self._longs
        return Standing(
            0, words[(entry + layout.PAYLOAD_TYPE) // WORD], words[(entry + layout.TICK) // WORD],
            words[(entry + layout.HIGHEST) // WORD], words[(entry + layout.TIMESTAMP) // WORD],
            longs[(entry + layout.LAST) // LONG], longs[(entry + layout.JITTER) // LONG],
            longs[(entry + layout.LONGEST_GAP) // LONG],
        )  # fmt: skip


@functools.lru_cache(maxsize=4096)
def _packed(host: str) -> bytes:
    return ipaddress.ip_address(host).packed


def _swapped(port: int) -> int:
    """As it lies on the wire, for a little-endian host to write."""
    return port >> 8 | (port & 0xFF) << 8


def same_version(*hosts: str) -> bool:
    return len({is_version_6(host) for host in hosts}) == 1


class NextHop(NamedTuple):
    """How the next hop is reached. slot: of its interface in the device map, None if it has none there."""

    interface: int
    destination_mac: bytes
    source_mac: bytes
    slot: int | None
    is_usable: bool


class NextHopTable:
    """One write here repairs every flow that goes the same way."""

    def __init__(self) -> None:
        self.descriptor = syscall.create_map(
            syscall.MapKind.ARRAY, 4, layout.NEXT_HOP_SIZE, NEXT_HOPS, syscall.MMAPABLE, "rtp_next_hops"
        )
        self._memory = syscall.map_memory(self.descriptor, NEXT_HOPS * layout.NEXT_HOP_SIZE)
        self._words = memoryview(self._memory).cast("I")

    def close(self) -> None:
        self._words.release()
        self._memory.close()
        os.close(self.descriptor)

    def put(self, number: int, hop: NextHop) -> None:
        """Change a next hop; packets go up while it is being changed, and while it is not usable."""
        entry = number * layout.NEXT_HOP_SIZE
        usable = (entry + layout.USABLE) // WORD
        self._words[usable] = 0
        struct.pack_into("<II", self._memory, entry, hop.interface, hop.slot or 0)
        struct.pack_into("6s6s", self._memory, entry + layout.MACS, hop.destination_mac, hop.source_mac)
        if hop.is_usable:
            self._words[usable] = layout.BY_TC | (layout.BY_XDP if hop.slot is not None else 0)


class Clock:
    """A time that is handed in, for programs that are not to read the kernel's."""

    def __init__(self) -> None:
        self.descriptor = syscall.create_map(syscall.MapKind.ARRAY, 4, 8, 1, syscall.MMAPABLE, "rtp_clock")
        self._memory = syscall.map_memory(self.descriptor, 8)

    def close(self) -> None:
        self._memory.close()
        os.close(self.descriptor)

    def tell(self, now: float) -> None:
        struct.pack_into("<Q", self._memory, 0, round(now * NANOSECONDS))
