"""The core's Unix socket: JSON lines, a command in, an answer out; "live" is followed by what happens.

A command is an object with "command" and what belongs to it: {"command": "hangup", "call": "4f2a"}.
The answer is one object; one with "error" says for a person what was wrong. After {"command": "live"}
the answer is a snapshot, {"calls": [...]}, each as ``live_call`` makes it, and events follow, each an
object with "event", "call" (its id) and "at" (microseconds since 1970):

    call.started, call.answered, call.ended
        caller, caller_name, dialled, number_name, recipients (names; none before a dial step); outcome and
        answered_by once there are any
    call.step, call.voicemail
        the same; step: the name of the step of its flow that begins (of flows with more than one)
    recipient.invited, recipient.ringing, recipient.asked, recipient.answered, recipient.ended
        recipient (its leg, from 1), name; outcome once there is one. asked: he has answered, and hears a whisper or
        is to press 1; answered: he is connected
    call.media
        once a second of each call that talks, up to some fifty: form (how the relay forwards), legs, each with leg,
        medium, packets, lost, jitter (ms), strangers (all of what came), sent, far (the address of the far end)
    relay
        once a second, of no call (""): form, reason, flows (that the kernel has), packets_in_kernel (forwarded there),
        packets_in_user_space (that came to sockets) and strangers_in_kernel (packets dropped there for their source)

{"command": "records", "calls": [ids], "messages": true} gives {"records": {id: a CallRecord}} of those that run, with
the messages so far if they are wanted; see ``up_to_date``.

Whoever may open the socket may listen and end calls: it is for the service's own user (mode 0600).
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Final, cast

import msgspec
import structlog

from b2bua.calls.record import CallRecord, RecipientRecord

Said = dict[str, Any]
Answer = Callable[[Said], Said]

LINE_LIMIT: Final = 65_536  # of a command, in octets
BACKLOG_LIMIT: Final = 1 << 20  # octets waiting for a listener before it is cut off

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_decode_anything = msgspec.json.decode

log = structlog.get_logger("control")


class ControlError(Exception):
    """The service cannot be spoken to, or refused. The text is for a person."""


class ServiceRunning(ControlError):
    """Another service of the same configuration has the socket: it may end, and this one be started again."""


_OTHER_PLACE = "Start it as a user who may write there, or name another place in service.control_socket."


class ControlServer:
    """Serves the socket at path. ``answer`` is called in the loop, for each command; it must not wait.

    An answer that raises LookupError or ValueError is told to the client as {"error": …}.
    """

    def __init__(self, path: str, answer: Answer) -> None:
        self.path = path
        self._answer = answer
        self._server: asyncio.AbstractServer | None = None
        self._connections: set[_Connection] = set()
        self._listeners: set[_Connection] = set()

    async def start(self) -> None:
        """Raises ControlError when another service holds the socket, or the place cannot be written to."""
        make_way(self.path)
        loop = asyncio.get_running_loop()
        # The mode must be right from the first moment, so it comes from the mask and not from a chmod after.
        mask = os.umask(0o177)
        try:
            self._server = await loop.create_unix_server(lambda: _Connection(self), self.path)
        except OSError as problem:
            said = f"{self.path} cannot be listened on: {problem.strerror}. {_OTHER_PLACE}"
            raise ControlError(said) from problem
        finally:
            os.umask(mask)

    async def close(self) -> None:
        """Stop listening, tell no more; the socket's file is gone."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.cut_off()
        await self._server.wait_closed()
        self._server = None
        _remove(self.path)

    @property
    def has_listeners(self) -> bool:
        return bool(self._listeners)

    def publish(self, event: Said) -> None:
        """Tell an event to all who listen; costs next to nothing when nobody does."""
        if not self._listeners:
            return
        line = _encode(event) + b"\n"
        for listener in list(self._listeners):
            listener.tell(line)


class _Connection(asyncio.Protocol):
    def __init__(self, server: ControlServer) -> None:
        self._server = server
        self._transport: asyncio.Transport
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._server._connections.add(self)

    def connection_lost(self, _problem: Exception | None) -> None:
        self._server._connections.discard(self)
        self._server._listeners.discard(self)

    def data_received(self, data: bytes) -> None:
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._obey(line)
        if len(self._received) > LINE_LIMIT:
            self.cut_off()

    def tell(self, line: bytes) -> None:
        """Send a line, unless the other side has stopped reading: then let it go."""
        if self._transport.get_write_buffer_size() > BACKLOG_LIMIT:
            log.warning(
                "a listener was cut off: it does not read", octets=self._transport.get_write_buffer_size()
            )
            self.cut_off()
            return
        self._transport.write(line)

    def cut_off(self) -> None:
        self._server._listeners.discard(self)
        self._transport.abort()

    def _obey(self, line: bytes) -> None:
        try:
            command = _decode(line)
        except (msgspec.DecodeError, msgspec.ValidationError, UnicodeDecodeError) as problem:
            self.tell(_encode({"error": f"not a command: {problem}"}) + b"\n")
            return
        try:
            said = self._server._answer(command)
        except (LookupError, ValueError) as problem:
            said = {"error": str(problem.args[0]) if problem.args else type(problem).__name__}
        self.tell(_encode(said) + b"\n")
        if command.get("command") == "live" and "error" not in said and not self._transport.is_closing():
            self._server._listeners.add(self)


