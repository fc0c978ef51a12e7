"""How long the service takes to pass on what it is told: INVITE to INVITE, 180 to 180, 200 to 200.

One process plays the caller and every recipient, so that both ends of each delay are read from one clock.
"""

from __future__ import annotations

import selectors
import socket
import tempfile
import time
from pathlib import Path

from bench.core import SDP, invite, reply, within
from bench.service import Service, free_ports

PATIENCE = 5.0  # seconds for a whole call


def quantiles(samples: list[float]) -> dict[str, float]:
    """p50 and p99 in milliseconds."""
    ordered = sorted(samples)
    return {
        "p50_ms": round(ordered[len(ordered) // 2] * 1000, 3),
        "p99_ms": round(ordered[min(len(ordered) - 1, len(ordered) * 99 // 100)] * 1000, 3),
    }


class Puppets:
    """A caller and recipients on sockets of their own; the first recipient answers at once."""

    def __init__(self, service: Service) -> None:
        self._service = ("127.0.0.1", service.port)
        self._selector = selectors.DefaultSelector()
        self._caller = self._open(free_ports(1)[0])
        self._phones = [self._open(port) for port in service.phone_ports]
        self.samples: dict[str, list[float]] = {"INVITE to INVITE": [], "180 to 180": [], "200 to 200": []}

    def _open(self, port: int) -> socket.socket:
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind(("127.0.0.1", port))
        self._selector.register(opened, selectors.EVENT_READ)
        return opened

    def close(self) -> None:
        for key in list(self._selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
        self._selector.close()

    def call(self, number: int) -> None:
        """One call, until the answering recipient has its BYE answered."""
        port = self._caller.getsockname()[1]
        data = invite(number).replace(b"127.0.0.1:5061", f"127.0.0.1:{port}".encode())
        began = time.perf_counter()
        self._caller.sendto(data, self._service)
        marks: dict[str, float] = {"INVITE": began}
        deadline = began + PATIENCE
        while time.perf_counter() < deadline:
            for key, _ in self._selector.select(0.5):
                heard, now = key.fileobj.recv(65535), time.perf_counter()  # type: ignore[union-attr]
                if key.fileobj is self._caller:
                    self._as_caller(number, port, heard, now, marks)
                elif self._as_phone(key.fileobj, heard, now, marks):  # type: ignore[arg-type]
                    return
        raise TimeoutError(f"call {number} did not end in {PATIENCE} s")

    def _as_caller(self, number: int, port: int, data: bytes, now: float, marks: dict[str, float]) -> None:
        if data.startswith(b"SIP/2.0 180") and "180" in marks:
            self.samples["180 to 180"].append(now - marks.pop("180"))
        elif data.startswith(b"SIP/2.0 200") and "200" in marks:
            self.samples["200 to 200"].append(now - marks.pop("200"))
            text = data.decode()
            start = text.index("\r\nTo: ") + 6
            to_value = text[start : text.index("\r\n", start)]
            for method, cseq in (("ACK", 1), ("BYE", 2)):
                request = within(method, number, to_value, cseq).replace(
                    b"127.0.0.1:5061", f"127.0.0.1:{port}".encode()
                )
                self._caller.sendto(request, self._service)

    def _as_phone(self, phone: socket.socket, data: bytes, now: float, marks: dict[str, float]) -> bool:
        is_first = phone is self._phones[0]
        if data.startswith(b"INVITE"):
            if "INVITE" in marks:
                self.samples["INVITE to INVITE"].append(now - marks.pop("INVITE"))
            self._invite = data if is_first else getattr(self, "_invite", data)
            if is_first:
                marks["180"] = time.perf_counter()
                phone.sendto(reply(data, "180 Ringing", "a"), self._service)
                marks["200"] = time.perf_counter()
                phone.sendto(reply(data, "200 OK", "a", SDP, port=phone.getsockname()[1]), self._service)
            else:
                self._pending = data
                phone.sendto(reply(data, "180 Ringing", "b"), self._service)
        elif data.startswith(b"CANCEL"):
            phone.sendto(reply(data, "200 OK", "b"), self._service)
            phone.sendto(reply(data, "487 Request Terminated", "b", method="INVITE"), self._service)
        elif data.startswith(b"BYE"):
            phone.sendto(reply(data, "200 OK", ""), self._service)
            return True
        return False


def measure(recipients: int = 3, calls: int = 500) -> dict[str, dict[str, float]]:
    """Delays that the service adds, for calls one after another."""
    with tempfile.TemporaryDirectory() as name, Service(Path(name), recipients) as service:
        puppets = Puppets(service)
        try:
            for number in range(calls):
                puppets.call(number)
        finally:
            puppets.close()
    return {what: quantiles(samples) for what, samples in puppets.samples.items()}
