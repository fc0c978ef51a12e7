"""The core on loopback sockets, with a trunk, a phone and a relay that a test plays message by message."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

from b2bua.config import load
from b2bua.control import ControlClient
from b2bua.service import Core
from b2bua.store import Archive
from rtp_relay import control
from rtp_relay.framing import commands_in, packets_of
from tests.rtp_relay.loop import turn

LIMIT = 30.0  # seconds that anything may take
SDP = (
    "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
    "m=audio 40000 RTP/AVP 0\r\na=rtpmap:0 PCMU/8000\r\n"
)


class Wire:
    """A UDP socket of a trunk or a phone, and what came to it."""

    def __init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind(("127.0.0.1", 0))
        self.port: int = self.socket.getsockname()[1]

    def send(self, text: str, port: int) -> None:
        self.socket.sendto(text.encode(), ("127.0.0.1", port))

    async def receive(self, begins: str) -> str:
        """The next message that begins so; others are passed over."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(LIMIT):
            while True:
                data = await loop.sock_recv(self.socket, 65535)
                if data.startswith(begins.encode()):
                    return data.decode()

    def has(self, begins: str) -> bool:
        """Whether one that begins so has come by now."""
        found = False
        while True:
            try:
                found |= self.socket.recv(65535).startswith(begins.encode())
            except BlockingIOError:
                return found


class Relay:
    """The relay's end of its socket: lends made-up ports, and notes what it is told."""

    def __init__(self, path: Path) -> None:
        self.path = str(path)
        self.told: list[control.Command] = []
        self.connections: list[socket.socket] = []
        self.listening: socket.socket | None = None

    def start(self) -> None:
        self.listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listening.setblocking(False)
        self.listening.bind(self.path)
        self.listening.listen()
        asyncio.get_running_loop().add_reader(self.listening, self._accept)

    def die(self) -> None:
        loop = asyncio.get_running_loop()
        for opened in [*self.connections, *([self.listening] if self.listening else [])]:
            loop.remove_reader(opened)
            opened.close()
        self.connections, self.listening = [], None
        Path(self.path).unlink(missing_ok=True)

    def of(self, kind: type) -> list[Any]:
        return [command for command in self.told if isinstance(command, kind)]

    def _accept(self) -> None:
        assert self.listening is not None
        connection, _ = self.listening.accept()
        connection.setblocking(False)
        self.connections.append(connection)
        asyncio.get_running_loop().add_reader(connection, self._read, connection)

    def _read(self, connection: socket.socket) -> None:
        packet = connection.recv(control.PACKET_LIMIT)
        if not packet:
            asyncio.get_running_loop().remove_reader(connection)
            self.connections.remove(connection)
            connection.close()
            return
        for command in commands_in(packet):
            self.told.append(command)
            for event in self._answers(command):
                for answer in packets_of([event]):
                    connection.send(answer)

    def _answers(self, command: control.Command) -> Iterator[control.Event]:
        match command:
            case control.Hello():
                yield control.Welcome(control.VERSION, "user", "a test", 0)
            case control.Reserve():
                yield control.Reserved(
                    command.call,
                    tuple(control.Lent(leg.leg, 0, "127.0.0.1", 41000 + 2 * leg.leg, 41001 + 2 * leg.leg)
                          for leg in command.legs),
                )  # fmt: skip
            case control.Release():
                heard = [(0, 1), (1, 0)] if not command.legs else []
                yield control.Released(command.call, tuple(_figures(*each) for each in heard))
            case control.Measure():
                yield control.Measures("user", *(1,) * 20, (("no far end", 7),), 0, 0, 0)


def _figures(leg: int, heard_by: int) -> control.StreamFigures:
    """Of a leg that has spoken for twenty seconds, of which the other one has missed 1.2 %."""
    return control.StreamFigures(
        leg, 0, 1000, 172_000, 0, 2.0, 7, 0, 4, 1000, 172_000, 0, 0, 0.0, 20.0, 0.03, "127.0.0.1:40000",
        heard_by=heard_by, owed=20.0, reports=4, reported_lost=12, reported_jitter=4.0, round_trip=19.0,
    )  # fmt: skip


