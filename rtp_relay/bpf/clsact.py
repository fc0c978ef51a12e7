"""tc ingress as it was before TCX (Linux 6.6): a clsact qdisc with a bpf filter in direct-action mode.

Unlike a link a filter belongs to the interface: it stays when its process is killed, and goes on forwarding what it
was told last. So it has a name, by which the next relay at the same address and ports finds it and takes it away.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator
from typing import Final

from rtp_relay.bpf.netlink import ACKNOWLEDGE, CREATE, DUMP, EXCLUSIVE, Asking, attribute, attributes_of

# linux/rtnetlink.h and linux/pkt_sched.h.
NEW_QDISC, DELETE_QDISC = 36, 37
NEW_FILTER, DELETE_FILTER, GET_FILTER = 44, 45, 46
TC_MESSAGE: Final = struct.Struct("=BxxxiIII")  # family, interface, handle, parent, preference and protocol
CLSACT: Final = 0xFFFFFFF1
CLSACT_HANDLE: Final = 0xFFFF0000
INGRESS: Final = 0xFFFFFFF2
EGRESS: Final = 0xFFFFFFF3
KIND, OPTIONS = 1, 2
BPF_DESCRIPTOR, BPF_NAME, BPF_FLAGS = 6, 7, 8
DIRECT_ACTION: Final = 1
EVERY_PROTOCOL: Final = 0x0300  # ETH_P_ALL, as on the wire
HANDLE: Final = 1
FIRST_PREFERENCE: Final = 100  # others' with a lower one see packets before us


class Filter:
    """A program at one interface, under a name. Raises OSError.

    program: it takes the place of the one that an earlier relay has left under that name, between two packets.
    None: the one that is there stays; FileNotFoundError if there is none. is_our_qdisc: it is known that we brought
    the qdisc.
    """

    def __init__(self, interface: int, program: int | None, name: str, is_our_qdisc: bool = False) -> None:
        self._asking = Asking()
        self._interface = interface
        try:
            if program is None:
                self.is_our_qdisc = is_our_qdisc
                self._preference = self._preference_of(name)
                return
            self.is_our_qdisc = self._add_qdisc() or is_our_qdisc
            self._preference = self._free_preference(name)
            bpf = attribute(BPF_DESCRIPTOR, struct.pack("=I", program)) + attribute(BPF_NAME, name.encode() + b"\0")
            bpf += attribute(BPF_FLAGS, struct.pack("=I", DIRECT_ACTION))
            options = attribute(KIND, b"bpf\0") + attribute(OPTIONS, bpf)
            self._do(NEW_FILTER, self._filter(self._preference) + options, CREATE)
        except OSError:
            self._asking.close()
            raise

    def close(self) -> None:
        """Take the filter away, and the qdisc too if we brought it and nobody else uses it."""
        try:
            self._do(DELETE_FILTER, self._filter(self._preference))
            if self.is_our_qdisc and not list(self._filters(INGRESS)) and not list(self._filters(EGRESS)):
                self._do(DELETE_QDISC, TC_MESSAGE.pack(0, self._interface, CLSACT_HANDLE, CLSACT, 0))
        except OSError:
            pass  # the interface is gone, or the privilege is
        self.leave()

    def leave(self) -> None:
        """Let the filter stay."""
        self._asking.close()

    def _add_qdisc(self) -> bool:
        body = TC_MESSAGE.pack(0, self._interface, CLSACT_HANDLE, CLSACT, 0) + attribute(KIND, b"clsact\0")
        try:
            self._do(NEW_QDISC, body, CREATE | EXCLUSIVE)
        except OSError as error:
            if error.errno != errno.EEXIST:
                raise
            return False
        return True

    def _free_preference(self, name: str) -> int:
        """That of the filter of the same name, which an earlier relay has left, or one that nobody has."""
        there = list(self._filters(INGRESS))
        left = [preference for preference, other in there if other == name]
        taken = {preference for preference, _ in there}
        free = (number for number in range(FIRST_PREFERENCE, 1 << 16) if number not in taken)
        return left[0] if left else next(free)

    def _preference_of(self, name: str) -> int:
        try:
            found = [preference for preference, other in self._filters(INGRESS) if other == name]
        except OSError:
            found = []  # there is no such qdisc
        if not found:
            raise FileNotFoundError(errno.ENOENT, f"no filter {name!r}")
        return found[0]

    def _filters(self, parent: int) -> Iterator[tuple[int, str]]:
        """Preference and name of every filter there; the name of one that is no program is empty."""
        for answer in self._asking.ask(GET_FILTER, TC_MESSAGE.pack(0, self._interface, 0, parent, 0), DUMP):
            bpf = attributes_of(attributes_of(answer.body[TC_MESSAGE.size :]).get(OPTIONS, b""))
            name = bpf.get(BPF_NAME, b"").rstrip(b"\0").decode(errors="replace")
            yield TC_MESSAGE.unpack_from(answer.body)[4] >> 16, name

    def _filter(self, preference: int) -> bytes:
        return TC_MESSAGE.pack(0, self._interface, HANDLE, INGRESS, preference << 16 | EVERY_PROTOCOL)

    def _do(self, kind: int, body: bytes, flags: int = 0) -> None:
        list(self._asking.ask(kind, body, flags | ACKNOWLEDGE))
