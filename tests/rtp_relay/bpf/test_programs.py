"""The programs on packets made by hand, which the kernel runs for us and sends nowhere (BPF_PROG_TEST_RUN)."""

from __future__ import annotations

import ipaddress
import os
import struct
from collections.abc import Iterator
from typing import Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rtp_relay.bpf import layout, syscall
from rtp_relay.bpf.maps import Counters, FlowTable, NextHop, NextHopTable, Standing, Target
from rtp_relay.bpf.programs import program
from rtp_relay.bpf.ringbuf import ROOMS, SIZE, Ring
from rtp_relay.bpf.site import Site
from tests.rtp_relay.packets import rtcp, rtp

UNCHECKED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
HOSTS = ("10.0.0.1", "2001:db8::1")
FIRST = 20000
PORTS = 100
OURS = {4: (HOSTS[0], 20010), 6: (HOSTS[1], 20010)}
THEIRS = {4: ("10.0.0.7", 4000), 6: ("2001:db8::7", 4000)}
LEAVES = {4: (HOSTS[0], 20020), 6: (HOSTS[1], 20020)}
GOES = {4: ("192.0.2.9", 5000), 6: ("2001:db8:1::9", 5000)}
MACS = (b"\x02\x00\x00\x00\x00\x09", b"\x02\x00\x00\x00\x00\x01")
UP = {"tc": 0xFFFFFFFF, "xdp": 2}
DROPPED = {"tc": 2, "xdp": 1}
SENT = {"tc": 7, "xdp": 4}  # TC_ACT_REDIRECT, XDP_REDIRECT


def total(octets: bytes) -> int:
    """RFC 1071."""
    padded = octets + bytes(len(octets) % 2)
    result: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    while result >> 16:
        result = (result & 0xFFFF) + (result >> 16)
    return result


def frame(
    version: int, payload: bytes, source: tuple[str, int], destination: tuple[str, int], tos: int = 0,
    hop_limit: int = 57, has_checksum: bool = True, macs: tuple[bytes, bytes] = (bytes(6), b"\x04" * 6),
) -> bytes:  # fmt: skip
    """A whole Ethernet frame, its checksums computed the long way; to the loopback, where it seems to come in."""
    addresses = ipaddress.ip_address(source[0]).packed + ipaddress.ip_address(destination[0]).packed
    udp = struct.pack("!HHHH", source[1], destination[1], 8 + len(payload), 0)
    pseudo = addresses + struct.pack("!HH", 17, 8 + len(payload))
    checksum = (total(pseudo + udp + payload) ^ 0xFFFF) or 0xFFFF
    udp = udp[:6] + struct.pack("!H", checksum if has_checksum else 0)
    if version == 4:
        ip = struct.pack("!BBHHHBBH", 0x45, tos, 28 + len(payload), 77, 0x4000, hop_limit, 17, 0) + addresses
        ip = ip[:10] + struct.pack("!H", total(ip) ^ 0xFFFF) + ip[12:]
        return macs[0] + macs[1] + b"\x08\x00" + ip + udp + payload
    first = 6 << 28 | tos << 20 | 0x12345
    ip = struct.pack("!IHBB", first, 8 + len(payload), 17, hop_limit) + addresses
    return macs[0] + macs[1] + b"\x86\xdd" + ip + udp + payload


