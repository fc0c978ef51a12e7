"""The core's side of a farm, for tests on a running loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rtp_relay import control
from rtp_relay.control import Bridge, Direct, LegRequest, Release, Released, Reserve, Reserved
from rtp_relay.ng.client import FarmClient
from rtp_relay.ng.node import Address

LIMIT = 30.0  # seconds that anything may take
HOST = "127.0.0.1"


class Core:
    """What the client told, as it came."""

    def __init__(self, addresses: Sequence[Address], media_timeout: float = 0.0) -> None:
        self.told: asyncio.Queue[object] = asyncio.Queue()
        put = self.told.put_nowait
        self.nodes: dict[str, bool] = {}
        self._node_changed = asyncio.Event()
        self.client = FarmClient(
            addresses, (), media_timeout, "test", put, lambda: put("lost"), put, self._note_node
        )
        self.client.start()

    def _note_node(self, address: str, is_alive: bool) -> None:
        self.nodes[address] = is_alive
        self._node_changed.set()

    async def next(self) -> object:
        return await asyncio.wait_for(self.told.get(), LIMIT)

    async def until_node(self, address: Address, is_alive: bool) -> None:
        async with asyncio.timeout(LIMIT):
            while self.nodes.get(str(address)) is not is_alive:
                self._node_changed.clear()
                await self._node_changed.wait()

    async def ready(self, *addresses: Address) -> None:
        assert isinstance(await self.next(), control.Welcome)
        for address in addresses:
            await self.until_node(address, True)

    async def reserve(self, call: str, *legs: int) -> dict[int, control.Lent]:
        assert self.client.say([Reserve(call, tuple(LegRequest(leg) for leg in legs))])
        reserved = await self.next()
        assert isinstance(reserved, Reserved), reserved
        return {lent.leg: lent for lent in reserved.lent}

    def bridge(self, call: str, ports: dict[int, int], **changes: bool) -> None:
        """Legs whose far ends are at those ports of this host."""
        directs = [Direct(call, leg, 0, HOST, port, port + 1, latch=False) for leg, port in ports.items()]
        a, b = ports
        self.client.say([*directs, Bridge(call, a, b, **changes)])

    async def release(self, call: str, *legs: int) -> Released:
        self.client.say([Release(call, legs)])
        released = await self.next()
        assert isinstance(released, Released), released
        return released
