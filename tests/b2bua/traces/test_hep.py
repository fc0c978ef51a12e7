"""HEP3 packets, read back chunk by chunk."""

from __future__ import annotations

import ipaddress
import struct

from hypothesis import given
from hypothesis import strategies as st

from b2bua.traces import hep
from tests.b2bua.traces.samples import INVITE, START, entry

AGENT = hep.Agent(2001)


def chunks(packet: bytes) -> dict[int, bytes]:
    """The chunks of a packet by type; each may be there once."""
    name, length = struct.unpack_from("!4sH", packet)
    assert (name, length) == (b"HEP3", len(packet))
    found, position = {}, 6
    while position < len(packet):
        vendor, kind, size = struct.unpack_from("!HHH", packet, position)
        assert vendor == 0 and kind not in found and position + size <= len(packet)
        found[kind] = packet[position + 6 : position + size]
        position += size
    return found


def test_a_message_is_told_with_all_that_is_known_of_it() -> None:
    assert chunks(hep.packet(entry(0, 0, True, INVITE), "4f2a91c07d3311aa", AGENT)) == {
        0x0001: b"\x02",
        0x0002: b"\x11",
        0x0003: bytes([192, 0, 2, 1]),
        0x0004: bytes([192, 0, 2, 9]),
        0x0007: struct.pack("!H", 5070),
        0x0008: struct.pack("!H", 5060),
        0x0009: struct.pack("!I", START // 1_000_000),
        0x000A: struct.pack("!I", 7),
        0x000B: b"\x01",
        0x000C: struct.pack("!I", 2001),
        0x000F: INVITE,
        0x0011: b"4f2a91c07d3311aa",
    }


def test_ipv6_and_tcp_have_numbers_of_their_own() -> None:
    sent = entry(0, 1, False, b"x", transport="TCP", local="[2001:db8::9]:5060", remote="[2001:db8::1]:5061")
    found = chunks(hep.packet(sent, "c", AGENT))
    assert (found[1], found[2]) == (b"\x0a", b"\x06")
    assert [str(ipaddress.ip_address(found[kind])) for kind in (5, 6)] == ["2001:db8::9", "2001:db8::1"]
    assert 3 not in found and 4 not in found
    assert struct.unpack("!HH", found[7] + found[8]) == (5060, 5061)


def test_a_password_is_sent_where_there_is_one() -> None:
    sent = entry(0, 0, True, INVITE)
    assert chunks(hep.packet(sent, "c", hep.Agent(1, "süß")))[0x000E] == "süß".encode()
    assert 0x000E not in chunks(hep.packet(sent, "c", AGENT))


@given(st.integers(65_000, 66_000), st.text(max_size=40))
def test_a_packet_fits_into_a_datagram(size: int, password: str) -> None:
    data = bytes(range(256)) * 300
    packet = hep.packet(entry(0, 0, True, data[:size]), "4f2a91c07d3311aa", hep.Agent(1, password))
    assert len(packet) <= 65_507
    payload = chunks(packet)[0x000F]
    assert data.startswith(payload) and (len(payload) == size or len(packet) == 65_507)