class Bench:
    """A program with its tables, and one flow of each version."""

    def __init__(self, kind: Literal["tc", "xdp"]) -> None:
        self.kind = kind
        self.flows = FlowTable(HOSTS, FIRST, PORTS)
        self.hops = NextHopTable()
        self.ring = Ring()
        self.devices = syscall.create_map(syscall.MapKind.DEVMAP, 4, 4, 4)
        syscall.update(self.devices, bytes(4), struct.pack("<I", 1))
        self.hops.put(0, NextHop(1, *MACS, 0, True))
        made = Site(kind, False, tuple(enumerate(HOSTS)), FIRST, PORTS // 2, 0xB8,
                    self.flows.descriptor, self.hops.descriptor, self.devices,
                    events=self.ring.descriptor)  # fmt: skip
        is_tc = kind == "tc"
        loaded = syscall.ProgramKind.SCHED_CLS if is_tc else syscall.ProgramKind.XDP
        self.program = syscall.load(loaded, program(made), "a_test")
        for version in (4, 6):
            self.activate(version)

    def close(self) -> None:
        os.close(self.program)
        os.close(self.devices)
        self.ring.close()
        self.hops.close()
        self.flows.close()

    def entry(self, version: int) -> int:
        entry = self.flows.entry_of(*OURS[version])
        assert entry is not None
        return entry

    def activate(
        self, version: int, flags: int = layout.STRICT, limit: int = 1500, sequence: int = 0,
        kinds: tuple[int, int] = (0, layout.NO_TYPE), **change: tuple[str, int],
    ) -> None:  # fmt: skip
        """kinds: payload types that take turns."""
        self.flows.deactivate(self.entry(version))
        target = Target(
            change.get("source", THEIRS[version]), LEAVES[version], change.get("destination", GOES[version]),
            0, limit, flags,
        )  # fmt: skip
        self.flows.activate(self.entry(version), target, Standing(
            7, kinds[0], 125000 << 8, sequence, 0, 0, 0, 0, kinds[1], 777,
        ))  # fmt: skip

    def copies(self) -> list[tuple[int, bytes]]:
        """Numbers of entries and packets that have come to the ring."""
        found: list[tuple[int, bytes]] = []
        self.ring.drain(lambda number, packet, _: found.append((number, bytes(packet))))
        return found

    def counters(self, version: int) -> Counters:
        return self.flows.counters(self.entry(version))

    def run(self, packet: bytes) -> syscall.Run:
        return syscall.try_on(self.program, packet)

    def goes_up(self, packet: bytes) -> bool:
        run = self.run(packet)
        return run.result == UP[self.kind] and run.packet == packet


@pytest.fixture(scope="module", params=["tc", "xdp"])
def bench(request: pytest.FixtureRequest) -> Iterator[Bench]:
    try:
        made = Bench(request.param)
    except OSError as error:
        pytest.skip(f"{request.param}: {error}")
    yield made
    made.close()


@pytest.fixture(autouse=True)
def as_it_was(bench: Bench) -> None:
    for version in (4, 6):
        bench.activate(version)
    bench.hops.put(0, NextHop(1, *MACS, 0, True))


both = pytest.mark.parametrize("version", [4, 6], ids=["IPv4", "IPv6"])


@both
@pytest.mark.parametrize("size", [0, 1, 4, 159, 160, 1400])
def test_a_packet_is_rewritten_to_the_last_octet(bench: Bench, version: int, size: int) -> None:
    payload = rtp(1, size=size)
    run = bench.run(frame(version, payload, THEIRS[version], OURS[version], tos=0x2D))
    expected = frame(version, payload, LEAVES[version], GOES[version], 0xB8, 64, macs=MACS)
    assert run.result == SENT[bench.kind]
    assert run.packet == expected


@both
@settings(max_examples=60, deadline=None, suppress_health_check=UNCHECKED)
@given(data=st.data())
def test_checksums_are_right_for_any_addresses_ports_and_payload(
    bench: Bench, version: int, data: st.DataObject
) -> None:
    addresses = st.ip_addresses(v=4 if version == 4 else 6).map(str)
    source, destination = (
        data.draw(st.tuples(addresses, st.integers(0, 65535))) for _ in range(2)
    )  # fmt: skip
    payload = rtp(1, size=0) + data.draw(st.binary(max_size=60))
    bench.activate(version, source=source, destination=destination)
    packet = frame(version, payload, source, OURS[version])
    assert bench.run(packet).packet == frame(version, payload, LEAVES[version], destination, 0xB8, 64, macs=MACS)


def test_without_a_checksum_there_is_none_afterwards(bench: Bench) -> None:
    run = bench.run(frame(4, rtp(1), THEIRS[4], OURS[4], has_checksum=False))
    assert run.packet == frame(4, rtp(1), LEAVES[4], GOES[4], 0xB8, 64, has_checksum=False, macs=MACS)
    assert bench.goes_up(frame(6, rtp(1), THEIRS[6], OURS[6], has_checksum=False))


