"""Drives a phone's process from asyncio, for the demo and for tests.

    async with await Phone.start("ana", tone=660, listen=(440,)) as ana:
        await ana.event(messages.Incoming, within=5)
        await ana.answer()
        await ana.event(messages.Confirmed, within=5)

Every event is handed out once by `event`, and kept for ever in `history`. The process is gone when the block
is left, however it is left.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Final, Self, TypeVar

import msgspec

from b2bua.phone import messages

START_INTERVAL: Final = 15.0  # seconds for Python and pjsip to come up on a busy machine
END_INTERVAL: Final = 5.0  # seconds to hang up and leave before the process is killed
_LINE_LIMIT: Final = 1 << 20  # bytes: an INVITE's headers fit many times over

E = TypeVar("E", bound=messages.Event)


class PhoneError(Exception):
    """The phone's process is gone, or refused a command, or what was waited for did not come."""


class Phone:
    """A phone in a process of its own."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        self.name = name
        self.history: list[messages.AnyEvent] = []
        self.port = 0
        self.uri = ""
        self.on_event: Callable[[Phone, messages.AnyEvent], None] | None = None
        self._process = process
        self._fresh: list[messages.AnyEvent] = []
        self._arrived = asyncio.Event()
        self._is_gone = False
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def start(
        cls,
        name: str,
        *,
        user: str = "",
        address: str = "127.0.0.1",
        port: int = 0,
        tcp: bool = False,
        tone: int = 0,
        listen: Sequence[int] = (),
        answer_after: float | None = None,
        decline_after: float | None = None,
        hang_up_after: float | None = None,
        busy: bool = False,
        silent: bool = False,
        log: str = "",
    ) -> Self:
        """Starts the process and waits until it listens. Intervals in seconds, frequencies in hertz.

        Raises PhoneError when it does not come up.
        """
        wanted = {
            "--user": user,
            "--address": address,
            "--port": port,
            "--tone": tone,
            "--answer-after": answer_after,
            "--decline-after": decline_after,
            "--hang-up-after": hang_up_after,
            "--log": log or None,
        }
        arguments = [f"{option}={given}" for option, given in wanted.items() if given is not None]
        flags = {"--tcp": tcp, "--busy": busy, "--silent": silent}
        arguments += [flag for flag, is_set in flags.items() if is_set]
        arguments += ["--listen", *map(str, listen)] if listen else []
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "b2bua.phone", "--name", name, *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=_LINE_LIMIT,
        )
        phone = cls(name, process)
        async with contextlib.AsyncExitStack() as undone:
            undone.push_async_callback(phone.stop)
            ready = await phone.event(messages.Ready, START_INTERVAL)
            undone.pop_all()
        phone.port, phone.uri = ready.port, ready.uri
        return phone

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while the process runs."""
        return self._process.returncode

    async def event(self, kind: type[E], within: float, where: Callable[[E], bool] = lambda _: True) -> E:
        """The oldest event of this kind, for which `where` holds, that was not handed out before.

        Waits at most `within` seconds; raises PhoneError when none comes or the process ends.
        """
        try:
            async with asyncio.timeout(within):
                while True:
                    for candidate in self._fresh:
                        if isinstance(candidate, kind) and where(candidate):
                            self._fresh.remove(candidate)
                            return candidate
                    if self._is_gone:
                        raise PhoneError(f"{self.name}: the process ended before {kind.__name__}")
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            last = ", ".join(type(event).__name__ for event in self.history[-4:])
            raise PhoneError(f"{self.name}: no {kind.__name__} within {within:g} s (last: {last})") from None

    def forget(self) -> None:
        """Lets `event` hand out only what comes from now on."""
        self._fresh.clear()

    def has(self, kind: type[messages.Event]) -> bool:
        """Whether an event of this kind waits to be handed out."""
        return any(isinstance(event, kind) for event in self._fresh)

    async def send_digits(self, digits: str) -> None:
        """Presses keys, as telephone-events."""
        await self.tell(messages.SendDigits(digits))

    async def tell(self, command: messages.AnyCommand) -> None:
        """Gives any command. Raises PhoneError when the process is gone."""
        if self._process.stdin is None or self._is_gone:
            raise PhoneError(f"{self.name}: the process is gone")
        self._process.stdin.write(messages.to_line(command))
        try:
            await self._process.stdin.drain()
        except ConnectionError as error:
            raise PhoneError(f"{self.name}: the process is gone") from error

    async def call(self, uri: str) -> None:
        """Calls a SIP URI."""
        await self.tell(messages.Call(uri))

    async def answer(self, code: int = 200) -> None:
        """Answers the call that rings."""
        await self.tell(messages.Answer(code))

    async def decline(self, code: int = 603) -> None:
        """Refuses the call that rings."""
        await self.tell(messages.Decline(code))

    async def hang_up(self) -> None:
        """Ends the call."""
        await self.tell(messages.HangUp())

    async def listen(self, *frequencies: int) -> None:
        """Starts the count of what is heard afresh."""
        await self.tell(messages.Listen(list(frequencies)))

    async def heard(self, within: float = 5.0) -> messages.Heard:
        """What was heard since the last `listen`."""
        await self.tell(messages.Report())
        return await self.event(messages.Heard, within)

    async def stop(self) -> None:
        """Ends the process: asks, waits, and kills it if need be. May be called again."""
        if self._process.returncode is None and not self._is_gone:
            with contextlib.suppress(PhoneError):
                await self.tell(messages.Quit())
        try:
            async with asyncio.timeout(END_INTERVAL):
                await self._process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        await self._reader
        if self._process.stdin is not None:
            self._process.stdin.close()
            with contextlib.suppress(ConnectionError):
                await self._process.stdin.wait_closed()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def _read(self) -> None:
        assert self._process.stdout is not None
        while line := await self._process.stdout.readline():
            try:
                event = messages.event_from(line)
            except msgspec.DecodeError:
                continue  # a library's word on standard output, none of ours
            self.history.append(event)
            self._fresh.append(event)
            self._arrived.set()
            if self.on_event is not None:
                self.on_event(self, event)
        self._is_gone = True
        self._arrived.set()
