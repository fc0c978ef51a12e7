"""The core's side of the relay: its commands go there, what it tells goes to the calls and to whoever counts.

Theory. The relay may be absent at any time. Whoever waits for an answer is then given one here, so that no call hangs
on a process that is gone: endpoints are refused, and what is given back counts as given back. When it comes back, or
another comes, it is asked what it holds, and ports of calls that are no more are released.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

import structlog

from b2bua.calls.switchboard import Switchboard
from b2bua.config.values import MediaSettings
from b2bua.live_media import LiveMedia
from b2bua.media_engine import open_engine
from rtp_relay import control

PATIENCE: Final = 1.5  # seconds to wait for the relay at start before saying so

log = structlog.get_logger("core")


class RelayLink:
    """pump: sends what the calls have to send. publish: tells an event to all who watch.

    measured: gets the relay's own counters, each time that it has told them.
    """

    def __init__(
        self,
        media: MediaSettings,
        switchboard: Switchboard,
        pump: Callable[[], None],
        publish: Callable[[dict[str, Any]], None],
    ) -> None:
        self._switchboard = switchboard
        self._pump = pump
        self._engine = open_engine(media, self.take, self._lost, self.greet)
        self._loop = asyncio.get_running_loop()
        self._is_there = asyncio.Event()
        self._form = self._reason = ""
        self.live_media = LiveMedia(self._engine.send, publish)
        self.measured: Callable[[control.Measures], None] = lambda measures: None

    @property
    def is_ready(self) -> bool:
        return self._engine.is_ready

    @property
    def form(self) -> str:
        """How it forwards media, in a word; for a person."""
        return self._form if self._engine.is_ready else "not there"

    @property
    def reason(self) -> str:
        """Why it does so, or why it is not there; for a person, may be empty."""
        return self._reason if self._engine.is_ready else self._engine.refusal

    def start(self) -> None:
        self._engine.start()

    def close(self) -> None:
        self._engine.close()

    async def wait(self) -> None:
        """Calls that come meanwhile wait in the sockets; a relay that stays away refuses them, until it comes."""
        try:
            async with asyncio.timeout(PATIENCE):
                await self._is_there.wait()
        except TimeoutError:
            log.error("no relay answers: calls are refused until one does", at=self._engine.path, seconds=PATIENCE)

    # To the relay.

    def send(self, command: control.Command) -> bool:
        """One command that no call waits for; False if there is no relay."""
        return self._engine.send(command)

    def send_commands(self) -> None:
        """What the calls ask of it."""
        commands = self._switchboard.take_commands()
        if not self._engine.say(commands):
            for command in commands:
                self._answer_in_its_place(command)

    def _answer_in_its_place(self, command: control.Command) -> None:
        """There is none: whoever waits for an answer is told so."""
        if isinstance(command, control.Reserve):
            refused = control.Refused(command.call, "the relay is not running")
            self._loop.call_soon(self.take, refused)
        elif isinstance(command, control.Release) and not command.legs:
            self._loop.call_soon(self.take, control.Released(command.call, ()))

    # From the relay.

    def take(self, event: control.Event) -> None:
        """What it tells."""
        if isinstance(event, control.Holdings):
            self._release_strays(event)
            return
        if isinstance(event, control.Measures | control.Figures):
            self.live_media.take(event)
            if isinstance(event, control.Measures):
                self.measured(event)
            return
        self._switchboard.relay_event(event, time.monotonic())
        self._pump()

    def _release_strays(self, holdings: control.Holdings) -> None:
        """Give back what a core before this one has left: its calls died with it, their ports need not wait."""
        strays = [name for name in holdings.calls if name not in self._switchboard.calls]
        for name in strays:
            self._engine.send(control.Release(name))
        if strays:
            log.warning("ports of calls that are no more were given back", calls=len(strays))

    def _lost(self) -> None:
        log.error("the relay is gone: new calls are refused until it is back, others may have no audio")
        self._switchboard.relay_lost(time.monotonic())
        self._pump()

    def greet(self, welcome: control.Welcome) -> None:
        """A relay is there."""
        log.info("the relay is there", form=welcome.form, reason=welcome.reason)
        self._form, self._reason = welcome.form, welcome.reason
        self.live_media.greet(welcome.form, welcome.reason)
        self._is_there.set()
        self._switchboard.relay_is_back(time.monotonic())
        self._pump()
        if welcome.calls:
            self._engine.send(control.Inventory())
