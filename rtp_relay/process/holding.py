"""Who keeps the ports' sockets while there is no relay, so that far ends are not told that nobody is there.

Two do, in one way: a descriptor that was sent over a Unix socket (SCM_RIGHTS) lives for as long as somebody has it.

- systemd's file-descriptor store: see sd_notify(3), FDSTORE; given back as LISTEN_FDS when the unit is started again.
- A pair of sockets that outlives the relay because its supervisor has both ends too. What is sent into one and not
  read from the other waits there. The supervisor does nothing.

Packets that come meanwhile wait in the sockets. A clean stop takes everything back: the ports are closed.
"""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Iterator
from typing import Final, Protocol

SYSTEMD: Final = "systemd"
STORE: Final = b"FDSTORE=1\nFDNAME=ports\nFDPOLL=0"  # polled, a socket to which an ICMP error came would be let go
REMOVE: Final = b"FDSTOREREMOVE=1\nFDNAME=ports"
FIRST_PASSED: Final = 3  # SD_LISTEN_FDS_START
BATCH: Final = 250  # descriptors in a message, below SCM_MAX_FD
ROOM: Final = socket.CMSG_SPACE(256 * array.array("i").itemsize)
PORTS: Final = b"ports"
TURN: Final = b"turn"  # after this come those that were sent again


class Holder(Protocol):
    """Keeps sockets."""

    def inherited(self) -> list[socket.socket]:
        """What an earlier relay had, once; it stays kept."""

    def hold(self, descriptor: int) -> None:
        """Keep that too, from the next `flush` on at the latest."""

    def flush(self) -> None:
        """Let everything be kept by now."""

    def end(self) -> None:
        """Keep nothing any more."""


class Nobody:
    """Sockets end with the process."""

    def inherited(self) -> list[socket.socket]:
        return []

    def hold(self, descriptor: int) -> None:
        """Nobody does."""

    def flush(self) -> None:
        """Nothing to be kept."""

    def end(self) -> None:
        """Nothing was kept."""


class Sending:
    """Sends descriptors with a word, many at a time. failed: how many could not be kept."""

    def __init__(self, out: socket.socket, word: bytes) -> None:
        self.failed = 0
        self._out = out
        self._word = word
        self._pending = array.array("i")

    def hold(self, descriptor: int) -> None:
        self._pending.append(descriptor)
        if len(self._pending) >= BATCH:
            self.flush()

    def flush(self) -> None:
        if self._pending:
            self.send(self._pending)
            self._pending = array.array("i")

    def send(self, descriptors: array.array[int]) -> None:
        """A queue that is full keeps no more: those ports end with the process, as if there were no holder."""
        try:
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
            self._out.sendmsg([self._word], rights, socket.MSG_DONTWAIT)
        except OSError:
            self.failed += len(descriptors)


class Pair(Sending):
    """A pair of sockets whose queue keeps what is in it."""

    def __init__(self, reading: int, writing: int) -> None:
        self._reading, out = socket.socket(fileno=reading), socket.socket(fileno=writing)
        super().__init__(out, PORTS)

    def inherited(self) -> list[socket.socket]:
        """Every message goes back as it comes: who dies in the middle of this has lost one at most."""
        found: list[socket.socket] = []
        self._out.send(TURN)
        for word, descriptors in self._messages():
            if word == TURN:
                break
            self.send(descriptors)
            found += [socket.socket(fileno=descriptor) for descriptor in descriptors]
        return found

    def end(self) -> None:
        for _, descriptors in self._messages():
            for descriptor in descriptors:
                os.close(descriptor)

    def _messages(self) -> Iterator[tuple[bytes, array.array[int]]]:
        while True:
            try:
                word, ancillary, _, _ = self._reading.recvmsg(len(PORTS), ROOM, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            descriptors = array.array("i")
            for _, _, rights in ancillary:
                descriptors.frombytes(rights[: len(rights) - len(rights) % descriptors.itemsize])
            yield word, descriptors


class Store(Sending):
    """systemd's. Where the unit allows for none (FileDescriptorStoreMax=) it closes what it gets."""

    def __init__(self, address: str) -> None:
        out = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        out.connect("\0" + address[1:] if address.startswith("@") else address)
        super().__init__(out, STORE)

    def inherited(self) -> list[socket.socket]:
        if os.environ.get("LISTEN_PID") != str(os.getpid()):
            return []
        count = int(os.environ.get("LISTEN_FDS", "0"))
        names = os.environ.get("LISTEN_FDNAMES", "").split(":")
        return [
            socket.socket(fileno=FIRST_PASSED + number)
            for number in range(count)
            if number < len(names) and names[number] == "ports"
        ]

    def end(self) -> None:
        try:
            self._out.send(REMOVE)
        except OSError:
            pass  # systemd is gone, and its store with it


def holder(where: str) -> Holder:
    """ "systemd", "READING,WRITING" (descriptors of a pair), or "" for nobody. Raises OSError."""
    if where == SYSTEMD:
        address = os.environ.get("NOTIFY_SOCKET", "")
        return Store(address) if address else Nobody()
    if where:
        reading, writing = where.split(",")
        return Pair(int(reading), int(writing))
    return Nobody()
