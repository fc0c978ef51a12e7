"""A service and two phones on a LAN, each on a host of its own; somebody who watches, and a stranger who attacks."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import socket
import struct
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from b2bua.demo import processes, readiness
from b2bua.phone import messages as m
from b2bua.phone.client import Phone
from bench.namespaces import udp_socket
from rtp_relay.control import Command, Event, Hello
from rtp_relay.framing import events_in, packets_of
from rtp_relay.g711 import encoded
from rtp_relay.performance import Tone, ToneStep
from rtp_relay.tones import samples_of, steps_of
from tests.end_to_end.lan import CALLEE, CALLER, SERVICE, STRANGER, Lan

CALLERS, CALLEES, STRANGERS = 440, 710, 1130  # hertz: what each sends
SOON = 30.0  # seconds: more than anything here should take on a busy machine
START = 60.0
SIP_PORT, FIRST_PORT, LAST_PORT = 5060, 20000, 20031
SAMPLES = 160  # of a packet: 20 ms
INTERVAL = SAMPLES / 8000
RTP = struct.Struct(">BBHII")
SSRC = 0x0BAD0BAD  # the stranger's
RECEIVER_REPORT = bytes.fromhex("80c90001") + SSRC.to_bytes(4, "big")

FILE = """\
[sip]
listen = ["udp:{service}:{sip}"]
[media]
form = "{form}"
ports = [{first}, {last}]
relay_socket = ""
interfaces = [{{ name = "lan", address = "{service}" }}]
[limits]
drain_seconds = 1
calls = 4
[trunks.caller]
sources = ["{caller}"]
[numbers."100"]
recipients = [{{ name = "Ana", destination = "{callee}" }}]
[records]
database = "calls.sqlite"
[console]
enabled = false
[service]
control_socket = "core.sock"
"""


class Watch:
    """`b2bua live --json`: what it prints, as it comes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.snapshot: dict[str, Any] = {}  # what it prints first
        self._process = process
        self._seen: list[dict[str, Any]] = []

    async def event(self, name: str, where: Callable[[dict[str, Any]], bool] = lambda _: True) -> dict[str, Any]:
        """The next event of that name for which `where` holds; those before it are let go."""
        assert self._process.stdout is not None
        async with asyncio.timeout(SOON):
            while line := await self._process.stdout.readline():
                said: dict[str, Any] = json.loads(line)
                self._seen.append(said)
                if said.get("event") == name and where(said):
                    return said
        raise AssertionError(f"live has ended before {name}: {self._seen[-3:]}")

    async def begin(self) -> None:
        """Returns once it is told what happens."""
        assert self._process.stdout is not None
        async with asyncio.timeout(SOON):
            self.snapshot = json.loads(await self._process.stdout.readline())


class Attack:
    """The stranger: sends a tone, and RTCP, to every port of the relay, in runs that one could learn from.

    What comes back is an RTP bleed.
    """

    def __init__(self, lan: Lan) -> None:
        with lan.inside(STRANGER):
            self._socket = udp_socket(STRANGER)
        self._socket.setblocking(False)
        self.rounds = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._tone = encoded(samples_of(steps_of(Tone((ToneStep((STRANGERS,), 1.0),))), 8000)[:SAMPLES], "PCMU")

    def received(self) -> int:
        """Packets that came to the stranger."""
        count = 0
        with contextlib.suppress(BlockingIOError):
            while self._socket.recv(4096):
                count += 1
        return count

    def _run(self) -> None:
        while not self._is_over.wait(INTERVAL):
            self.rounds += 1
            packet = RTP.pack(0x80, 0, self.rounds & 0xFFFF, self.rounds * SAMPLES, SSRC) + self._tone
            for port in range(FIRST_PORT, LAST_PORT, 2):
                with contextlib.suppress(ConnectionRefusedError):  # a port that is not open yet
                    self._socket.sendto(packet, (SERVICE, port))
                    if self.rounds % 10 == 0:
                        self._socket.sendto(RECEIVER_REPORT, (SERVICE, port + 1))

    def __enter__(self) -> Attack:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._is_over.set()
        self._thread.join()
        self._socket.close()


