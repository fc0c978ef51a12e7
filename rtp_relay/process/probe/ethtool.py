"""What a network driver says of itself (ethtool's ioctl). Asking needs no privilege, setting wants CAP_NET_ADMIN.

Everything is None where the driver has no such thing. Names are those of the namespace of the calling thread.
"""

from __future__ import annotations

import ctypes
import fcntl
import socket
import struct
from typing import Final, NamedTuple

# linux/sockios.h and linux/ethtool.h.
SIOCETHTOOL: Final = 0x8946
DRIVER, GET_TX_CHECKSUMS, SET_TX_CHECKSUMS, SET_GRO, GET_HASH, GET_CHANNELS = 0x03, 0x16, 0x17, 0x2C, 0x29, 0x3C
UDP_OVER_IPV4: Final = 2  # UDP_V4_FLOW
HASH_PORTS: Final = 0xC0  # RXH_L4_B_0_1 and RXH_L4_B_2_3
DRIVER_SIZE: Final = 196
HASH_SIZE: Final = 192
NAME_SIZE: Final = 32


class Channels(NamedTuple):
    """Queues that packets are received with, now and at most."""

    now: int
    limit: int


def driver(link: str) -> str | None:
    answer = _ask(link, struct.pack("=I", DRIVER), DRIVER_SIZE)
    return None if answer is None else answer[4 : 4 + NAME_SIZE].split(b"\0", 1)[0].decode(errors="replace")


def leaves_checksums(link: str) -> bool | None:
    """Whether what is sent there has its checksum put in by the hardware."""
    answer = _ask(link, struct.pack("=II", GET_TX_CHECKSUMS, 0), 8)
    return None if answer is None else bool(struct.unpack_from("=I", answer, 4)[0])


def hashes_ports(link: str) -> bool | None:
    """Whether UDP over IPv4 is spread over the queues by its ports, and not by addresses alone."""
    answer = _ask(link, struct.pack("=II", GET_HASH, UDP_OVER_IPV4), HASH_SIZE)
    return None if answer is None else struct.unpack_from("=Q", answer, 8)[0] & HASH_PORTS == HASH_PORTS


def channels(link: str) -> Channels | None:
    answer = _ask(link, struct.pack("=I", GET_CHANNELS), 36)
    if answer is None:
        return None
    receive_limit, _, _, combined_limit, receive, _, _, combined = struct.unpack_from("=8I", answer, 4)
    return Channels(receive + combined, receive_limit + combined_limit)


def set_checksum_offload(link: str, is_on: bool) -> None:
    """Raises OSError."""
    _tell(link, struct.pack("=II", SET_TX_CHECKSUMS, is_on))


def set_receive_offload(link: str, is_on: bool) -> None:
    """GRO. Raises OSError."""
    _tell(link, struct.pack("=II", SET_GRO, is_on))


def _ask(link: str, question: bytes, size: int) -> bytes | None:
    try:
        return _tell(link, question.ljust(size, b"\0"))
    except OSError:
        return None


def _tell(link: str, value: bytes) -> bytes:
    buffer = ctypes.create_string_buffer(value, len(value))
    request = struct.pack("16sP16x", link.encode(), ctypes.addressof(buffer))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, request)
    return buffer.raw
