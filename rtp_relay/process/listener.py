"""The control socket: who connects, what they say, what is answered.

A packet that does not decode costs its sender the connection, not the relay its life.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import os
import socket
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from rtp_relay import control
from rtp_relay.errors import ControlError, StartError
from rtp_relay.framing import commands_in, packets_of
from rtp_relay.relay import Relay

BACKLOG: Final = 16
PACKETS_IN_A_TURN: Final = 16  # read before media has its turn
UNSENT_LIMIT: Final = 4096  # packets; who reads none for so long is hung up on

log = structlog.get_logger("rtp_relay")


def listen(path: str) -> socket.socket:
    """A listening socket at `path`, for this user only. Removes a dead one there, never a live one.

    A directory that is missing is made, for this user only too. Raises StartError.
    """
    try:
        Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StartError(f"directory of control socket {path}: {error.strerror}") from error
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.setblocking(False)
    mask = os.umask(0o177)
    try:
        try:
            listener.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
            _remove_dead(path)
            listener.bind(path)
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise StartError(f"control socket {path}: {error.strerror}") from error
    except StartError:
        listener.close()
        raise
    finally:
        os.umask(mask)
    return listener


def _remove_dead(path: str) -> None:
    if not Path(path).is_socket():
        raise StartError(f"control socket {path}: there is a file that is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
            return
    raise StartError(f"control socket {path}: another relay is listening there")


class Connection:
    """One core: its packets in, its packets out."""

    def __init__(self, owner: int, opened: socket.socket, listener: Listener) -> None:
        self.owner = owner
        self.has_greeted = False
        self._is_crowded = False  # the socket takes no more for now
        self._socket = opened
        self._listener = listener
        self._unsent: deque[bytes] = deque()
        opened.setblocking(False)
        asyncio.get_running_loop().add_reader(opened, self._read)

    def send(self, events: list[control.Event]) -> None:
        """Send events, in order; what the socket does not take waits."""
        must_wait = bool(self._unsent)
        self._unsent.extend(packets_of(events))
        if not must_wait:
            self._write()
        elif len(self._unsent) > UNSENT_LIMIT:
            self._end("the core does not read its events")

    def close(self) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._socket)
        loop.remove_writer(self._socket)
        self._socket.close()
        self._unsent.clear()

    def _read(self) -> None:
        """All that there is, as a rule: with more media than there is time for, turns of the loop are few, and what
        ends calls must not wait for them.
        """
        for _ in range(PACKETS_IN_A_TURN):
            try:
                packet = self._socket.recv(control.PACKET_LIMIT)  # what is longer is cut, and no array then
            except BlockingIOError:
                break
            except OSError as error:
                self._end(str(error))
                return
            if not packet:
                self._end("")
                return
            try:
                self._listener.obey(self, commands_in(packet))
            except ControlError as error:
                self._end(str(error))
                return
        self._listener.deliver()
        self._listener.look_ahead()

    def _write(self) -> None:
        unsent = self._unsent
        while unsent:
            try:
                self._socket.send(unsent[0])
            except BlockingIOError:
                if not self._is_crowded:
                    self._is_crowded = True
                    asyncio.get_running_loop().add_writer(self._socket, self._write)
                return
            except BrokenPipeError:
                self._end("")
                return
            except OSError as error:
                self._end(str(error))
                return
            unsent.popleft()
        if self._is_crowded:
            self._is_crowded = False
            asyncio.get_running_loop().remove_writer(self._socket)

    def _end(self, reason: str) -> None:
        self.close()
        self._listener.lose(self, reason)


class Listener:
    """All connections. on_change is called after commands: the relay's next deadline may have moved."""

    def __init__(
        self, path: str, listening: socket.socket, relay: Relay, on_change: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:  # fmt: skip
        self._path = path
        self._listening = listening
        self._relay = relay
        self._on_change = on_change
        self._clock = clock
        self._owners = itertools.count(1)
        self._connections: dict[int, Connection] = {}
        asyncio.get_running_loop().add_reader(listening, self._accept)

    def close(self) -> None:
        """Hang up on everybody and take the socket's file away."""
        asyncio.get_running_loop().remove_reader(self._listening)
        self._listening.close()
        Path(self._path).unlink(missing_ok=True)
        for connection in self._connections.values():
            connection.close()
        self._connections.clear()

    def obey(self, connection: Connection, commands: list[control.Command]) -> None:
        """Hand commands to the relay. Raises ControlError for a core that does not say Hello first."""
        now, handle, owner = self._clock(), self._relay.handle, connection.owner
        for command in commands:
            if not connection.has_greeted and not isinstance(command, control.Hello):
                raise ControlError(f"{type(command).__name__} before Hello")
            connection.has_greeted = True
            handle(command, owner, now)
            if type(command) is control.Hello and not control.OLDEST <= command.version <= control.VERSION:
                self.deliver()
                raise ControlError(f"version {command.version} is not ours, which is {control.VERSION}")

    def look_ahead(self) -> None:
        """After commands, when they have been answered: the relay's next deadline may have moved."""
        self._on_change()

    def deliver(self) -> None:
        """Send what the relay has to tell to whom it concerns."""
        if not self._relay.has_events:
            return
        by_owner: dict[int, list[control.Event]] = {}
        for owner, event in self._relay.take_events():
            by_owner.setdefault(owner, []).append(event)
        for owner, events in by_owner.items():
            connection = self._connections.get(owner)
            if connection is not None:
                connection.send(events)

    def lose(self, connection: Connection, reason: str) -> None:
        """The connection is closed; reason "" if the core closed it."""
        if self._connections.pop(connection.owner, None) is None:
            return
        if reason:
            log.error("control connection closed", connection=connection.owner, reason=reason)
        else:
            log.info("core gone", connection=connection.owner)
        self._relay.lose(connection.owner, self._clock())
        self._on_change()

    def _accept(self) -> None:
        try:
            opened, _ = self._listening.accept()
        except OSError as error:
            if error.errno != errno.EAGAIN:
                log.error("accept failed", reason=str(error))
            return
        owner = next(self._owners)
        self._connections[owner] = Connection(owner, opened, self)
        log.info("core connected", connection=owner)
