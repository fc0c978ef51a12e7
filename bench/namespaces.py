"""Two network namespaces joined by a veth pair: the relay's host, and everybody else's.

They have no names: descriptors hold them, so that nothing is left when the process ends, however it ends.
Needs root, and iproute2.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import select
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CLONE_NEWNET = 0x40000000
OWN = "/proc/thread-self/ns/net"
SIOCETHTOOL = 0x8946
TX_CHECKSUMS = 0x17  # ETHTOOL_STXCSUM
RECEIVE_OFFLOAD = 0x2C  # ETHTOOL_SGRO

RELAY_LINK, FAR_LINK = "relay0", "far0"
RELAY = {False: "10.77.0.1", True: "fd77::1"}  # by whether it is IPv6
FAR = {False: "10.77.0.2", True: "fd77::2"}
ELSEWHERE = {False: "10.77.0.9", True: "fd77::9"}

libc = ctypes.CDLL(None, use_errno=True)


def missing() -> str:
    """Why there can be no namespaces here; "" if there can."""
    if os.geteuid() != 0:
        return "network namespaces need root"
    if shutil.which("ip") is None:
        return "iproute2 is not installed"
    return ""


def enter(descriptor: int) -> None:
    if libc.setns(descriptor, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise OSError(error, f"setns: {os.strerror(error)}")


def run(*command: str) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=60)


class Namespaces:
    """The relay's and the far ends'. `inside` says in which the calling thread is for a while."""

    def __init__(self) -> None:
        self._home = os.open(OWN, os.O_RDONLY)
        self.far = self._new()
        self.relay = self._new()
        with self.inside(self.relay):
            peer = f"/proc/{os.getpid()}/fd/{self.far}"
            run("ip", "link", "add", RELAY_LINK, "type", "veth", "peer", "name", FAR_LINK, "netns", peer)
        self._set_up(self.relay, RELAY_LINK, RELAY)
        self._set_up(self.far, FAR_LINK, FAR, ELSEWHERE)
        with self.inside(self.far):
            set_offload(FAR_LINK, RECEIVE_OFFLOAD, True)  # without NAPI a veth takes nothing that XDP sends
            set_offload(FAR_LINK, TX_CHECKSUMS, False)  # as packets come from a wire: with a checksum
        for version_6 in (False, True):
            self._wait(self.far, FAR[version_6], self.relay, RELAY[version_6])
            self._wait(self.relay, RELAY[version_6], self.far, FAR[version_6])

    def _wait(self, sender: int, source: str, receiver: int, destination: str) -> None:
        """Until packets pass: the system starts a link when it finds the time."""
        with self.inside(receiver):
            to = udp_socket(destination)
        with self.inside(sender):
            by = udp_socket(source)
        with to, by:
            for _ in range(100):
                by.sendto(b"?", to.getsockname())
                if select.select([to], [], [], 0.05)[0]:
                    return
        raise OSError(0, f"nothing passes from {source} to {destination}")

    def close(self) -> None:
        for descriptor in (self.relay, self.far, self._home):
            os.close(descriptor)

    def _new(self) -> int:
        if libc.unshare(CLONE_NEWNET) != 0:
            error = ctypes.get_errno()
            raise OSError(error, f"unshare: {os.strerror(error)}")
        try:
            return os.open(OWN, os.O_RDONLY)
        finally:
            enter(self._home)

    def _set_up(self, namespace: int, link: str, *addresses: dict[bool, str]) -> None:
        with self.inside(namespace):
            run("ip", "link", "set", "lo", "up")
            for both in addresses:
                run("ip", "addr", "add", f"{both[False]}/24", "dev", link)
                run("ip", "addr", "add", f"{both[True]}/64", "dev", link, "nodad")
            run("ip", "link", "set", link, "up")

    @contextmanager
    def inside(self, namespace: int) -> Iterator[None]:
        before = os.open(OWN, os.O_RDONLY)
        enter(namespace)
        try:
            yield
        finally:
            enter(before)
            os.close(before)

    def checksum_errors(self) -> int:
        """Datagrams that the far ends' system threw away for their checksum, of both versions."""
        with self.inside(self.far):
            rows = Path("/proc/thread-self/net/snmp").read_text().splitlines()
            names, values = (row.split()[1:] for row in rows if row.startswith("Udp:"))
            errors = int(dict(zip(names, values, strict=True))["InCsumErrors"])
            for row in Path("/proc/thread-self/net/snmp6").read_text().splitlines():
                name, value = row.split()
                errors += int(value) if name == "Udp6InCsumErrors" else 0
            return errors


def udp_socket(host: str, port: int = 0) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    made.bind((host, port))
    return made


def set_offload(link: str, what: int, is_on: bool) -> None:
    """As ethtool -K does, in the namespace of the calling thread."""
    value = bytearray(struct.pack("=II", what, is_on))
    pointer = ctypes.addressof(ctypes.c_char.from_buffer(value))
    request = struct.pack("16sP16x", link.encode(), pointer)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, request)
