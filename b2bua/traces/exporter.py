"""Telling a Homer server of the messages of calls, in a thread of its own.

A call is told when it has ended, from its record; nothing is asked of the server, and nothing waits for it. What it
cannot keep up with is let go: beyond WAITING messages whole calls are dropped, with a line in the log.
"""

from __future__ import annotations

import queue
import socket
import threading
import time
from collections.abc import Sequence
from typing import Final

import structlog

from b2bua.calls.record import TraceEntry
from b2bua.traces import hep

WAITING: Final = 20_000  # messages, some 20 MB
_LOG_INTERVAL: Final = 60.0  # seconds between two lines that say the same
_LOOK_UP_INTERVAL: Final = 300.0  # seconds for which the address of a name is believed

log = structlog.get_logger("hep")


class Exporter:
    """One capture agent. start(), then tell() of each call, then close()."""

    def __init__(self, host: str, port: int, agent: hep.Agent) -> None:
        """host: a name or a numeric address, IPv6 without brackets."""
        self._place = (host, port)
        self._agent = agent
        self._calls: queue.SimpleQueue[tuple[str, Sequence[TraceEntry]] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="hep", daemon=True)
        self._socket: socket.socket | None = None
        self._looked_up_at = 0.0
        self._said: dict[str, float] = {}
        self._queued = 0  # messages, counted by whoever tells; what has gone is counted by the thread
        self._gone = 0
        self.lost = 0  # messages that were let go

    def start(self) -> None:
        self._thread.start()

    def tell(self, call_id: str, trace: Sequence[TraceEntry]) -> None:
        """A call has ended: nobody changes its trace any more. Returns at once."""
        if self._queued - self._gone + len(trace) > WAITING:
            self.lost += len(trace)
            self._complain("messages lost: the capture server does not keep up", lost=self.lost)
            return
        self._queued += len(trace)
        self._calls.put((call_id, trace))

    def close(self, limit: float = 2.0) -> None:
        """Send what waits, for so many seconds at the most."""
        self._calls.put(None)
        self._thread.join(limit)

    # In the thread.

    def _run(self) -> None:
        while (told := self._calls.get()) is not None:
            call_id, trace = told
            try:
                self._send(call_id, trace)
            except OSError as problem:
                self.lost += len(trace)
                self._complain("the capture server cannot be told", reason=str(problem))
            self._gone += len(trace)
        if self._socket is not None:
            self._socket.close()

    def _send(self, call_id: str, trace: Sequence[TraceEntry]) -> None:
        connected = self._connected()
        for entry in trace:
            try:
                connected.send(hep.packet(entry, call_id, self._agent))
            except (
                ConnectionRefusedError
            ) as problem:  # ICMP has come for an earlier one; this one was not sent
                self.lost += 1
                self._complain("the capture server cannot be told", reason=str(problem))

    def _connected(self) -> socket.socket:
        """A socket towards the server; its name is looked up again now and then."""
        now = time.monotonic()
        if self._socket is None or now - self._looked_up_at > _LOOK_UP_INTERVAL:
            found = socket.getaddrinfo(*self._place, type=socket.SOCK_DGRAM)
            family, kind, protocol, _, address = found[0]
            fresh = socket.socket(family, kind, protocol)
            try:
                fresh.connect(address)
            except OSError:
                fresh.close()
                raise
            if self._socket is not None:
                self._socket.close()
            self._socket, self._looked_up_at = fresh, now
        return self._socket

    def _complain(self, what: str, **fields: object) -> None:
        now = time.monotonic()
        if now - self._said.get(what, -_LOG_INTERVAL) >= _LOG_INTERVAL:
            self._said[what] = now
            log.warning(what, server=f"{self._place[0]}:{self._place[1]}", **fields)