class Stage:
    """A running core, its relay, a trunk and a phone."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.trunk, self.phone = Wire(), Wire()
        self.relay = Relay(place / "relay.sock")
        self.write()
        self.core: Core

    @property
    def file(self) -> Path:
        return self.place / "multiring.toml"

    def write(self, more: str = "", listen: str = "udp:127.0.0.1:0", limits: str = "") -> None:
        self.file.write_text(configuration(self.phone.port, listen, limits) + more, encoding="utf-8")

    @property
    def port(self) -> int:
        return self.core.listeners[0].port

    async def start(self, *, with_relay: bool = True) -> None:
        if with_relay:
            self.relay.start()
        self.core = Core(load(str(self.file)))
        await self.core.start()
        if with_relay:
            await self.until(lambda: self.core.relay.is_ready)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LIMIT):
            while not condition():
                await turn()

    async def ask(self, command: dict[str, Any]) -> dict[str, Any]:
        def ask() -> dict[str, Any]:
            with ControlClient(str(self.place / "core.sock"), LIMIT) as client:
                return client.ask(command)

        return await asyncio.to_thread(ask)

    # A call, message by message.

    def invite(self, number: str = "+15550100", branch: str = "1") -> None:
        self.trunk.send(self.request("INVITE", number, branch, body=SDP), self.port)

    def request(
        self, method: str, number: str = "+15550100", branch: str = "1", to: str = "", body: str = ""
    ) -> str:
        cseq = {"BYE": 2}.get(method, 1)
        kind = "Content-Type: application/sdp\r\n" if body else ""
        return (
            f"{method} sip:{number}@127.0.0.1:{self.port} SIP/2.0\r\n"
            f"Via: SIP/2.0/UDP 127.0.0.1:{self.trunk.port};branch=z9hG4bK{method}{branch};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:+15550199@127.0.0.1>;tag=t{branch}\r\n"
            f"To: {to or f'<sip:{number}@127.0.0.1>'}\r\nCall-ID: call-{branch}\r\nCSeq: {cseq} {method}\r\n"
            f"Contact: <sip:trunk@127.0.0.1:{self.trunk.port}>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}"
        )

    def respond(self, request: str, status: str, body: str = "") -> None:
        """The phone's response to a request that it got."""
        copied = [
            line + (";tag=ana" if line.startswith("To:") and "tag=" not in line else "")
            for line in request.split("\r\n")
            if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))
        ]
        kind = ["Content-Type: application/sdp"] if body else []
        contact = f"Contact: <sip:ana@127.0.0.1:{self.phone.port}>"
        lines = [f"SIP/2.0 {status}", *copied, contact, *kind, f"Content-Length: {len(body)}"]
        self.phone.send("\r\n".join(lines) + "\r\n\r\n" + body, self.port)

    async def connect(self, branch: str = "1") -> str:
        """A call that the phone has answered; gives the To of the dialog."""
        self.invite(branch=branch)
        invite = await self.phone.receive("INVITE")
        self.respond(invite, "180 Ringing")
        await self.trunk.receive("SIP/2.0 180")
        self.respond(invite, "200 OK", SDP)
        answer = await self.trunk.receive("SIP/2.0 200")
        to = header(answer, "To")
        self.trunk.send(self.request("ACK", branch=branch, to=to), self.port)
        await self.phone.receive("ACK")
        return to

    async def leave(self, to: str, branch: str = "1") -> None:
        self.trunk.send(self.request("BYE", branch=branch, to=to), self.port)
        self.respond(await self.phone.receive("BYE"), "200 OK")
        await self.until(lambda: not self.core.switchboard.calls)

    async def leave_all(self, dialogs: dict[str, str]) -> None:
        """The caller ends calls, given as the To of each by its branch."""
        for branch, to in dialogs.items():
            self.trunk.send(self.request("BYE", branch=branch, to=to), self.port)
            self.respond(await self.phone.receive("BYE"), "200 OK")
        await self.until(lambda: not self.core.switchboard.calls)


def configuration(phone: int, listen: str = "udp:127.0.0.1:0", limits: str = "") -> str:
    return f"""\
[sip]
listen = ["{listen}"]

[media]
relay_socket = "relay.sock"

[limits]
drain_seconds = 5
{limits}

[trunks.local]
sources = ["127.0.0.0/8"]

[numbers."+15550100"]
recipients = [{{ name = "Ana", destination = "sip:ana@127.0.0.1:{phone}" }}]

[records]
database = "calls.sqlite"

[service]
control_socket = "core.sock"
"""


def header(message: str, name: str) -> str:
    return next(line.partition(": ")[2] for line in message.split("\r\n") if line.startswith(f"{name}: "))


def answer_to(request: str) -> str:
    copied = [
        line
        for line in request.split("\r\n")
        if line.startswith(("Via:", "From:", "To:", "Call-ID:", "CSeq:"))
    ]
    return "\r\n".join(["SIP/2.0 200 OK", *copied, "Content-Length: 0", "", ""])


def play(
    place: Path, scene: Callable[[Stage], Awaitable[None]], *, with_relay: bool = True, limits: str = "",
    service: str = "",
) -> None:  # fmt: skip
    """A scene with a running core, which is closed after it. service: lines of the table at the file's end."""

    async def run() -> None:
        stage = Stage(place)
        stage.write(service, limits=limits)
        try:
            async with asyncio.timeout(3 * LIMIT):
                await stage.start(with_relay=with_relay)
                try:
                    await scene(stage)
                finally:
                    await stage.core.close()
        finally:
            stage.relay.die()
            for wire in (stage.trunk, stage.phone):
                wire.socket.close()

    asyncio.run(run())


def only_record(place: Path) -> Any:
    """The record of the one call of a scene, when its core has ended."""

    async def read() -> Any:
        async with Archive(str(place / "calls.sqlite")) as archive:
            (found,) = await archive.calls()
            return await archive.call(found.id)

    return asyncio.run(read())
