"""A trace as a pcap file: read back octet by octet, and by Wireshark's own dissectors (tshark)."""

from __future__ import annotations

import ipaddress
import shutil
import struct
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.calls.record import TraceEntry
from b2bua.traces import pcap
from tests.b2bua.traces.samples import ANSWERED, START, caller_says, entry, message

wireshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark (apt-get install tshark)")
FULL = caller_says("INVITE sip:+15550100@192.0.2.9 SIP/2.0", 1, body="v=0\r\n" * 40)
NAMES = [
    "INVITE", "100", "INVITE", "180", "180", "200", "ACK", "200", "200", "ACK", "BYE", "200", "BYE", "200",
]  # fmt: skip
CUT = FULL[: FULL.index(b"\r\n\r\n") + 4]


class Packet(NamedTuple):
    """at: microseconds since 1970. was: its length on the wire. header: UDP's or TCP's, checksum included."""

    at: int
    was: int
    source: str
    destination: str
    protocol: int
    header: bytes
    payload: bytes
    kept: bytes

    @property
    def ports(self) -> tuple[int, int]:
        source, destination = struct.unpack_from("!HH", self.header)
        return source, destination


def sum_of_words(octets: bytes) -> int:
    """RFC 1071's sum, word by word: 0xFFFF for octets that hold their own checksum."""
    total = 0
    for word in struct.unpack(f"!{(len(octets) + 1) // 2}H", octets + b"\0" * (len(octets) % 2)):
        total += word
        total = (total & 0xFFFF) + (total >> 16)
    return total


def read(file: bytes) -> list[Packet]:
    magic, major, minor, *_, linktype = struct.unpack_from("!IHHiIII", file)
    assert (magic, major, minor, linktype) == (0xA1B2C3D4, 2, 4, 101)
    packets, position = [], 24
    while position < len(file):
        seconds, microseconds, kept, was = struct.unpack_from("!IIII", file, position)
        octets = file[position + 16 : position + 16 + kept]
        assert len(octets) == kept <= was and microseconds < 1_000_000
        packets.append(packet(seconds * 1_000_000 + microseconds, was, octets))
        position += 16 + kept
    return packets


def packet(at: int, was: int, octets: bytes) -> Packet:
    if octets[0] >> 4 == 4:
        assert sum_of_words(octets[:20]) == 0xFFFF
        length, protocol, addresses, rest = (
            struct.unpack_from("!H", octets, 2)[0] - 20, octets[9], octets[12:20], octets[20:],
        )  # fmt: skip
    else:
        length, protocol, addresses, rest = (
            struct.unpack_from("!H", octets, 4)[0], octets[6], octets[8:40], octets[40:],
        )  # fmt: skip
    half = len(addresses) // 2
    source, destination = (str(ipaddress.ip_address(each)) for each in (addresses[:half], addresses[half:]))
    if length == len(rest):
        assert sum_of_words(addresses + struct.pack("!II", length, protocol) + rest) == 0xFFFF
    assert was - len(octets) == length - len(rest)
    size = 8 if protocol == 17 else 20
    return Packet(at, was, source, destination, protocol, rest[:size], rest[size:], octets)


def over_tcp(milliseconds: float, received: bool, data: bytes) -> TraceEntry:
    return entry(milliseconds, 0, received, data, transport="TCP")


def test_a_message_is_a_datagram_between_its_addresses_at_its_microsecond() -> None:
    request, response, *_ = read(pcap.capture(ANSWERED))
    assert request.at == START and response.at == START + 400
    assert (request.source, request.destination, request.ports) == ("192.0.2.1", "192.0.2.9", (5070, 5060))
    assert (response.source, response.destination, response.ports) == ("192.0.2.9", "192.0.2.1", (5060, 5070))
    assert request.payload == ANSWERED[0].data and request.protocol == 17


def test_every_message_is_there_in_the_order_of_time() -> None:
    packets = read(pcap.capture(reversed(ANSWERED)))
    assert [each.payload for each in packets] == [each.data for each in ANSWERED]
    assert [each.at for each in packets] == sorted(each.at for each in ANSWERED)


def test_an_empty_trace_is_a_file_without_packets() -> None:
    assert read(pcap.capture([])) == []


def test_ipv6_packets_have_its_header() -> None:
    data = message("OPTIONS sip:h SIP/2.0", [])
    (found,) = read(pcap.capture([entry(0, 0, True, data, local="[2001:db8::9]:5060", remote="[::1]:5999")]))
    assert (found.source, found.destination, found.ports) == ("::1", "2001:db8::9", (5999, 5060))
    assert found.payload == data


def test_a_peer_of_the_other_family_is_written_as_a_mapped_address() -> None:
    (found,) = read(pcap.capture([entry(0, 0, True, FULL, local="[::]:5060", remote="192.0.2.1:5060")]))
    assert (found.source, found.destination) == ("::ffff:c000:201", "::")


def test_an_address_that_is_none_does_not_keep_the_message_out() -> None:
    (found,) = read(pcap.capture([entry(0, 0, True, FULL, local="udp:socket", remote="name.example:99999")]))
    assert (found.source, found.destination, found.payload) == ("0.0.0.0", "0.0.0.0", FULL)


def test_the_messages_of_a_connection_are_one_stream_without_gaps() -> None:
    trace = [over_tcp(0, True, b"x" * 100), over_tcp(1, False, b"y" * 30), over_tcp(2, True, b"z" * 70_000)]
    packets = read(pcap.capture(trace))
    numbers = [struct.unpack_from("!II", each.header, 4) for each in packets]
    assert numbers == [(1, 1), (1, 101), (101, 31), (101 + 65_000, 31)]
    assert [len(each.payload) for each in packets] == [100, 30, 65_000, 5_000]
    assert all(each.header[12:14] == b"\x50\x18" for each in packets)  # twenty octets; PSH and ACK


