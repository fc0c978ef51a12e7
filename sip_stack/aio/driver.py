"""Sockets, clock and one timer around a pure core: receive, pump, send, re-arm.

Nothing is decided here. After each batch of datagrams, and whenever the deadline is due, everything that the
core has to send is sent; then one timer is armed for its next deadline. On a busy service a short rest lets the next
batch gather (see pace.py).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol

from sip_stack.aio.pace import Pace
from sip_stack.aio.tcp import TcpListener
from sip_stack.aio.udp import BATCH, UdpListener
from sip_stack.errors import RemoteError
from sip_stack.flow import Flow
from sip_stack.listeners import Listener

LAG_WEIGHT = 0.1  # of the newest timer in the running mean of lateness
LONGEST_SAMPLE = 0.25  # seconds that one late timer counts at the most: one pause is no overload


class Core(Protocol):
    """What is driven."""

    def receive(self, data: bytes, flow: Flow, now: float) -> None: ...
    def refuse_unframed(self, head: bytes, error: RemoteError, flow: Flow, now: float) -> None: ...
    def transport_failed(self, flow: Flow, reason: str, now: float, quoted: bytes = b"") -> None: ...
    def handle_deadline(self, now: float) -> None: ...
    def next_deadline(self) -> float | None: ...
    def take_datagrams(self) -> list[tuple[Flow, bytes]]: ...


class Driver:
    """Drives one core on the running loop.

    after: called at the end of each turn, to take what else the core has to say (events, records).
    lag: how late, in seconds, timers have been lately: a running mean.
    """

    def __init__(
        self,
        after: Callable[[], None],
        is_known: Callable[[str], bool] = lambda host: True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """is_known: whether connections of a numeric address are expected; all others share a part of the places.

        sleep: stops the thread for so many seconds, the loop with it: what would wake it meanwhile waits too.
        """
        self.lag = 0.0
        self._core: Core | None = None
        self._is_pumping = False
        self._pumps_again = False
        self._pumps_soon = False
        self._after = after
        self._is_known = is_known
        self._sleep = sleep
        self._pace = Pace()
        self._heard = 0  # messages since the last batch ended
        self._rest = 0.0  # seconds, at the beginning of the loop's next turn
        self._loop = asyncio.get_running_loop()
        self._udp: dict[str, UdpListener] = {}
        self._tcp: dict[str, TcpListener] = {}
        self._ipv6: set[str] = set()  # names of the listeners of that family
        self._timer: asyncio.TimerHandle | None = None
        self._armed_for = float("inf")

    async def listen(self, listeners: Sequence[tuple[str, Listener]]) -> list[Listener]:
        """Bind (address, listener) pairs; returns the listeners with the ports that were bound (for port 0).

        OSError says what could not be bound, and names the listener as its filename.
        """
        bound = []
        for host, listener in listeners:
            try:
                port = await self._bind(host, listener)
            except OSError as error:
                said = f"cannot listen on {listener.name}: {error.strerror}"
                raise OSError(error.errno, said, listener.name) from error
            bound.append(replace(listener, port=port))
        return bound

    async def _bind(self, host: str, listener: Listener) -> int:
        if ":" in host:
            self._ipv6.add(listener.name)
        if listener.transport == "UDP":
            udp = UdpListener(listener.name, host, listener.port, self._receive, self._end_batch, self._failed)
            self._udp[listener.name] = udp
            return udp.port
        tcp = TcpListener(
            listener.name, host, listener.port, self._receive, self.pump, self._failed, self._unframed,
            is_known=self._is_known,
        )  # fmt: skip
        await tcp.start()
        self._tcp[listener.name] = tcp
        return tcp.port

    def drive(self, core: Core) -> None:
        """From now on what arrives goes to this core."""
        self._core = core
        self.pump()

    async def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._core = None
        for udp in self._udp.values():
            udp.close()
        for tcp in self._tcp.values():
            await tcp.close()

    def pump(self) -> None:
        """Send all that waits, let the owner take the rest, arm the timer."""
        core = self._core
        if core is None:
            return
        if self._is_pumping:  # by what the owner has done with the rest: once more round below
            self._pumps_again = True
            return
        self._is_pumping = self._pumps_again = True
        try:
            while self._pumps_again:
                self._pumps_again = False
                self._send(core)
                self._after()
        finally:  # whatever breaks among the owner's things, what is due is sent and the clock goes on
            self._is_pumping = False
            self._send(core)
            deadline = core.next_deadline()
            if deadline is not None and deadline < self._armed_for:
                self._arm(deadline)

    def pump_soon(self) -> None:
        """Pump in the loop's next turn, or in the one that runs: once for all who have asked for it till then."""
        if self._is_pumping:
            self._pumps_again = True
        elif not self._pumps_soon:
            self._pumps_soon = True
            self._loop.call_soon(self._pump_now)

    def _pump_now(self) -> None:
        self._pumps_soon = False
        self.pump()

    def _end_batch(self) -> None:
        self.pump()
        heard, self._heard = self._heard, 0
        rest = self._pace.rest_after(heard, heard < BATCH, time.monotonic())
        if rest and not self._rest:  # one for all listeners that have their turn now
            self._loop.call_soon(self._take_rest)
            self._rest = rest

    def _take_rest(self) -> None:
        rest, self._rest = self._rest, 0.0
        self._sleep(rest)

    def _send(self, core: Core) -> None:
        for flow, data in core.take_datagrams():
            listeners: Mapping[str, UdpListener | TcpListener] = (
                self._udp if flow.transport == "UDP" else self._tcp
            )
            listener = listeners.get(flow.local) or self._of_family(listeners, flow)
            if listener is not None:
                listener.send(flow, data)

    def _of_family(
        self, listeners: Mapping[str, UdpListener | TcpListener], flow: Flow
    ) -> UdpListener | TcpListener | None:
        """A listener of the flow's family, for a dialog that has moved to another transport."""
        is_ipv6 = ":" in flow.host
        return next((each for name, each in listeners.items() if (name in self._ipv6) == is_ipv6), None)

    def _arm(self, deadline: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._armed_for = deadline
        self._timer = self._loop.call_later(max(0.0, deadline - time.monotonic()), self._on_timer)

    def _on_timer(self) -> None:
        now = time.monotonic()
        if now < self._armed_for:
            self._arm(self._armed_for)  # some loops count in milliseconds and come a little early
            return
        self.note_lag(now - self._armed_for)
        self._timer, self._armed_for = None, float("inf")
        if self._core is not None:
            self._core.handle_deadline(now)
            self.pump()

    def note_lag(self, seconds: float) -> None:
        """A timer was so late. One pause is no overload; some twenty late timers in a row are."""
        self.lag += (min(max(0.0, seconds), LONGEST_SAMPLE) - self.lag) * LAG_WEIGHT

    def _receive(self, data: bytes, flow: Flow) -> None:
        self._heard += 1
        if self._core is not None and not _is_keep_alive(data):
            self._core.receive(data, flow, time.monotonic())

    def _failed(self, flow: Flow, cause: str, quoted: bytes) -> None:
        if self._core is not None:
            self._core.transport_failed(flow, cause, time.monotonic(), quoted)

    def _unframed(self, head: bytes, error: RemoteError, flow: Flow) -> None:
        if self._core is not None:
            self._core.refuse_unframed(head, error, flow, time.monotonic())


def _is_keep_alive(data: bytes) -> bool:
    """RFC 5626 §3.5.1 for streams; over UDP phones send CRLF, or a NUL, to keep a NAT open."""
    return len(data) <= 4 and not data.strip(b"\r\n\0 ")
