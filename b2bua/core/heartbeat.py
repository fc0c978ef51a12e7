"""What is looked at twice a second: how late the loop is, who watches and who talks, which strangers call. And a sign
of life.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import structlog

from b2bua.calls.switchboard import Switchboard
from b2bua.control import ControlServer
from b2bua.core.collector import IdleCollection
from b2bua.core.talking import Talking
from b2bua.directory import ConfiguredDirectory
from b2bua.live_media import LiveMedia
from b2bua.notify import Notifier
from b2bua.webhooks import Webhooks
from sip_stack.aio.driver import Driver

INTERVAL: Final = 0.5  # seconds between looks at the loop's lateness, and signs of life to systemd
STRANGERS_INTERVAL: Final = 60.0  # seconds between lines about strangers who call

log = structlog.get_logger("core")


class Heartbeat:
    """Beats from start() to stop()."""

    def __init__(
        self,
        driver: Driver,
        switchboard: Switchboard,
        directory: ConfiguredDirectory,
        control: ControlServer,
        webhooks: Webhooks,
        live_media: LiveMedia,
        notifier: Notifier,
        talking: Talking,
    ) -> None:
        self._driver = driver
        self._switchboard = switchboard
        self._directory = directory
        self._control = control
        self._webhooks = webhooks
        self._live_media = live_media
        self._notifier = notifier
        self._talking = talking
        self._collection = IdleCollection()
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._due = 0.0
        self._strangers_due = 0.0

    def start(self) -> None:
        self._due = time.monotonic()  # what the start took is no lateness of the loop
        self.beat()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def beat(self) -> None:
        """Look at everything, and come again."""
        now, switchboard = time.monotonic(), self._switchboard
        self._driver.note_lag(now - self._due)
        switchboard.admission.lag = self._driver.lag
        self._due = now + INTERVAL
        switchboard.wall_offset = time.time() - now  # the time of day may be set while we run
        switchboard.is_watched = self._control.has_listeners or self._webhooks.is_wanted
        if self._control.has_listeners:
            self._live_media.ask(switchboard.calls.values(), now)
        if switchboard.calls:
            moment = now + switchboard.wall_offset
            self._talking.look((call.record for call in switchboard.calls.values()), now, moment)
        else:
            self._collection.idle(now)
        if self._directory.strangers and now >= self._strangers_due:
            self._strangers_due = now + STRANGERS_INTERVAL
            self._tell_of_strangers()
        self._notifier.watchdog()
        self._timer = self._loop.call_later(INTERVAL, self.beat)

    def _tell_of_strangers(self) -> None:
        first, more = self._directory.strangers.take()
        for host, calls in first:
            remedy = "if it is your carrier, add it to sources of its [trunks.NAME]"
            log.warning(f"refused: {host} is no trunk's source; {remedy}", calls=calls)
        if more:
            log.warning("refused: calls of further addresses that are no trunk's source", addresses=more)
