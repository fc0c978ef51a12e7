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
DEVICES: Final = 64
WORD: Final = 4
LONG: Final = 8
EXPECTATION: Final = struct.Struct("<I4sHH4s4sHHI4sIIIIIII")  # from layout.NEXT_HOP to PORT_CHANGE
FIGURES: Final = struct.Struct("<IIQQQ")  # from layout.HIGHEST to LONGEST_GAP
ADDRESSES_6: Final = struct.Struct("16s16s16s")
NEXT_HOP: Final = struct.Struct("<IIII6s6sI16s")
ONES: Final = 0xFFFF
PROTOCOL: Final = 17 << 8  # UDP in a pseudo header, as the host reads it


class Target(NamedTuple):
    """Where packets of a flow are expected from, and where they go. Addresses are (host, port)."""

    source: tuple[str, int]
    new_source: tuple[str, int]
    destination: tuple[str, int]
    next_hop: int
    size_limit: int
    flags: int


class Standing(NamedTuple):
    """Where the counting goes on from. Times are ns, jitter 1/16 ns, tick 1/256 ns; payload types may have COPY."""

    ssrc: int
    payload_type: int
    tick: int
    highest: int
    timestamp: int
    last: int
    jitter: int
    longest_gap: int
    other_type: int = layout.NO_TYPE
    other_tick: int = 0


class Counters(NamedTuple):
    packets: int
    octets: int
    strangers: int
    raised: int


