"""The real service between real phones: who takes part in every scene, and how it must end."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from b2bua.demo import records
from b2bua.demo.installation import NO_CONSOLE, Destination, Installation
from b2bua.phone import messages as m
from b2bua.phone.client import Phone

CALLERS = 440  # hertz: what the caller sends
CALLEES = 710  # hertz: what every recipient sends
SOON = 30.0  # seconds: more than anything here should take


@dataclass(frozen=True, slots=True)
class Stage:
    """A caller, three recipients and the service that joins them."""

    service: Installation
    caller: Phone
    ana: Phone
    ben: Phone
    carl: Phone
    tcp: bool

    @property
    def recipients(self) -> tuple[Phone, Phone, Phone]:
        return self.ana, self.ben, self.carl

    async def ring(self) -> list[m.Incoming]:
        """The caller calls; all recipients ring and the caller is told."""
        await self.caller.call(self.service.uri(tcp=self.tcp))
        rang = await asyncio.gather(*(phone.event(m.Incoming, SOON) for phone in self.recipients))
        await self.caller.event(m.Ringing, SOON)
        return rang

    async def connect(self, callee: Phone) -> None:
        """Lets it ring and this one answer; returns when both sides hear each other."""
        await self.ring()
        await callee.answer()
        await callee.event(m.Confirmed, SOON)
        await self.caller.event(m.Confirmed, SOON)
        await self.hear_each_other(callee)

    async def hear_each_other(self, callee: Phone) -> None:
        """Returns when the tones begin on both sides."""
        await self.caller.event(m.ToneHeard, SOON, lambda tone: tone.frequency == CALLEES)
        await callee.event(m.ToneHeard, SOON, lambda tone: tone.frequency == CALLERS)

    async def record(self) -> records.Record:
        """The record of the only call."""
        calls = await records.ended_calls(self.service, 1)
        assert len(calls) == 1
        return calls[0]


async def ended(*phones: Phone) -> list[str]:
    """The outcome that each phone shows for its call, once all have ended."""
    events = await asyncio.gather(*(phone.event(m.Disconnected, SOON) for phone in phones))
    return [event.outcome for event in events]


def play(
    scene: Callable[[Stage], Awaitable[None]],
    *,
    tcp: bool = False,
    ring_time: float = 20,
    number_settings: str = "",
    tables: Callable[[Sequence[Phone]], str] = lambda recipients: "",
    prompts: Mapping[str, int] | None = None,
) -> None:
    """Plays a scene. After it the service must end with exit status 0 and leave no process.

    tables: further tables of the configuration, for these recipients. prompts: as of Installation.start.
    """

    async def run() -> None:
        async with contextlib.AsyncExitStack() as stack:
            heard = (CALLERS, CALLEES)
            started = await asyncio.gather(
                Phone.start("Dana", user="+15550123", tone=CALLERS, listen=heard, tcp=tcp),
                *(Phone.start(name, tone=CALLEES, listen=heard, tcp=tcp) for name in ("Ana", "Ben", "Carl")),
            )
            phones = [await stack.enter_async_context(phone) for phone in started]
            caller, *recipients = phones
            ana, ben, carl = recipients
            service = await stack.enter_async_context(
                await Installation.start(
                    [
                        Destination(each.name, each.uri + (";transport=tcp" if tcp else ""))
                        for each in recipients
                    ],
                    ring_time=ring_time,
                    number_settings=number_settings,
                    tables=NO_CONSOLE + tables(recipients),
                    prompts=prompts,
                )
            )
            try:
                await scene(Stage(service, caller, ana, ben, carl, tcp))
            except BaseException as error:
                error.add_note(f"end of the service's log:\n{service.log_tail()}")
                raise
            ending = await service.stop()
            assert (ending.status, ending.left) == (0, []), service.log_tail()
        assert [phone.exit_status for phone in phones] == [0, 0, 0, 0]

    asyncio.run(run())
