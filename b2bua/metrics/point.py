"""Where metrics are had: asks the relay for its counters, joins them to the core's, and serves the text."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from b2bua.metrics.exposition import Sources, exposition
from b2bua.metrics.server import MetricsServer
from rtp_relay.control import Command, Measure, Measures

RELAY_PATIENCE: Final = 0.5  # seconds; a relay that is there answers within a few milliseconds


class MetricsPoint:
    """sources: the core's counters, with those of the relay. send: tells the relay; False if there is none."""

    def __init__(
        self, sources: Callable[[Measures | None], Sources], send: Callable[[Command], bool]
    ) -> None:
        self._sources = sources
        self._send = send
        self._asked: list[asyncio.Future[Measures]] = []
        self.server = MetricsServer(self._text)

    def take(self, measures: Measures) -> None:
        """The relay's answer, for whoever waits for one."""
        asked, self._asked = self._asked, []
        for future in asked:
            if not future.done():
                future.set_result(measures)

    async def _text(self) -> bytes:
        return exposition(self._sources(await self._relay()))

    async def _relay(self) -> Measures | None:
        future: asyncio.Future[Measures] = asyncio.get_running_loop().create_future()
        self._asked.append(future)
        if len(self._asked) == 1 and not self._send(Measure()):
            self._asked.clear()
            return None
        try:
            async with asyncio.timeout(RELAY_PATIENCE):
                return await future
        except TimeoutError:
            self._asked.clear()  # whoever asks next asks the relay anew
            return None
