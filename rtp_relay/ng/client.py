"""A farm of rtpengines, on asyncio, for whoever knows how to talk to our own relay's client.

It has what RelayClient has, in the same words: commands go in, events come out, `is_ready` says whether anybody is
there. What our relay can and rtpengine is not asked for is refused at once (farm.py). docs/decisions/ says what becomes
of which command.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Sequence
from typing import Final

from rtp_relay import control
from rtp_relay.errors import ControlError
from rtp_relay.ng import messages
from rtp_relay.ng.call import Interfaces
from rtp_relay.ng.farm import Farm
from rtp_relay.ng.node import PATIENCE, Address, Node

__all__ = ["Address", "FarmClient", "trouble_with"]

READ_IN_A_TURN: Final = 64  # datagrams of a node, before the loop's other work has its turn
DATAGRAM: Final = 65536
RECEIVE_BUFFER: Final = 1 << 20  # octets, as far as the system allows: an answer to a query has some 3,000
FORM: Final = "rtpengine"


class FarmClient:
    """Nodes that rtpengine listens for ng at, by numeric address.

    on_event, on_lost, on_ready: as RelayClient's; ready is who has one node that answers, lost who has none any more.
    on_node is told of each node that is found alive or dead. interfaces: names that calls may use, and whether
    they are IPv6's. cookies: unlike those of any core before, as rtpengine keeps answers for a while.
    """

    refusal = ""  # nobody here speaks another version

    def __init__(
        self,
        nodes: Sequence[Address],
        interfaces: Sequence[tuple[str, bool]],
        media_timeout: float,
        cookies: str,
        on_event: Callable[[control.Event], None],
        on_lost: Callable[[], None],
        on_ready: Callable[[control.Welcome], None],
        on_node: Callable[[str, bool], None],
    ) -> None:
        self.path = ", ".join(str(each) for each in nodes)
        self.is_ready = False
        self._farm = Farm(nodes, Interfaces(tuple(interfaces)), media_timeout, cookies)
        self._on_event, self._on_lost, self._on_ready, self._on_node = on_event, on_lost, on_ready, on_node
        self._loop: asyncio.AbstractEventLoop | None = None
        self._sockets: dict[Node, socket.socket] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._unsaid: list[control.Command] = []

    def start(self) -> None:
        """Look who is there, and go on looking. Called within the running loop."""
        self._loop = asyncio.get_running_loop()
        for node in self._farm.nodes:
            self._sockets[node] = self._open(node, self._loop)
        self._expire()

    def close(self) -> None:
        """Send what was said, and hear no more. Calls that stand end when rtpengine hears nothing of them."""
        self._flush()
        if self._timer is not None:
            self._timer.cancel()
        for opened in self._sockets.values():
            if self._loop is not None:
                self._loop.remove_reader(opened)
            opened.close()
        self._sockets.clear()
        self.is_ready = False
        self._loop = None

    def send(self, command: control.Command) -> bool:
        """Say something before the loop's next turn; False if nobody is there to say it to."""
        if not self.is_ready or self._loop is None:
            return False
        if not self._unsaid:
            self._loop.call_soon(self._flush)
        self._unsaid.append(command)
        return True

    def say(self, commands: Sequence[control.Command]) -> bool:
        """Say several things at once. False if nobody is there to say them to."""
        if not self.is_ready:
            return False
        self._unsaid.extend(commands)
        self._flush()
        return True

    def _flush(self) -> None:
        commands, self._unsaid = self._unsaid, []
        if self._loop is not None and commands:
            self._farm.obey(commands, self._loop.time())
            self._pump()

    # Datagrams and time.

    def _open(self, node: Node, loop: asyncio.AbstractEventLoop) -> socket.socket:
        host, port = node.address.host, node.address.port
        opened = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        opened.setblocking(False)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        opened.connect((host, port))  # what comes from elsewhere is not heard
        loop.add_reader(opened, self._read, node, opened)
        return opened

    def _read(self, node: Node, opened: socket.socket) -> None:
        for _ in range(READ_IN_A_TURN):
            try:
                datagram = opened.recv(DATAGRAM)
            except OSError:  # nothing more; or an ICMP error of something sent before, which silence will tell too
                break
            if self._loop is not None:
                node.hear(datagram, self._loop.time())
        self._pump()

    def _expire(self) -> None:
        self._timer = None
        if self._loop is not None:
            self._farm.expire(self._loop.time())
            self._pump()

    def _pump(self) -> None:
        """Send what is to be sent, tell what is to be told, and wake up when something is due."""
        for node, opened in self._sockets.items():
            outbox, node.outbox = node.outbox, []
            for datagram in outbox:
                try:
                    opened.send(datagram)
                except OSError:
                    pass  # it is said again after a while, as if it had been lost
        self._set_timer()
        for node in self._farm.take_changes():
            self._on_node(str(node.address), node.is_alive)
        self._tell_presence()
        for event in self._farm.take_events():
            self._on_event(event)

    def _set_timer(self) -> None:
        loop, due = self._loop, self._farm.deadline
        if loop is None or (self._timer is not None and self._timer_at <= due):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = loop.call_at(due, self._expire)

    def _tell_presence(self) -> None:
        was_ready, self.is_ready = self.is_ready, self._farm.is_alive
        if self.is_ready and not was_ready:
            there = [str(node.address) for node in self._farm.nodes if node.is_alive]
            reason = f"{len(there)} of {len(self._farm.nodes)} nodes answer"
            self._on_ready(control.Welcome(control.VERSION, FORM, reason, 0))
        elif was_ready and not self.is_ready:
            self._on_lost()


def trouble_with(address: Address) -> str:
    """Why that rtpengine does not answer a ping, for a person; "" if it does. Waits, a second at most."""
    with socket.socket(socket.AF_INET6 if ":" in address.host else socket.AF_INET, socket.SOCK_DGRAM) as asking:
        for patience in PATIENCE:
            asking.settimeout(patience)
            try:
                asking.connect((address.host, address.port))
                asking.send(messages.datagram("check", messages.ping()))
                return messages.trouble(messages.read(asking.recv(DATAGRAM))[1])
            except TimeoutError:
                continue
            except OSError as error:
                return error.strerror or str(error)
            except ControlError as error:
                return f"what answers there is no rtpengine ({error})"
    return "no answer"
