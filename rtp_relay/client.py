"""The core's end of the control socket, on asyncio.

Commands given in one turn of the loop leave together at its end, but for those that end a call: nobody waits for
them, so that they are gathered for RELEASE_PATIENCE, and one waking of the relay ends many calls. While there is no
relay, `send` says so and drops the command: what a call needs is said again after `on_ready`, by a Reserve that names
its ports.

A Reserve is answered from a stock of leased ports where there is one (see leases.py): no packet, no waiting. Who
uses the client need not know.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from rtp_relay import control
from rtp_relay.errors import ControlError
from rtp_relay.framing import events_in, packets_of
from rtp_relay.leases import Leases

FIRST_PAUSE: Final = 0.05  # seconds before the second attempt to connect; doubled after each
LONGEST_PAUSE: Final = 2.0
PACKETS_IN_A_TURN: Final = 16  # read before the loop's other work has its turn
UNSENT_LIMIT: Final = 4096  # packets; a relay that reads none for so long is as good as gone
RELEASE_PATIENCE: Final = 0.02  # seconds that a call which is over may keep its endpoints, for others to go with it
LEASE_PATIENCE: Final = 0.25  # seconds that a relay which is there may take for its first leases


class RelayClient:
    """A connection to the relay at `path` that comes back by itself.

    on_event is told of every event but Welcome and what concerns leases; on_ready of each Welcome, that is,
    whenever a relay is there (again) and has leased ports, or will not; on_lost once after each. All are called
    from the loop or from `say`, none within `send`, and none may raise. A relay that refuses our version is given up:
    `refusal` has its words.
    """

    def __init__(
        self,
        path: str,
        on_event: Callable[[control.Event], None],
        on_lost: Callable[[], None],
        on_ready: Callable[[control.Welcome], None],
    ) -> None:
        self.path = path
        self.is_ready = False
        self.refusal = ""
        self._on_event = on_event
        self._on_lost = on_lost
        self._on_ready = on_ready
        self._pause = FIRST_PAUSE
        self._socket: socket.socket | None = None
        self._commands: list[control.Command] = []
        self._releases: list[control.Command] = []
        self._releasing: asyncio.TimerHandle | None = None
        self._unsent: deque[bytes] = deque()
        self._is_crowded = False  # the socket takes no more for now
        self._loop: asyncio.AbstractEventLoop | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._leases = Leases(())
        self._welcome: control.Welcome | None = None  # heard, and not yet passed on
        self._patience: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Connect, and go on trying. Called within the running loop."""
        self._loop = asyncio.get_running_loop()
        self._connect()

    def close(self) -> None:
        """Send what was said, then hang up; nothing is told of it."""
        self._commands += self._releases
        self._post(self._settle()[0])
        self.is_ready = False
        if self._retry is not None:
            self._retry.cancel()
        self._hang_up()
        self._loop = None

    def send(self, command: control.Command) -> bool:
        """Say something to the relay, before the loop's next turn; False if there is none to say it to."""
        if not self.is_ready:
            return False
        if self._may_wait(command):
            self._gather(command)
            return True
        commands = self._commands
        if not commands and self._loop is not None:
            self._loop.call_soon(self._flush)
        commands.append(command)
        return True

    def say(self, commands: Sequence[control.Command]) -> bool:
        """Say several things at once, and hear at once what needs no relay to be answered: on_event is told of it
        before this returns. False if there is no relay to say them to.
        """
        if not self.is_ready:
            return False
        for command in commands:
            if self._may_wait(command):
                self._gather(command)
            else:
                self._commands.append(command)
        self._flush()
        return True

    # Connecting.

    def _connect(self) -> None:
        self._retry = None
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        opened.setblocking(False)
        try:
            opened.connect(self.path)
        except OSError:  # nobody there, or too many are waiting
            opened.close()
            self._try_later()
            return
        self._socket = opened
        if self._loop is not None:
            self._loop.add_reader(opened, self._read)
        self._post([control.Hello()])

    def _try_later(self) -> None:
        if self._loop is not None and not self.refusal:
            self._retry = self._loop.call_later(self._pause, self._connect)
            self._pause = min(self._pause * 2, LONGEST_PAUSE)

    def _lose(self) -> None:
        was_ready, self.is_ready = self.is_ready, False
        self._hang_up()
        self._try_later()
        if was_ready:
            self._on_lost()

    def _hang_up(self) -> None:
        opened, self._socket = self._socket, None
        for timer in (self._patience, self._releasing):
            if timer is not None:
                timer.cancel()
        self._welcome = self._patience = self._releasing = None
        self._leases = Leases(())
        self._commands.clear()
        self._releases.clear()
        self._unsent.clear()
        self._is_crowded = False
        if opened is not None:
            if self._loop is not None:
                self._loop.remove_reader(opened)
                self._loop.remove_writer(opened)
            opened.close()

    # Sending.

    def _may_wait(self, command: control.Command) -> bool:
        """It ends a call that the relay has heard of; one that it has not heard of is settled here, at once."""
        return isinstance(command, control.Release) and not command.legs and self._leases.has_introduced(command.call)

    def _gather(self, command: control.Command) -> None:
        if self._releasing is None and self._loop is not None:
            self._releasing = self._loop.call_later(RELEASE_PATIENCE, self._release)
        self._releases.append(command)

    def _release(self) -> None:
        self._releasing = None
        self._commands += self._releases
        self._releases.clear()
        self._flush()

    def _flush(self) -> None:
        commands, answers = self._settle()
        self._post(commands)
        for answer in answers:
            if not self.is_ready:  # lost meanwhile, and with it what was lent
                return
            self._on_event(answer)

    def _settle(self) -> tuple[list[control.Command], list[control.Event]]:
        """What of the commands given is to be sent, and what is answered here."""
        commands, self._commands = self._commands, []
        if self._loop is None or not commands:
            return [], []
        self._leases.obey(commands, self._loop.time())
        return self._leases.take_commands(), self._leases.take_answers()

    def _post(self, commands: list[control.Command]) -> None:
        if not commands or self._socket is None:
            return
        must_wait = bool(self._unsent)
        self._unsent.extend(packets_of(commands))
        if not must_wait:
            self._write()
        elif len(self._unsent) > UNSENT_LIMIT:
            self._lose()

    def _write(self) -> None:
        """Send packets, each whole or not at all, until the relay has as many as it can take."""
        opened, unsent = self._socket, self._unsent
        if opened is None or self._loop is None:
            return
        while unsent:
            try:
                opened.send(unsent[0])
            except BlockingIOError:
                if not self._is_crowded:
                    self._is_crowded = True
                    self._loop.add_writer(opened, self._write)
                return
            except OSError:
                self._lose()
                return
            unsent.popleft()
        if self._is_crowded:
            self._is_crowded = False
            self._loop.remove_writer(opened)

    # Receiving.

    def _read(self) -> None:
        """All that there is, as a rule: on a busy service turns of the loop are few (sip_stack/aio/pace.py)."""
        for _ in range(PACKETS_IN_A_TURN):
            if self._socket is None:
                return
            try:
                packet = self._socket.recv(control.PACKET_LIMIT)
                events = events_in(packet) if packet else None
            except BlockingIOError:
                return
            except (OSError, ControlError):
                events = None
            if events is None:
                self._lose()
                return
            for event in events:
                if self._loop is not None and self._socket is not None:
                    self._take(event, self._loop)

    def _take(self, event: control.Event, loop: asyncio.AbstractEventLoop) -> None:
        is_greeted = self.is_ready or self._welcome is not None
        if isinstance(event, control.Welcome):
            self._pause = FIRST_PAUSE
            self._welcome = event
            self._leases = Leases(event.interfaces)
            self._leases.mind_stocks(loop.time())
            self._patience = loop.call_later(LEASE_PATIENCE, self._begin)
        elif isinstance(event, control.Refused) and not is_greeted:
            self.refusal = event.reason
            return
        else:
            told = self._leases.hear(event, loop.time())
            if told is not None:
                self._on_event(told)
        if self._leases.commands:
            self._post(self._leases.take_commands())
        if self._welcome is not None and self._leases.is_stocked:
            self._begin()

    def _begin(self) -> None:
        """Tell that the relay is there."""
        welcome, self._welcome = self._welcome, None
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None
        if welcome is not None:
            self.is_ready = True
            self._on_ready(welcome)
