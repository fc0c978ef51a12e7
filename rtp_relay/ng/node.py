"""One rtpengine of a farm: what it was asked and has not answered, and whether it is there.

A request is sent again after each of PATIENCE, and then given up. Whoever answers anything is alive; whoever lets a
request be given up, and has answered nothing else meanwhile, is dead until it answers a ping. Pings go out all the
time, so that a node that died is known of before a call wants it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from rtp_relay.errors import ControlError
from rtp_relay.ng import messages
from rtp_relay.ng.messages import Reply, Request

PATIENCE: Final = (0.15, 0.3, 0.6)  # seconds until the request is said again, twice, and until it is given up
PING_INTERVAL: Final = 1.0  # seconds

Then = Callable[[Reply | None, float], None]  # what to do with the answer, None if there is none


@dataclass(frozen=True, slots=True)
class Address:
    """Where a node listens for ng, and how many calls it takes for each of the others' (weight)."""

    host: str
    port: int
    weight: float = 1.0

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Waiting:
    """A request without an answer so far."""

    __slots__ = ("asked_at", "deadline", "octets", "then", "tries")

    def __init__(self, octets: bytes, then: Then, now: float) -> None:
        self.octets = octets
        self.then = then
        self.tries = 1
        self.asked_at = now
        self.deadline = now + PATIENCE[0]


class Node:
    """What is to be sent is in `outbox`. cookies: a beginning of cookies that no core before this one has used.

    calls: how many were placed here and are not over. on_change is called when the node is found alive or dead.
    """

    def __init__(self, address: Address, cookies: str, on_change: Callable[[Node, float], None]) -> None:
        self.address = address
        self.calls = 0
        self.is_alive = False
        self.outbox: list[bytes] = []
        self._cookies = cookies
        self._asked = 0
        self._waiting: dict[str, Waiting] = {}
        self._heard_at = -1.0
        self._ping_deadline = 0.0
        self._is_pinging = False
        self._on_change = on_change

    def ask(self, request: Request, then: Then, now: float) -> None:
        self._asked += 1
        cookie = f"{self._cookies}{self._asked}"
        octets = messages.datagram(cookie, request)
        self._waiting[cookie] = Waiting(octets, then, now)
        self.outbox.append(octets)

    def hear(self, datagram: bytes, now: float) -> None:
        """Octets from the node's address; what is no answer to anything asked is passed over."""
        try:
            cookie, reply = messages.read(datagram)
        except ControlError:
            return
        waiting = self._waiting.pop(cookie, None)
        if waiting is None:
            return
        self._heard_at = now
        self._become(True, now)
        waiting.then(reply, now)

    @property
    def deadline(self) -> float:
        return min([self._ping_deadline, *(each.deadline for each in self._waiting.values())])

    def expire(self, now: float) -> None:
        """Do what is due: say again, give up, ping."""
        for cookie, waiting in tuple(self._waiting.items()):
            if waiting.deadline <= now:
                self._press(cookie, waiting, now)
        if now >= self._ping_deadline:
            self._ping_deadline = now + PING_INTERVAL
            if not self._is_pinging:
                self._is_pinging = True
                self.ask(messages.ping(), self._ponged, now)

    def _press(self, cookie: str, waiting: Waiting, now: float) -> None:
        if waiting.tries < len(PATIENCE):
            waiting.deadline = now + PATIENCE[waiting.tries]
            waiting.tries += 1
            self.outbox.append(waiting.octets)
            return
        if self._waiting.pop(cookie, None) is not None:
            if self._heard_at < waiting.asked_at:
                self._become(False, now)
            waiting.then(None, now)

    def _ponged(self, reply: Reply | None, now: float) -> None:
        self._is_pinging = False

    def _become(self, is_alive: bool, now: float) -> None:
        if self.is_alive is not is_alive:
            self.is_alive = is_alive
            self._on_change(self, now)