@both
def test_a_stranger_is_dropped_or_shown(bench: Bench, version: int) -> None:
    host, port = THEIRS[version]
    other = str(ipaddress.ip_address(host) + 1)
    for source in ((host, port + 1), (other, port)):
        packet = frame(version, rtp(1), source, OURS[version])
        bench.activate(version)
        before = bench.counters(version)
        assert bench.run(packet).result == DROPPED[bench.kind]
        assert bench.counters(version) == before._replace(strangers=before.strangers + 1)
        bench.activate(version, flags=0)
        assert bench.goes_up(packet)


@both
def test_what_is_counted(bench: Bench, version: int) -> None:
    before = bench.counters(version)
    for sequence in (1, 2, 4):
        bench.run(frame(version, rtp(sequence, size=100), THEIRS[version], OURS[version]))
    after = bench.counters(version)
    assert (after.packets - before.packets, after.octets - before.octets) == (3, 336)
    assert bench.flows.standing(bench.entry(version)).highest == 4
    assert bench.flows.standing(bench.entry(version)).timestamp == 640


@both
@pytest.mark.parametrize("payload", [
    rtcp(192), rtcp(223), b"", b"\x80", rtp(1)[:11], b"\x00" + rtp(1)[1:], b"\xc0" + rtp(1)[1:],
], ids=["RTCP 192", "RTCP 223", "nothing", "one octet", "short", "version 0", "version 3"])  # fmt: skip
def test_what_is_no_rtp_goes_up_and_the_flow_stays(bench: Bench, version: int, payload: bytes) -> None:
    padded = frame(version, payload, THEIRS[version], OURS[version]).ljust(90, b"\0")
    assert bench.goes_up(padded)
    assert bench.flows.is_active(bench.entry(version))


@both
@pytest.mark.parametrize("payload", [
    rtp(1, ssrc=8), rtp(1, payload_type=8), rtp(3000), rtp(0xFFFF - 100),
], ids=["SSRC", "payload type", "far ahead", "far behind"])  # fmt: skip
def test_what_changes_the_stream_ends_the_forwarding(bench: Bench, version: int, payload: bytes) -> None:
    assert bench.goes_up(frame(version, payload, THEIRS[version], OURS[version]))
    assert not bench.flows.is_active(bench.entry(version))
    assert bench.goes_up(frame(version, rtp(1), THEIRS[version], OURS[version]))


@both
@pytest.mark.parametrize("sequence", [0, 1, 2999, 0xFFFF, 0xFFFF - 99])
def test_a_little_loss_or_disorder_does_not(bench: Bench, version: int, sequence: int) -> None:
    run = bench.run(frame(version, rtp(sequence), THEIRS[version], OURS[version]))
    assert run.result == SENT[bench.kind]
    expected = sequence if sequence < 3000 else 0
    assert bench.flows.standing(bench.entry(version)).highest == expected


@both
def test_two_payload_types_take_turns_and_a_third_ends_it(bench: Bench, version: int) -> None:
    bench.activate(version, kinds=(0, 101))
    standing = []
    for sequence, kind in ((1, 101), (2, 101), (3, 0)):
        payload = rtp(sequence, payload_type=kind, size=4)
        run = bench.run(frame(version, payload, THEIRS[version], OURS[version]))
        assert run.packet == frame(version, payload, LEAVES[version], GOES[version], 0xB8, 64, macs=MACS)
        now = bench.flows.standing(bench.entry(version))
        standing.append((now.payload_type, now.tick, now.timestamp, now.highest))
    speech, other = 125000 << 8, 777
    assert standing == [(101, other, 160, 1), (101, other, 320, 2), (0, speech, 480, 3)]
    assert bench.goes_up(frame(version, rtp(4, payload_type=8), THEIRS[version], OURS[version]))
    assert not bench.flows.is_active(bench.entry(version))