@dataclass(frozen=True, slots=True)
class LanStage:
    """Everybody who takes part."""

    lan: Lan
    folder: Path
    caller: Phone
    callee: Phone
    watch: Watch

    async def ring(self) -> str:
        """The caller calls and hears ringing; the call's id."""
        await self.caller.call(f"sip:100@{SERVICE}:{SIP_PORT}")
        await self.callee.event(m.Incoming, SOON)
        await self.caller.event(m.Ringing, SOON)
        ringing = await self.watch.event("recipient.ringing")
        return str(ringing["call"])

    async def answer(self) -> None:
        """The callee answers; returns when both hear each other."""
        await self.callee.answer()
        await self.callee.event(m.Confirmed, SOON)
        await self.caller.event(m.Confirmed, SOON)
        await self.caller.event(m.ToneHeard, SOON, lambda tone: tone.frequency == CALLEES)
        await self.callee.event(m.ToneHeard, SOON, lambda tone: tone.frequency == CALLERS)

    async def hang_up(self) -> None:
        await self.caller.hang_up()
        await self.caller.event(m.Disconnected, SOON)
        await self.callee.event(m.Disconnected, SOON)

    async def heard(self) -> tuple[m.Heard, m.Heard]:
        """What caller and callee hear for a second and a half."""
        for phone in (self.caller, self.callee):
            await phone.listen(CALLERS, CALLEES, STRANGERS)
        both = []
        for phone in (self.caller, self.callee):
            heard = await phone.heard()
            while heard.windows < 15:
                heard = await phone.heard()
            both.append(heard)
        return both[0], both[1]

    async def check(self) -> dict[str, Any]:
        """What `b2bua check --media --json` finds, on the service's host and beside it."""
        with self.lan.inside(SERVICE):
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "b2bua", "check", "--media", "--json", str(self.folder / "service.toml")),
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE,
            )  # fmt: skip
        said, _ = await process.communicate()
        found: dict[str, Any] = json.loads(said)
        return found

    def ask(self, command: Command) -> Event:
        """What the relay answers, past the core: on a connection of our own."""
        (path,) = [each for each in self.folder.rglob("*.sock*") if each.is_socket() and "relay" in each.name]
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
            asking.settimeout(SOON)
            asking.connect(str(path))
            for packet in packets_of([Hello(), command]):
                asking.send(packet)
            events: list[Event] = []
            while len(events) < 2:
                events += events_in(asking.recv(1 << 17))
        return events[1]


@contextlib.asynccontextmanager
async def lan_stage(lan: Lan, form: str) -> AsyncIterator[LanStage]:
    """Until the block is left; then all processes are gone."""
    async with contextlib.AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="multiring-")))
        phones = {}
        for host, name, tone in ((CALLER, "Dana", CALLERS), (CALLEE, "Ana", CALLEES)):
            with lan.inside(host):
                started = await Phone.start(
                    name, address=host, tone=tone, listen=(CALLERS, CALLEES, STRANGERS)
                )
            phones[host] = await stack.enter_async_context(started)
        (folder / "service.toml").write_text(
            FILE.format(
                service=SERVICE, sip=SIP_PORT, form=form, first=FIRST_PORT, last=LAST_PORT, caller=CALLER,
                callee=phones[CALLEE].uri,
            )
        )  # fmt: skip
        with lan.inside(SERVICE):
            await stack.enter_async_context(_service(folder))
            watch = await stack.enter_async_context(_watch(folder))
        try:
            yield LanStage(lan, folder, phones[CALLER], phones[CALLEE], watch)
        except BaseException as error:
            error.add_note(f"end of the service's log:\n{(folder / 'service.log').read_text()[-4000:]}")
            raise


@contextlib.asynccontextmanager
async def _service(folder: Path) -> AsyncIterator[None]:
    with (folder / "service.log").open("wb") as log, readiness.Listener(folder / "ready") as listener:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "b2bua", "run", str(folder / "service.toml")), stdin=asyncio.subprocess.DEVNULL,
            stdout=log, stderr=log, env={**os.environ, "NOTIFY_SOCKET": str(listener.path)},
        )  # fmt: skip
        try:
            await listener.wait(process, START)
            yield
        except readiness.NotReady as error:
            error.add_note((folder / "service.log").read_text()[-4000:])
            raise
        finally:
            family = processes.family(process.pid)
            if process.returncode is None:
                process.terminate()
            left = await processes.wait_until_gone(family, SOON)
            processes.kill(left)
            await process.wait()
            assert not left, "the service had to be killed"


@contextlib.asynccontextmanager
async def _watch(folder: Path) -> AsyncIterator[Watch]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "b2bua", "live", "--json", "--config", str(folder / "service.toml")),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        limit=1 << 20,
    )  # fmt: skip
    try:
        watch = Watch(process)
        await watch.begin()
        yield watch
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


@contextlib.contextmanager
def a_lan() -> Iterator[Lan]:
    made = Lan()
    try:
        yield made
    finally:
        made.close()
