"""Several rtpengines in the place of one relay: which has which call, and who is there at all.

A call is placed where the fewest are, by weight, among the nodes that are alive; between equals its name decides, so
that cores which share a farm spread alike. It stays there to its end. A node that will not have it (no ports, too much
load), or does not answer, is left out, and the next is asked; only when none is left is the call refused. Calls at a
node that dies are lost with it: no packet comes of them any more, and that is what is told (Silent).

Nothing here opens a socket or reads a clock. What is to be sent is in the nodes' outboxes, what is to be told in
`events`, and `deadline` says when `expire` is due.
"""

from __future__ import annotations

import zlib
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from rtp_relay import control
from rtp_relay.ng.call import Call, Interfaces
from rtp_relay.ng.node import Address, Node

LOOKS: Final = 4  # at each call within the media timeout
LOOK_PAUSE: Final = 0.1  # seconds between two looks, at a part of the calls each
FOREVER: Final = 1e9
CANNOT: Final = "rtpengine is asked to forward media only: media.engine is \"rtpengine\""


class Farm:
    """media_timeout: seconds without a packet from any leg that owes some, after which Silent is told; 0 never."""

    def __init__(
        self, nodes: Sequence[Address], interfaces: Interfaces, media_timeout: float, cookies: str
    ) -> None:
        self.events: list[control.Event] = []
        self.nodes = tuple(
            Node(address, f"{cookies}-{number}-", self._on_change) for number, address in enumerate(nodes)
        )
        self.changes: list[Node] = []  # that were found alive or dead
        self._interfaces = interfaces
        self._media_timeout = media_timeout
        self._calls: dict[str, Call] = {}
        self._refused: dict[str, set[Node]] = {}  # nodes that would not have a call
        self._in_turn: deque[Call] = deque()  # to be looked at, one after the other: never many at once
        self._look_deadline = 0.0
        self._looks_due = 0.0

    @property
    def is_alive(self) -> bool:
        return any(node.is_alive for node in self.nodes)

    @property
    def deadline(self) -> float:
        looking = self._look_deadline if self._media_timeout and self._calls else FOREVER
        return min([looking, *(node.deadline for node in self.nodes)])

    def expire(self, now: float) -> None:
        for node in self.nodes:
            node.expire(now)
        if self._media_timeout and now >= self._look_deadline:
            self._look_in_turn(now)

    def take_events(self) -> list[control.Event]:
        events, self.events = self.events, []
        return events

    def take_changes(self) -> list[Node]:
        changes, self.changes = self.changes, []
        return changes

    # What the core says.

    def obey(self, commands: Iterable[control.Command], now: float) -> None:
        """All that is said at once; what of it goes together is told rtpengine once."""
        spoken_of: dict[str, Call] = {}
        for command in commands:
            OBEY.get(type(command), Farm._refuse)(self, command, now)
            name = getattr(command, "call", "")
            if name in self._calls:
                spoken_of[name] = self._calls[name]
        for call in spoken_of.values():
            call.settle(now)

    def _reserve(self, command: control.Reserve, now: float) -> None:
        call = self._calls.get(command.call)
        node = self._place(command.call) if call is None else call.node
        if node is None:
            self.events.append(control.Refused(command.call, "no rtpengine answers"))
            return
        if call is None:
            if any(request.ports for request in command.legs):
                self.events.append(control.Refused(command.call, "rtpengine does not lend ports by their numbers"))
                return
            call = self._calls[command.call] = Call(
                command.call, node, self._interfaces, self._tell, self._move, self._forget, now
            )
            node.calls += 1
            if self._media_timeout:
                self._in_turn.append(call)
        call.reserve(command, now)

    def _direct(self, command: control.Direct, now: float) -> None:
        if call := self._calls.get(command.call):
            call.direct(command)

    def _bridge(self, command: control.Bridge, now: float) -> None:
        if call := self._calls.get(command.call):
            call.bridge(command)
            call.heard_at = now

    def _release(self, command: control.Release, now: float) -> None:
        if call := self._calls.get(command.call):
            call.release(command, now)
        elif not command.legs:
            self.events.append(control.Released(command.call, ()))

    def _query(self, command: control.Query, now: float) -> None:
        if call := self._calls.get(command.call):
            call.query(command, now)
        else:
            self.events.append(control.Figures(command.call, ()))

    def _inventory(self, command: control.Inventory, now: float) -> None:
        self.events.append(control.Holdings(tuple(self._calls), 0, 0, 0))

    def _refuse(self, command: control.Command, now: float) -> None:
        """What rtpengine is not asked for is over before it began; what nobody waits for is passed over."""
        match command:
            case control.Play():
                self.events.append(
                    control.Played(command.call, command.leg, command.play_id, 0.0, "failed", CANNOT)
                )
            case control.SendDigits():
                self.events.append(control.DigitsSent(command.call, command.leg, 0.0, "failed", CANNOT))
            case control.Record():
                self.events.append(
                    control.Recorded(command.call, command.leg, command.path, 0.0, "failed", CANNOT)
                )

    # Where calls are.

    def _place(self, name: str) -> Node | None:
        """The node that is to have a call: alive, not among those that would not, and the least loaded."""
        tried = self._refused.get(name, set())
        able = [node for node in self.nodes if node.is_alive and node not in tried]
        return min(able, key=lambda node: self._load(node, name), default=None)

    def _load(self, node: Node, name: str) -> tuple[float, int]:
        return (node.calls + 1) / node.address.weight, zlib.crc32(f"{node.address} {name}".encode())

    def _move(self, call: Call, problem: str, now: float) -> None:
        """Its node cannot have it."""
        self._refused.setdefault(call.name, set()).add(call.node)
        node = self._place(call.name)
        if node is None:
            self._forget(call)
            self.events.append(control.Refused(call.name, problem))
            return
        call.node.calls -= 1
        node.calls += 1
        call.move(node, now)

    def _forget(self, call: Call) -> None:
        if self._calls.get(call.name) is call:
            del self._calls[call.name]
            call.node.calls -= 1
        self._refused.pop(call.name, None)

    def _look_in_turn(self, now: float) -> None:
        """At as many as it takes to come round within a quarter of the timeout."""
        self._look_deadline = now + LOOK_PAUSE
        self._looks_due += len(self._in_turn) * LOOK_PAUSE * LOOKS / self._media_timeout
        looks = min(int(self._looks_due), len(self._in_turn))
        self._looks_due -= int(self._looks_due)
        for _ in range(looks):
            call = self._in_turn.popleft()
            if self._calls.get(call.name) is call:
                self._look(call, now)
                self._in_turn.append(call)

    def _look(self, call: Call, now: float) -> None:
        if not call.is_owed:
            call.heard_at = now
        elif now - call.heard_at >= self._media_timeout:
            self.events.append(control.Silent(call.name, now - call.heard_at))
            call.heard_at = now
        else:
            call.look(now)

    def _tell(self, event: control.Event) -> None:
        self.events.append(event)

    def _on_change(self, node: Node, now: float) -> None:
        self.changes.append(node)


OBEY: Final[dict[type[control.Command], Callable[..., None]]] = {
    control.Reserve: Farm._reserve,
    control.Direct: Farm._direct,
    control.Bridge: Farm._bridge,
    control.Release: Farm._release,
    control.Query: Farm._query,
    control.Inventory: Farm._inventory,
}
