"""rtpengine itself, in user space on the loopback, started by hand."""

from __future__ import annotations

import itertools
import shutil
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from typing import ClassVar

import pytest

from rtp_relay.ng import messages
from rtp_relay.ng.node import Address

HOST = "127.0.0.1"
PORTS = 200  # for each daemon
FIRST = range(10000, 30000, PORTS)
LIMIT = 60.0  # seconds that it may take to start, or to end


def missing() -> str:
    """Why there is none here; "" if there is."""
    return "" if shutil.which("rtpengine") else "rtpengine is not installed (Debian: rtpengine-daemon)"


def free_row(lent: set[int]) -> int:
    """The first of a row of UDP ports that are free now, below those that the system gives to others."""
    for first in FIRST:
        if first in lent:
            continue
        with ExitStack() as opened:
            try:
                for port in range(first, first + PORTS):
                    probe = opened.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    probe.bind((HOST, port))
            except OSError:
                continue
            return first
    raise OSError(0, "no row of ports is free")


class Daemon:
    """Answers when this returns. interfaces: as --interface has them. lent: rows that daemons have, or had."""

    lent: ClassVar[set[int]] = set()

    def __init__(self, interfaces: Sequence[str] = (HOST,)) -> None:
        self._listings = itertools.count()
        first = free_row(self.lent)
        self.lent.add(first)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.bind((HOST, 0))
            self.address = Address(HOST, probe.getsockname()[1])
        self.process = subprocess.Popen([
            "rtpengine", "--foreground", "--table=-1", *(f"--interface={each}" for each in interfaces),
            f"--listen-ng={self.address}", f"--port-min={first}", f"--port-max={first + PORTS - 1}",
            "--log-level=3", "--log-stderr", "--config-file=none", "--num-threads=1",
        ], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)  # fmt: skip
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self) -> None:
        """Until it answers a ping. It opens no port before a call wants one."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.connect((HOST, self.address.port))
            asking.settimeout(0.1)
            for _ in range(int(LIMIT / 0.1)):
                try:
                    asking.send(b"waiting d7:command4:pinge")
                    asking.recv(1000)
                    return
                except ConnectionRefusedError:
                    with pytest.raises(subprocess.TimeoutExpired):  # it is still starting
                        self.process.wait(0.1)
                except TimeoutError:
                    pass
        raise OSError(0, "rtpengine does not answer")

    def calls(self) -> list[str]:
        """The names of those that it has, some at least."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            asking.connect((HOST, self.address.port))
            asking.settimeout(LIMIT)
            asking.send(messages.datagram(f"listing-{next(self._listings)}", {"command": "list"}))
            listed = messages.read(asking.recv(65536))[1]["calls"]
        return [str(name) for name in listed] if isinstance(listed, list) else []

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(LIMIT)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(LIMIT)