class FlowTable:
    """One entry for each even port of each media address."""

    def __init__(
        self, hosts: tuple[str, ...], first_port: int, ports: int, descriptor: int | None = None
    ) -> None:
        self._hosts = {host: number for number, host in enumerate(hosts)}
        self._sums = [_summed(host)[1] for host in hosts]
        self._first_port, self._pairs = pairs_of(first_port, ports)
        entries = len(hosts) * self._pairs
        self.descriptor = descriptor if descriptor is not None else syscall.create_map(
            syscall.MapKind.ARRAY, 4, layout.FLOW_SIZE, entries, syscall.MMAPABLE, "rtp_flows"
        )  # fmt: skip
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
        number, above = self._hosts.get(host), port - self._first_port
        if number is None or above & 1 or not 0 <= above < 2 * self._pairs:
            return None
        return (number * self._pairs + above // 2) * layout.FLOW_SIZE

    def active(self) -> list[int]:
        """The entries of all flows that the kernel forwards."""
        flags = self._words[:: layout.FLOW_SIZE // WORD].tolist()
        return [number * layout.FLOW_SIZE for number, flag in enumerate(flags) if flag & layout.ACTIVE]

    def is_active(self, entry: int) -> bool:
        return bool(self._words[(entry + layout.FLAGS) // WORD] & layout.ACTIVE)

    def deactivate(self, entry: int) -> None:
        """From now on everything goes up."""
        self._words[(entry + layout.FLAGS) // WORD] = 0

    def activate(self, entry: int, target: Target, standing: Standing) -> None:
        """Forward what is expected from now on. The entry must not be active."""
        memory, number = self._memory, entry // layout.FLOW_SIZE
        (source_host, source_port), (new_host, new_port), (to_host, to_port) = target[:3]
        (source, came), (new, sent), (to, received) = _summed(source_host), _summed(new_host), _summed(to_host)
        host, above = divmod(number, self._pairs)
        came += self._sums[host]
        port_change = new_port + to_port - source_port - self._first_port - 2 * above
        if len(source) == 16:
            ADDRESSES_6.pack_into(memory, entry + layout.SOURCE_6, source, new, to)
            source = new = to = bytes(4)
        EXPECTATION.pack_into(
            memory, entry + layout.NEXT_HOP, target.next_hop, source, _swapped(source_port),
            (came + PROTOCOL) % ONES, new, to, _swapped(new_port), _swapped(to_port),
            standing.tick, standing.ssrc.to_bytes(4, "big"), standing.payload_type, target.size_limit,
            number, standing.other_type, standing.other_tick,
            (sent + received - came) % ONES, 256 * port_change % ONES,
        )  # fmt: skip
        FIGURES.pack_into(
            memory, entry + layout.HIGHEST, standing.highest, standing.timestamp, standing.last, standing.jitter,
            standing.longest_gap,
        )  # fmt: skip
        self._words[(entry + layout.FLAGS) // WORD] = target.flags | layout.ACTIVE

    def target(self, entry: int) -> Target:
        """What was written by `activate`, the flags without ACTIVE."""
        next_hop, source, source_port, _, new, to, new_port, to_port, _, _, _, size_limit, *_ = (
            EXPECTATION.unpack_from(self._memory, entry + layout.NEXT_HOP)
        )
        if source == new == to == bytes(4):
            source, new, to = ADDRESSES_6.unpack_from(self._memory, entry + layout.SOURCE_6)
        flags = self._words[(entry + layout.FLAGS) // WORD] & ~layout.ACTIVE
        return Target(
            (_unpacked(source), _swapped(source_port)), (_unpacked(new), _swapped(new_port)),
            (_unpacked(to), _swapped(to_port)), next_hop, size_limit, flags,
        )  # fmt: skip

    def counters(self, entry: int) -> Counters:
        """They only ever grow, from one call to the next."""
        first = (entry + layout.PACKETS) // LONG
        return Counters(*self._longs[first : first + 4])

    def totals(self) -> Counters:
        """Summed over all entries: half a millisecond for 10,000 ports."""
        every, first = layout.FLOW_SIZE // LONG, layout.PACKETS // LONG
        return Counters(*[sum(self._longs[first + number :: every]) for number in range(len(Counters._fields))])

    def uncopied(self) -> int:
        """Packets that found no room in the ring, of all entries."""
        return sum(self._longs[layout.UNCOPIED // LONG :: layout.FLOW_SIZE // LONG])

    def standing(self, entry: int) -> Standing:
        """Where the counting stands."""
        words, longs = self._words, self._longs
        return Standing(
            0, words[(entry + layout.PAYLOAD_TYPE) // WORD] & layout.TYPE_MASK, words[(entry + layout.TICK) // WORD],
            words[(entry + layout.HIGHEST) // WORD], words[(entry + layout.TIMESTAMP) // WORD],
            longs[(entry + layout.LAST) // LONG], longs[(entry + layout.JITTER) // LONG],
            longs[(entry + layout.LONGEST_GAP) // LONG],
        )  # fmt: skip


@functools.lru_cache(maxsize=4096)
def _packed(host: str) -> bytes:
    return ipaddress.ip_address(host).packed


def _unpacked(octets: bytes) -> str:
    return str(ipaddress.ip_address(octets))


@functools.lru_cache(maxsize=4096)
def _summed(host: str) -> tuple[bytes, int]:
    """The address, and the one's complement sum of its 16-bit words as the host reads them (2 to the 16th is 1)."""
    packed = _packed(host)
    return packed, int.from_bytes(packed, "little") % ONES


def pairs_of(first_port: int, ports: int) -> tuple[int, int]:
    """The first even port of a range, and how many there are that have the odd one above them."""
    even = first_port + (first_port & 1)
    return even, (first_port + ports - even) // 2


def _swapped(port: int) -> int:
    """As it lies on the wire, for a little-endian host to write."""
    return port >> 8 | (port & 0xFF) << 8


def same_version(*hosts: str) -> bool:
    return len({is_version_6(host) for host in hosts}) == 1


class NextHop(NamedTuple):
    """How the next hop is reached. slot: of its interface in the device map, None if it has none there.

    host: whose MAC address it is, "" at the loopback. is_watched: we asked the kernel to keep it fresh.
    """

    interface: int
    destination_mac: bytes
    source_mac: bytes
    slot: int | None
    is_usable: bool
    host: str = ""
    is_watched: bool = False


HOPS_SIZE: Final = layout.NEXT_HOPS * layout.NEXT_HOP_SIZE


class NextHopTable:
    """One write here repairs every flow that goes the same way."""

    def __init__(self, descriptor: int | None = None) -> None:
        self.descriptor = descriptor if descriptor is not None else syscall.create_map(
            syscall.MapKind.ARRAY, 4, HOPS_SIZE, 1, syscall.MMAPABLE, "rtp_next_hops"
        )  # fmt: skip
        self._memory = syscall.map_memory(self.descriptor, HOPS_SIZE)
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
        packed = _packed(hop.host) if hop.host else b""
        known_by = {0: 0, 4: 4, 16: 6}[len(packed)]
        struct.pack_into("<I16s", self._memory, entry + layout.KNOWN_BY, known_by, packed)
        self._words[(entry + layout.IS_WATCHED) // WORD] = hop.is_watched
        if hop.is_usable:
            self._words[usable] = layout.BY_TC | (layout.BY_XDP if hop.slot is not None else 0)

    def known(self) -> dict[int, NextHop]:
        """What was put here, by number."""
        found: dict[int, NextHop] = {}
        for number in range(layout.NEXT_HOPS):
            entry = number * layout.NEXT_HOP_SIZE
            interface, slot, usable, is_watched, to, by, known_by, host = NEXT_HOP.unpack_from(self._memory, entry)
            if interface:
                name = _unpacked(host[: 16 if known_by == 6 else 4]) if known_by else ""
                at = slot if usable & layout.BY_XDP else None
                found[number] = NextHop(interface, to, by, at, bool(usable), name, bool(is_watched))
        return found


class Clock:
    """A time that is handed in: for programs that are not to read the kernel's, and that until which they forward."""

    def __init__(self, descriptor: int | None = None, name: str = "rtp_clock") -> None:
        self.descriptor = descriptor if descriptor is not None else syscall.create_map(
            syscall.MapKind.ARRAY, 4, 8, 1, syscall.MMAPABLE, name
        )  # fmt: skip
        self._memory = syscall.map_memory(self.descriptor, 8)

    def close(self) -> None:
        self._memory.close()
        os.close(self.descriptor)

    def told(self) -> float:
        """What `tell` was told last."""
        (nanoseconds,) = struct.unpack_from("<Q", self._memory, 0)
        return float(nanoseconds) / NANOSECONDS

    def tell(self, now: float) -> None:
        struct.pack_into("<Q", self._memory, 0, round(now * NANOSECONDS))