def up_to_date(records: Iterable[CallRecord], answer: Said) -> list[CallRecord]:
    """Records of a database, those of running calls as the answer to "records" has them.

    ControlError for what is no such answer.
    """
    try:
        running = msgspec.convert(answer.get("records", {}), dict[str, CallRecord])
    except msgspec.ValidationError as problem:
        raise ControlError(f"The core's answer is not understood: {problem}. Is it of this version?") from problem
    return [record if record.outcome else running.get(record.id, record) for record in records]


def live_call(record: CallRecord) -> Said:
    """A running call for the snapshot of "live"."""
    return {
        "call": record.id,
        "trunk": record.trunk,
        "caller": record.caller,
        "caller_name": record.caller_name,
        "dialled": record.dialled,
        "number_name": record.number_name,
        "started_at": record.started_at,
        "ringing_at": record.ringing_at,
        "answered_at": record.answered_at,
        "answered_by": record.answered_by,
        "recipients": [_live_recipient(recipient) for recipient in record.recipients],
    }


def _live_recipient(recipient: RecipientRecord) -> Said:
    if recipient.outcome is not None and recipient.ended_at is not None:
        state = "ended"
    elif recipient.answered_at is not None:
        state = "answered"
    else:
        state = "ringing" if recipient.ringing_at is not None else "invited"
    return {
        "recipient": recipient.leg,
        "name": recipient.name,
        "state": state,
        "outcome": None if recipient.outcome is None else recipient.outcome.value,
    }


def _remove(path: str) -> None:
    Path(path).unlink(missing_ok=True)


def make_way(path: str) -> None:
    """Remove a socket that nobody listens on any more. ControlError where a living service does, or it cannot be."""
    place = Path(path)
    try:
        place.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        if not place.is_socket():
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.connect(path)
    except ConnectionRefusedError:
        place.unlink(missing_ok=True)
    except OSError as problem:
        raise ControlError(f"{path} cannot be used: {problem.strerror}. {_OTHER_PLACE}") from problem
    else:
        raise ServiceRunning(f"a service is running already: it listens on {path}.")


class ControlClient:
    """The command line's side; waits. ``with ControlClient(path) as service: service.ask({...})``."""

    def __init__(self, path: str, limit: float = 10.0) -> None:
        """limit: seconds to wait for an answer. Raises ControlError when nobody listens."""
        self._received = b""
        self._limit = limit
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(limit)
        try:
            self._socket.connect(path)
        except OSError as problem:
            self._socket.close()
            remedy = "Is the service running, with this configuration, and may this user open its socket?"
            raise ControlError(f"{path}: {problem.strerror or problem}. {remedy}") from problem

    def __enter__(self) -> ControlClient:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def ask(self, command: Said) -> Said:
        """Send a command, wait for the answer. Raises ControlError with the service's reason."""
        self._socket.settimeout(self._limit)
        try:
            self._socket.sendall(_encode(command) + b"\n")
            answer = self._line()
        except TimeoutError as problem:
            raise ControlError(f"the service did not answer within {self._limit:g} s.") from problem
        except OSError as problem:
            raise ControlError(f"the service hung up: {problem.strerror}.") from problem
        if answer is None:
            raise ControlError("the service hung up.")
        if "error" in answer:
            raise ControlError(str(answer["error"]))
        return answer

    def follow(self, tick: float) -> Iterator[Said | None]:
        """Events as they come, after ask({"command": "live"}), until the service ends.

        None comes when nothing happened for tick seconds, so that a clock on the screen can go on.
        """
        self._socket.settimeout(tick)
        while True:
            try:
                event = self._line()
            except TimeoutError:
                yield None
                continue
            except OSError:
                return
            if event is None:
                return
            yield event

    def _line(self) -> Said | None:
        while b"\n" not in self._received:
            data = self._socket.recv(65_536)
            if not data:
                return None
            self._received += data
        line, _, self._received = self._received.partition(b"\n")
        said: Said = _decode_anything(line)
        return said
