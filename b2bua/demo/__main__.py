"""`python -m b2bua.demo`: calls through the service, shown and checked. Exits 0 only if all was so."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Final

from b2bua.demo import records, scenes
from b2bua.demo.checks import Checks
from b2bua.demo.installation import NO_CONSOLE, Destination, Installation, InstallationError
from b2bua.demo.scenes import Cast
from b2bua.demo.view import View
from b2bua.phone.client import Phone, PhoneError

CALLER: Final = "Dana"
CALLERS_NUMBER: Final = "+15550123"
RECIPIENTS: Final = ("Ana", "Ben", "Carl")
CALLS_TAKE: Final = 60.0  # seconds at most, all calls together
REDRAW: Final = 0.1  # seconds

Scene = Callable[[Cast], Awaitable[None]]
SCENES: Final[tuple[tuple[str, Scene], ...]] = (
    ("Three phones ring, Ana answers, the other two stop", scenes.one_answers),
    ("The caller hangs up while it rings", scenes.caller_gives_up),
    ("Everybody declines", scenes.all_decline),
    ("They take turns, and the next call begins with somebody else", scenes.take_turns),
    ("A whisper, and only a person can answer: press 1", scenes.press_one),
)


class Show:
    """The whole of it: phones and service up, scenes played, records read, everything down again."""

    def __init__(self) -> None:
        is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
        self.checks = Checks()
        self.view = View(
            sys.stdout, is_terminal=is_terminal, has_colour=is_terminal and "NO_COLOR" not in os.environ
        )
        self.service: Installation | None = None
        self._phones: list[Phone] = []

    async def run(self) -> bool:
        """Whether all was so."""
        try:
            async with contextlib.AsyncExitStack() as stack:
                await self._set_up(stack)
                await self._play()
                await self._read_records()
        except (InstallationError, PhoneError) as error:
            self.checks.that(False, "the demo could go on", str(error))
        except asyncio.CancelledError:
            if self.service is not None:
                self.service.remove()
            raise
        await self._check_that_nothing_is_left()
        self._show_checks()
        self._conclude()
        return not self.checks.failed

    async def _set_up(self, stack: contextlib.AsyncExitStack) -> None:
        self._say("Starting", "the service, three softphones and a caller")
        starting = [
            Phone.start(CALLER, user=CALLERS_NUMBER, tone=scenes.CALLERS_TONE),
            *(Phone.start(name, tone=scenes.ANAS_TONE) for name in RECIPIENTS),
        ]
        started = await asyncio.gather(*starting, return_exceptions=True)
        for phone in started:
            if isinstance(phone, Phone):
                self._phones.append(await stack.enter_async_context(phone))
        for failure in started:
            if isinstance(failure, BaseException):
                raise failure
        for phone in self._phones:
            phone.on_event = lambda phone, event: self.view.saw(phone.name, event)
        self.service = await Installation.start(
            [Destination(phone.name, phone.uri) for phone in self._phones[1:]],
            tables=NO_CONSOLE + scenes.flows([(phone.name, phone.uri) for phone in self._phones[1:]]),
            prompts=scenes.PROMPTS,
        )
        stack.push_async_callback(self.service.stop)
        print(f"  service at {self.service.uri()}, ready after {self.service.started_in:.2f} s")
        for phone in self._phones:
            print(f"  {phone.name:<6}at {phone.uri}")

    async def _play(self) -> None:
        assert self.service is not None
        caller, *recipients = self._phones
        cast = Cast(caller, recipients, self.service.uri, self.view, self.checks)
        began = time.monotonic()
        for number, (title, scene) in enumerate(SCENES, start=1):
            self._say(f"Scene {number}", title)
            await self._play_one(scene, cast)
            self._show_checks()
        took = time.monotonic() - began
        self.checks.that(took < CALLS_TAKE, "all calls together took under a minute", f"{took:.1f} s")
        self._show_checks()

    async def _play_one(self, scene: Scene, cast: Cast) -> None:
        redrawing = asyncio.create_task(self._redraw())
        try:
            await scene(cast)
        except PhoneError as error:
            self.checks.that(False, "the call went as it should", str(error))
            await self._end_calls()
        finally:
            redrawing.cancel()
            await asyncio.gather(redrawing, return_exceptions=True)
            self.view.draw()

    async def _redraw(self) -> None:
        while True:
            await asyncio.sleep(REDRAW)
            self.view.draw()

    async def _end_calls(self) -> None:
        """After a call that went wrong: the next one must find all phones free."""
        for phone in self._phones:
            with contextlib.suppress(PhoneError):
                await phone.hang_up()

    async def _read_records(self) -> None:
        assert self.service is not None
        self._say("Records", "b2bua calls")
        calls = await records.ended_calls(self.service, len(records.EXPECTED))
        print(await self.service.command("calls"))
        for call in calls[:: len(records.EXPECTED) - 1]:  # the first, and the last
            self._say("Records", f"b2bua show {call['id']}")
            print(await self.service.command("show", call["id"]))
        records.judge(self.checks, calls)
        self._show_checks()

    async def _check_that_nothing_is_left(self) -> None:
        self._say("Ending", "SIGTERM to the service")
        if self.service is not None:
            ending = await self.service.stop()
            self.checks.that(ending.status == 0, "the service ended with exit status 0", str(ending.status))
            self.checks.that(not ending.left, "no process of the service is left", f"{len(ending.left)} left")
        statuses = [phone.exit_status for phone in self._phones]
        is_clean = all(status == 0 for status in statuses)
        self.checks.that(is_clean, "the phones ended too", ", ".join(map(str, statuses)))

    def _conclude(self) -> None:
        failed = self.checks.failed
        if not failed:
            self._say("All as it should be", f"{len(self.checks.made)} checks")
            if self.service is not None:
                self.service.remove()
            return
        self._say("NOT AS IT SHOULD BE", f"{len(failed)} of {len(self.checks.made)} checks failed", "1;31")
        for check in failed:
            print(f"  {check}")
        if self.service is not None:
            print(f"\nEnd of the service's log ({self.service.directory}):\n{self.service.log_tail()}")

    def _show_checks(self) -> None:
        for check in self.checks.not_yet_shown():
            print("  " + self.view.coloured(str(check), "32" if check.is_so else "1;31"))
        sys.stdout.flush()

    def _say(self, title: str, words: str, colour: str = "1") -> None:
        print(f"\n{self.view.coloured(title, colour)}: {words}", flush=True)


async def _run() -> bool:
    running = asyncio.current_task()
    assert running is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    return await Show().run()


def main() -> int:
    """Exit status: 0 if all was so, 1 if not, 130 if interrupted."""
    try:
        return 0 if asyncio.run(_run()) else 1
    except (KeyboardInterrupt, asyncio.CancelledError):
        print("\ninterrupted; the service and the phones were ended", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
