"""The tables, as the programs and we see them."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtp_relay.bpf import layout, syscall
from rtp_relay.bpf.maps import Clock, FlowTable, NextHop, NextHopTable, Standing, Target, pairs_of


@pytest.fixture
def flows() -> Iterator[FlowTable]:
    try:
        made = FlowTable(("127.0.0.1", "::1"), 20000, 10)
    except OSError as error:
        pytest.skip(f"maps: {error}")
    yield made
    made.close()


def test_every_even_port_of_every_address_has_an_entry_of_its_own(flows: FlowTable) -> None:
    entries = [flows.entry_of(host, port) for host in ("127.0.0.1", "::1") for port in range(20000, 20010, 2)]
    assert entries == [number * layout.FLOW_SIZE for number in range(10)]
    for host, port in (("127.0.0.1", 19998), ("127.0.0.1", 20001), ("127.0.0.1", 20010), ("127.0.0.2", 20000)):
        assert flows.entry_of(host, port) is None


@pytest.mark.parametrize(("first", "ports", "expected"), [
    (20000, 10, (20000, 5)), (20001, 10, (20002, 4)), (20001, 3, (20002, 1)), (20000, 3, (20000, 1)),
    (20001, 2, (20002, 0)),
])  # fmt: skip
def test_a_pair_is_an_even_port_and_the_odd_one_above_it(first: int, ports: int, expected: tuple[int, int]) -> None:
    assert pairs_of(first, ports) == expected


def test_a_flow_is_written_as_the_layout_says(flows: FlowTable) -> None:
    entry = flows.entry_of("::1", 20008)
    assert entry is not None
    target = Target(("10.0.0.7", 0x1234), ("10.0.0.1", 0x4321), ("192.0.2.9", 0x5678), 3, 1500, layout.STRICT)
    standing = Standing(0x01020304, 8, 32_000_000, 0x1FFFF, 160, 1 << 40, 5, 7)
    assert not flows.is_active(entry)
    flows.activate(entry, target, standing)
    assert flows.is_active(entry)
    seen = syscall.look_up(flows.descriptor, struct.pack("<I", 9), layout.FLOW_SIZE)  # as the programs look
    assert seen[layout.SOURCE_4 : layout.SOURCE_4 + 6] == bytes([10, 0, 0, 7, 0x12, 0x34])
    assert seen[layout.FROM_4 : layout.PORTS + 4] == bytes([10, 0, 0, 1, 192, 0, 2, 9, 0x43, 0x21, 0x56, 0x78])
    assert seen[layout.SSRC : layout.SSRC + 4] == bytes([1, 2, 3, 4])
    assert struct.unpack_from("<II", seen) == (layout.STRICT | layout.ACTIVE, 3)
    assert struct.unpack_from("<II", seen, layout.PAYLOAD_TYPE) == (8, 1500)
    assert flows.standing(entry) == standing._replace(ssrc=0)
    flows.deactivate(entry)
    assert not flows.is_active(entry)


def test_addresses_of_ipv6_have_their_own_line(flows: FlowTable) -> None:
    entry = flows.entry_of("::1", 20000)
    assert entry is not None
    flows.activate(entry, Target(("::7", 1), ("::1", 2), ("::9", 3), 0, 1500, 0), Standing(*(0,) * 8))
    seen = syscall.look_up(flows.descriptor, struct.pack("<I", 5), layout.FLOW_SIZE)
    assert [seen[at + 15] for at in (layout.SOURCE_6, layout.FROM_6, layout.TO_6)] == [7, 1, 9]


def test_a_next_hop_is_usable_by_xdp_only_with_a_slot() -> None:
    try:
        hops = NextHopTable()
    except OSError as error:
        pytest.skip(f"maps: {error}")
    for slot, is_usable, expected in ((None, True, layout.BY_TC), (2, True, 3), (2, False, 0)):
        hops.put(5, NextHop(9, b"\x01" * 6, b"\x02" * 6, slot, is_usable))
        size = layout.NEXT_HOP_SIZE
        seen = syscall.look_up(hops.descriptor, bytes(4), layout.NEXT_HOPS * size)[5 * size : 6 * size]
        assert struct.unpack_from("<IIII6s6s", seen) == (9, slot or 0, expected, 0, b"\x01" * 6, b"\x02" * 6)
    hops.close()


def test_a_clock_tells_nanoseconds() -> None:
    try:
        clock = Clock()
    except OSError as error:
        pytest.skip(f"maps: {error}")
    clock.tell(2.5)
    assert syscall.look_up(clock.descriptor, bytes(4), 8) == struct.pack("<Q", 2_500_000_000)
    clock.close()


def test_what_the_verifier_says_is_in_the_error() -> None:
    with pytest.raises(OSError) as refused:
        syscall.load(syscall.ProgramKind.XDP, bytes.fromhex("9500000000000000"))  # exit, with nothing in r0
    if refused.value.errno != 1:  # not allowed at all
        assert "R0 !read_ok" in str(refused.value)


def test_an_unknown_machine_has_no_bpf(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(syscall, "_number", None)
    with pytest.raises(OSError, match="no known number"):
        syscall.create_map(syscall.MapKind.ARRAY, 4, 4, 1)


def test_descriptors_are_given_back(flows: FlowTable) -> None:
    before = descriptors()
    FlowTable(("127.0.0.1",), 20000, 10).close()
    assert descriptors() == before


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))