def test_two_connections_of_a_peer_are_two_streams() -> None:
    one = over_tcp(0, True, b"x" * 100)
    packets = read(pcap.capture([one, one._replace(remote="192.0.2.1:6000"), one._replace(at=one.at + 5)]))
    assert [struct.unpack_from("!I", each.header, 4)[0] for each in packets] == [1, 1, 101]


def test_a_message_whose_body_was_not_kept_is_a_packet_that_was_cut() -> None:
    (found,) = read(pcap.capture([entry(0, 0, True, CUT)]))
    assert found.payload == CUT and found.was - len(found.kept) == 200
    first, second = read(pcap.capture([over_tcp(0, True, CUT), over_tcp(1, True, FULL)]))
    assert first.was - len(first.kept) == 200
    assert struct.unpack_from("!I", second.header, 4)[0] == 1 + len(FULL)


def test_a_message_without_a_body_is_not_cut() -> None:
    (found,) = read(pcap.capture([entry(0, 0, True, message("BYE sip:h SIP/2.0", ["CSeq: 1 BYE"]))]))
    assert found.was == len(found.kept)


def test_what_no_datagram_can_hold_is_shown_as_far_as_one_goes() -> None:
    (found,) = read(pcap.capture([entry(0, 0, False, b"x" * 70_000)]))
    assert len(found.payload) == 65_507


@given(
    st.lists(st.tuples(st.booleans(), st.sampled_from(["UDP", "TCP"]), st.binary(max_size=200)), max_size=5)
)
def test_any_octets_make_packets_with_right_checksums(sent: list[tuple[bool, str, bytes]]) -> None:
    trace = [entry(at, 0, received, data, transport=how) for at, (received, how, data) in enumerate(sent)]
    assert b"".join(each.payload for each in read(pcap.capture(trace))) == b"".join(data for *_, data in sent)


def tshark(path: Path, *arguments: str) -> list[list[str]]:
    ran = subprocess.run(
        ["tshark", "-n", "-r", str(path), "-o", "ip.check_checksum:TRUE", "-o", "udp.check_checksum:TRUE",
         "-o", "tcp.check_checksum:TRUE", *arguments],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return [line.split("\t") for line in ran.stdout.splitlines()]


def fields(path: Path, *names: str, only: str = "") -> list[list[str]]:
    wanted = [argument for name in names for argument in ("-e", name)]
    return tshark(path, *(["-Y", only] if only else []), "-T", "fields", *wanted)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "call.pcap"
    path.write_bytes(pcap.capture(ANSWERED))
    return path


@wireshark
def test_wireshark_reads_each_message_as_sip(file: Path) -> None:
    rows = fields(file, "frame.time_epoch", "sip.Method", "sip.Status-Code", "sip.Call-ID")
    names = [row[1] or row[2] for row in rows]
    assert names == NAMES
    assert [int(float(row[0]) * 10) for row in rows] == [each.at // 100_000 for each in ANSWERED]
    assert rows[0][0] == f"{START // 1_000_000}.{START % 1_000_000:06d}000"
    assert {row[3] for row in rows} == {"dana-call@192.0.2.1", "our-call"}


@wireshark
def test_wireshark_finds_no_fault_with_the_packets(file: Path) -> None:
    faults = "_ws.malformed || ip.checksum.status == 0 || udp.checksum.status == 0"
    assert fields(file, "frame.number", only=faults) == []


@wireshark
def test_wireshark_knows_the_repeated_answer_for_what_it_is(file: Path) -> None:
    assert fields(file, "frame.number", only="sip.resend == 1") == [["9"]]


@wireshark
def test_wireshark_learns_the_ports_of_the_audio(file: Path, tmp_path: Path) -> None:
    # An RTP packet between the announced ports, put behind the call, is taken for RTP without being told so.
    rtp = struct.pack("!BBHII", 0x80, 0, 1, 160, 7) + b"\xff" * 160
    audio = entry(1600, 0, True, rtp, local="192.0.2.9:20000", remote="192.0.2.77:41000")
    (tmp_path / "talk.pcap").write_bytes(pcap.capture([*ANSWERED, audio]))
    rows = fields(tmp_path / "talk.pcap", "rtp.ssrc", "rtp.setup-frame", only="rtp")
    assert rows == [["0x00000007", "9"]]


@wireshark
def test_wireshark_puts_a_stream_together_again(tmp_path: Path) -> None:
    trace = [each._replace(transport="TCP") for each in ANSWERED]
    trace[0] = trace[0]._replace(data=caller_says("INVITE sip:9@h SIP/2.0", 1, body="a" * 70_000))
    (tmp_path / "tcp.pcap").write_bytes(pcap.capture(trace))
    rows = fields(tmp_path / "tcp.pcap", "sip.Method", "sip.Status-Code", only="sip")
    assert [row[0] or row[1] for row in rows] == NAMES
    faults = "tcp.analysis.flags || tcp.checksum.status == 0"
    assert fields(tmp_path / "tcp.pcap", "frame.number", only=faults) == []


@wireshark
def test_wireshark_reads_traces_without_bodies(tmp_path: Path) -> None:
    trace = [
        each._replace(transport=transport, data=each.data.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
        for transport in ("UDP", "TCP")
        for each in ANSWERED
    ]
    (tmp_path / "ladder.pcap").write_bytes(pcap.capture(trace))
    assert len(fields(tmp_path / "ladder.pcap", "sip.CSeq", only="sip")) == len(trace)
