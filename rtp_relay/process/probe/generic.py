"""What a driver can do with XDP, as the kernel tells since Linux 6.3 (generic netlink, family "netdev")."""

from __future__ import annotations

import os
import socket
import struct
from typing import Final

from rtp_relay.bpf.netlink import HEADER, NLMSG_ERROR, REQUEST, attribute, attributes_of

GENERIC: Final = 16  # NETLINK_GENERIC
MESSAGE: Final = struct.Struct("=BBxx")  # command, version
# linux/genetlink.h and linux/netdev.h.
CONTROL, GET_FAMILY, FAMILY_ID, FAMILY_NAME = 16, 3, 1, 2
GET_DEVICE, INTERFACE, XDP_FEATURES = 1, 1, 3
ANSWER: Final = 1 << 16


def xdp_features(interface: int) -> int | None:
    """Bits of NETDEV_XDP_ACT; None where the kernel does not say."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, GENERIC) as asking:
        asking.settimeout(1.0)
        try:
            asking.bind((0, 0))
            found = _ask(asking, CONTROL, GET_FAMILY, attribute(FAMILY_NAME, b"netdev\0"))
            family = int.from_bytes(found[FAMILY_ID], "little")
            told = _ask(asking, family, GET_DEVICE, attribute(INTERFACE, struct.pack("=I", interface)))
        except (OSError, KeyError):
            return None
    features = told.get(XDP_FEATURES)
    return None if features is None else int.from_bytes(features, "little")


def _ask(asking: socket.socket, kind: int, command: int, body: bytes) -> dict[int, bytes]:
    """The attributes of the answer. Raises OSError."""
    message = MESSAGE.pack(command, 1) + body
    asking.send(HEADER.pack(HEADER.size + len(message), kind, REQUEST, 1, 0) + message)
    answer = asking.recv(ANSWER)
    length, answered, _, _, _ = HEADER.unpack_from(answer)
    if answered == NLMSG_ERROR:
        (number,) = struct.unpack_from("=i", answer, HEADER.size)
        raise OSError(-number, os.strerror(-number))
    return attributes_of(answer[HEADER.size + MESSAGE.size : length])
