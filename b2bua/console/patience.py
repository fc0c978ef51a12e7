"""How long a browser may take to ask, and how many connections one address may have.

uvicorn gives up on a connection only between two requests. Whoever began one and never ended it would keep his place,
and with as many places as there are would keep everybody else out.
"""

from __future__ import annotations

import asyncio
from typing import Final

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_LIMIT: Final = 20.0  # seconds for the head of a request, from the connection or from its first octet
BODY_LIMIT: Final = 120.0  # seconds for its body: 10 MB by a slow line
OF_ONE_ADDRESS: Final = 100  # connections at the same time; a browser has six


class Patient(H11Protocol):
    """Hangs up on whoever takes longer than that to say what he wants."""

    _due: asyncio.TimerHandle | None = None
    _waits_for: object = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._look()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._look()

    def connection_lost(self, exc: Exception | None) -> None:
        self._set(None)
        super().connection_lost(exc)

    def _look(self) -> None:
        """Begin to wait for what comes next; more octets of the same give no more time."""
        state = self.conn.their_state
        waits_for = state if state in (h11.IDLE, h11.SEND_BODY) else None
        if waits_for is not self._waits_for:
            self._set(waits_for)

    def _set(self, waits_for: object) -> None:
        self._waits_for = waits_for
        if self._due is not None:
            self._due.cancel()
            self._due = None
        if waits_for is not None:
            limit = HEAD_LIMIT if waits_for is h11.IDLE else BODY_LIMIT
            self._due = self.loop.call_later(limit, self.transport.abort)


class Fair(Patient):
    """Hangs up as well on an address that has its share. Not for who is behind a proxy, where all have one address."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        host = self.client[0] if self.client else ""
        others = (each.client for each in self.connections if isinstance(each, H11Protocol))
        if sum(1 for client in others if client is not None and client[0] == host) > OF_ONE_ADDRESS:
            transport.abort()