@both
@pytest.mark.parametrize("odd", [rtp(1, payload_type=101, ssrc=9), rtp(4000, payload_type=101)])
def test_what_changes_the_stream_changes_no_turn(bench: Bench, version: int, odd: bytes) -> None:
    bench.activate(version, kinds=(0, 101))
    assert bench.goes_up(frame(version, odd, THEIRS[version], OURS[version]))
    assert bench.flows.standing(bench.entry(version)).payload_type == 0


@both
@pytest.mark.parametrize("size", [0, 36, 37, 160, 228, 229, 1400])
def test_a_copy_is_what_came_and_what_goes_is_as_ever(bench: Bench, version: int, size: int) -> None:
    payload = rtp(1, size=size)
    packet = frame(version, payload, THEIRS[version], OURS[version])
    bench.activate(version, flags=layout.STRICT | layout.COPIED, kinds=(layout.COPY, layout.NO_TYPE))
    sent = frame(version, payload, LEAVES[version], GOES[version], 0xB8, 64, macs=MACS)
    assert bench.run(packet).packet == sent
    assert bench.copies() == [(bench.entry(version) // layout.FLOW_SIZE, payload)]
    bench.activate(version, flags=layout.STRICT)
    assert bench.run(packet).packet == sent
    assert bench.copies() == []


@both
def test_only_what_somebody_listens_for_is_copied(bench: Bench, version: int) -> None:
    bench.activate(version, flags=layout.STRICT | layout.COPIED, kinds=(0, 101 | layout.COPY))
    for sequence, kind in ((1, 0), (2, 101), (3, 101), (4, 0)):
        bench.run(frame(version, rtp(sequence, payload_type=kind), THEIRS[version], OURS[version]))
    assert [packet for _, packet in bench.copies()] == [rtp(2, payload_type=101), rtp(3, payload_type=101)]
    stranger = ipaddress.ip_address(THEIRS[version][0]) + 1
    bench.run(frame(version, rtp(5, payload_type=101), (str(stranger), 9), OURS[version]))
    assert bench.copies() == []


@both
def test_a_ring_without_room_is_counted_and_nothing_else(bench: Bench, version: int) -> None:
    bench.activate(version, flags=layout.STRICT | layout.COPIED, kinds=(layout.COPY, layout.NO_TYPE))
    fits = SIZE // (ROOMS[-1] + 8)
    packet = frame(version, rtp(0, size=1400), THEIRS[version], OURS[version])
    before = bench.flows.uncopied()
    for _ in range(fits + 10):
        assert bench.run(packet).result == SENT[bench.kind]
    lost = bench.flows.uncopied() - before
    assert 10 <= lost <= 12
    assert len([0 for _ in range(3) for _ in bench.copies()]) == fits + 10 - lost
    assert bench.ring.is_empty


@both
def test_a_marker_is_no_rtcp(bench: Bench, version: int) -> None:
    run = bench.run(frame(version, rtp(1, marker=True), THEIRS[version], OURS[version]))
    assert run.result == SENT[bench.kind]


@both
def test_fax_is_forwarded_unread(bench: Bench, version: int) -> None:
    bench.activate(version, flags=layout.UNREAD)
    payload = b"\x00\x05\x06" + bytes(30)
    run = bench.run(frame(version, payload, THEIRS[version], OURS[version]))
    assert run.packet == frame(version, payload, LEAVES[version], GOES[version], 0xB8, 64, macs=MACS)


@both
def test_not_ours(bench: Bench, version: int) -> None:
    host, port = OURS[version]
    elsewhere = str(ipaddress.ip_address(host) + 1)
    for destination in ((elsewhere, port), (host, FIRST - 1), (host, FIRST + PORTS), (host, port + 1)):
        assert bench.goes_up(frame(version, rtp(1), THEIRS[version], destination))


@both
def test_a_source_of_this_host_comes_in_by_the_loopback_only(bench: Bench, version: int) -> None:
    bench.activate(version, flags=layout.STRICT | layout.FROM_THIS_HOST)
    assert bench.goes_up(frame(version, rtp(1), THEIRS[version], OURS[version]))


@both
def test_too_large_for_the_next_hop(bench: Bench, version: int) -> None:
    header = 28 if version == 4 else 48
    bench.activate(version, limit=header + 172)
    assert bench.run(frame(version, rtp(1), THEIRS[version], OURS[version])).result == SENT[bench.kind]
    assert bench.goes_up(frame(version, rtp(2, size=161), THEIRS[version], OURS[version]))


@both
def test_rtcp_has_no_entry_of_its_own(bench: Bench, version: int) -> None:
    host, port = OURS[version]
    assert bench.goes_up(frame(version, rtp(1), THEIRS[version], (host, port + 1)))


@both
def test_no_way_yet(bench: Bench, version: int) -> None:
    bench.hops.put(0, NextHop(1, *MACS, 0, False))
    assert bench.goes_up(frame(version, rtp(1), THEIRS[version], OURS[version]))
    assert bench.flows.is_active(bench.entry(version))


def altered(packet: bytes, offset: int, value: bytes) -> bytes:
    return packet[:offset] + value + packet[offset + len(value) :]


@pytest.mark.parametrize(("offset", "value"), [
    (12, b"\x08\x06"), (12, b"\x81\x00"), (14, b"\x46"), (14, b"\x55"), (20, b"\x20\x00"), (20, b"\x00\x01"),
    (23, b"\x06"), (16, b"\x00\xc9"), (38, b"\x00\xb5"), (38, b"\x00\x07"), (16, b"\xff\xff"),
], ids=["ARP", "VLAN", "options", "version", "more fragments", "a fragment", "TCP", "longer IP", "longer UDP",
        "shorter UDP", "longest IP"])  # fmt: skip
def test_what_is_no_plain_udp_over_ipv4_goes_up(bench: Bench, offset: int, value: bytes) -> None:
    assert bench.goes_up(altered(frame(4, rtp(1), THEIRS[4], OURS[4]), offset, value))


@pytest.mark.parametrize(("offset", "value"), [
    (14, b"\x50"), (20, b"\x2c"), (20, b"\x06"), (18, b"\x00\xb5"), (58, b"\x00\xb3"),
], ids=["version", "fragment header", "TCP", "longer IP", "shorter UDP"])  # fmt: skip
def test_what_is_no_plain_udp_over_ipv6_goes_up(bench: Bench, offset: int, value: bytes) -> None:
    assert bench.goes_up(altered(frame(6, rtp(1), THEIRS[6], OURS[6]), offset, value))


@both
def test_a_padded_frame_is_counted_without_its_padding(bench: Bench, version: int) -> None:
    before = bench.counters(version)
    run = bench.run(frame(version, rtp(1, size=1), THEIRS[version], OURS[version]) + b"\xee" * 20)
    assert run.result == SENT[bench.kind]
    assert bench.counters(version).octets - before.octets == 13


@both
def test_a_checksum_that_was_left_to_the_hardware_goes_up_at_xdp(bench: Bench, version: int) -> None:
    packet = frame(version, rtp(1), THEIRS[version], OURS[version])
    addresses = ipaddress.ip_address(THEIRS[version][0]).packed + ipaddress.ip_address(OURS[version][0]).packed
    left = total(addresses + struct.pack("!HH", 17, 180))
    packet = altered(packet, (34 if version == 4 else 54) + 6, struct.pack("!H", left))
    if bench.kind == "xdp":
        assert bench.goes_up(packet)
    else:
        assert bench.run(packet).result == SENT["tc"]


@both
@settings(max_examples=150, deadline=None, suppress_health_check=UNCHECKED)
@given(octets=st.binary(min_size=54, max_size=200), places=st.lists(st.integers(0, 80), max_size=4))
def test_rubbish_is_let_through_untouched(bench: Bench, version: int, octets: bytes, places: list[int]) -> None:
    """Whatever a wire brings: forwarded whole, dropped as a stranger's, or untouched; never anything else."""
    whole = frame(version, rtp(1), ("203.0.113.5" if version == 4 else "2001:db8::5", 1), OURS[version])
    for place in places:
        whole = altered(whole, place, octets[:1])
    for packet in (octets, whole, whole[: len(octets)]):
        run = bench.run(packet)
        assert run.result in (UP[bench.kind], DROPPED[bench.kind])
        assert run.packet == packet
