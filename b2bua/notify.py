"""What systemd is told of the service (sd_notify(3)): datagrams of NAME=value lines to $NOTIFY_SOCKET."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Speaks to systemd; says nothing to nobody when the service was not started by it.

    A datagram that cannot be sent is dropped: a supervisor that does not listen must not stop calls.
    """

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._socket: socket.socket | None = None
        path = environment.get("NOTIFY_SOCKET", "")
        if path.startswith(("/", "@")):
            self._address = "\0" + path[1:] if path.startswith("@") else path  # @ is the abstract namespace
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
            self._socket.setblocking(False)

    def ready(self, status: str = "") -> None:
        """The service takes calls, after its start or after a reload."""
        self._send("READY=1", status)

    def reloading(self) -> None:
        """SIGHUP was received; ready() must follow. Type=notify-reload wants the time, in microseconds."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._send(f"RELOADING=1\nMONOTONIC_USEC={microseconds}")

    def stopping(self, status: str = "") -> None:
        """SIGTERM was received; running calls may end."""
        self._send("STOPPING=1", status)

    def watchdog(self) -> None:
        """The service is alive: to be called at least twice within the unit's WatchdogSec=."""
        self._send("WATCHDOG=1")

    def status(self, status: str) -> None:
        """One line for ``systemctl status``."""
        self._send("", status)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _send(self, text: str, status: str = "") -> None:
        if self._socket is None:
            return
        if status:
            text = f"{text}\nSTATUS={status.replace(chr(10), ' ')}".lstrip("\n")
        try:
            self._socket.sendto(text.encode(), self._address)
        except OSError:
            pass
