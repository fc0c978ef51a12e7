"""``b2bua run``: starts relay, core and console as children, restarts what dies, stops them in order.

Its theory: one thread, no loop. All signals are blocked and waited for one by one, so nothing runs in a
signal's middle. A child dies with its parent (PR_SET_PDEATHSIG), so that not even kill -9 leaves one
behind. SIGTERM goes to the core, which drains; when it has ended the relay is stopped. SIGHUP goes to
the core, which reloads. A child that ends unasked is started again, after a pause that doubles while it
keeps dying; one that cannot start with this configuration (exit status 78) ends it all. But not the console:
calls go on without it, whatever becomes of it.
"""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import structlog

from b2bua.config import EX_CONFIG as EX_CONFIG

FIRST_PAUSE: Final = 0.2  # seconds before a child that died is started again
LONGEST_PAUSE: Final = 5.0
CONSOLE_PAUSE: Final = 60.0  # the longest, for a console that keeps dying: its start costs half a second of CPU
CONSOLE_NICENESS: Final = 5  # calls come first
SOUND_AFTER: Final = 10.0  # a child that lived so long may be restarted without a pause again
HOLDING_ROOM: Final = 1 << 20  # octets, for some thousand messages of many descriptors; the system may allow less
RELAY_PATIENCE: Final = 3.0  # seconds for the relay to end, when the core has

_PR_SET_PDEATHSIG: Final = 1
_SIGNALS: Final = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD})
_libc = ctypes.CDLL(None, use_errno=True)

log = structlog.get_logger("supervisor")


@dataclass(slots=True)
class Child:
    """A process to keep alive. environment: what it is started with; with `holds`, its descriptors too.

    is_vital: when it cannot start with this configuration, nothing can. longest_pause: see LONGEST_PAUSE.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    holds: tuple[socket.socket, ...] = ()  # passed on to every process of it, and kept here
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    due: float | None = None  # when to start it again
    pause: float = field(default=FIRST_PAUSE)
    is_vital: bool = True
    longest_pause: float = LONGEST_PAUSE
    niceness: int = 0
    is_given_up: bool = False

    @property
    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        parent = os.getpid()
        self.due = None
        self.started_at = time.monotonic()
        self.process = subprocess.Popen(
            self.command,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            pass_fds=[one.fileno() for one in self.holds],
            # A group of its own: Ctrl-C on the terminal reaches the supervisor, which ends things in order.
            process_group=0,
            preexec_fn=lambda: _prepare_child(parent, self.niceness),  # this process has one thread only
        )
        log.info(f"{self.name} started", pid=self.process.pid)

    def signal(self, number: signal.Signals) -> None:
        if self.is_alive:
            assert self.process is not None
            self.process.send_signal(number)

    def wait(self, limit: float) -> None:
        """Wait for its end, at most limit seconds, then kill it."""
        if self.process is None:
            return
        try:
            self.process.wait(limit)
        except subprocess.TimeoutExpired:
            log.error(f"{self.name} does not end; killed", pid=self.process.pid)
            self.process.kill()
            self.process.wait()


def _prepare_child(parent: int, niceness: int) -> None:
    """In the child, before its program: let no signal be blocked, and die when the parent does."""
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.nice(niceness)
    if _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL) != 0 or os.getppid() != parent:
        os._exit(1)


class Supervisor:
    """Runs the core, and the relay and the console where it has its own, until told to end."""

    def __init__(
        self, core: Child, relay: Child | None, drain_seconds: float, console: Child | None = None
    ) -> None:
        self.core = core
        self.relay = relay
        self.console = console
        self.drain_seconds = drain_seconds

    @property
    def children(self) -> list[Child]:
        return [child for child in (self.relay, self.core, self.console) if child is not None]

    def run(self) -> int:
        """Blocks until the end; gives the exit status: 0 after an orderly end."""
        before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        try:
            for child in self.children:
                child.start()
            return self._supervise()
        finally:
            for child in self.children:
                child.signal(signal.SIGKILL)
                child.wait(RELAY_PATIENCE)
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    def _supervise(self) -> int:
        while True:
            received = self._next_signal()
            if received in (signal.SIGTERM, signal.SIGINT):
                return self._end()
            if received == signal.SIGHUP:
                self.core.signal(signal.SIGHUP)
            for child in self.children:
                status = self._look_after(child)
                if status is not None:
                    return status

    def _next_signal(self) -> int | None:
        dues = [child.due for child in self.children if child.due is not None]
        # With nothing due SIGCHLD will wake this; the minute is for a clock that jumps.
        limit = max(min(dues) - time.monotonic(), 0.0) if dues else 60.0
        received = signal.sigtimedwait(_SIGNALS, limit)
        return None if received is None else received.si_signo

    def _look_after(self, child: Child) -> int | None:
        """Start again what has ended and is due. Gives a status when there is no use in going on."""
        if child.is_alive or child.is_given_up:
            return None
        assert child.process is not None
        now = time.monotonic()
        if child.due is None:
            status = child.process.returncode
            if status == EX_CONFIG and not child.is_vital:
                child.is_given_up = True
                log.error(f"{child.name} cannot run with this configuration; the service goes on without it")
                return None
            if status == EX_CONFIG:
                log.error(f"{child.name} cannot run with this configuration")
                return EX_CONFIG
            child.pause = FIRST_PAUSE if now - child.started_at >= SOUND_AFTER else child.pause
            child.due = now + child.pause
            log.error(f"{child.name} ended and is started again", ended_by=how(status), in_seconds=child.pause)
            child.pause = min(child.pause * 2, child.longest_pause)
        elif now >= child.due:
            child.start()
        return None

    def _end(self) -> int:
        """SIGTERM was received: the core drains, the relay follows. The core is told of a second one too."""
        log.info("ending: no new calls are taken")
        self.core.signal(signal.SIGTERM)
        if self.console is not None:
            self.console.signal(signal.SIGTERM)
        # The core keeps the limit itself; a little more than that, and it is stuck.
        deadline = time.monotonic() + self.drain_seconds + 15.0
        while self.core.is_alive and time.monotonic() < deadline:
            received = signal.sigtimedwait(_SIGNALS, deadline - time.monotonic())
            if received is not None and received.si_signo in (signal.SIGTERM, signal.SIGINT):
                self.core.signal(signal.SIGTERM)
        status = self.core.process.poll() if self.core.process is not None else 0
        self.core.wait(0)
        if self.relay is not None:
            self.relay.signal(signal.SIGTERM)
            self.relay.wait(RELAY_PATIENCE)
        log.info("ended", status=status)
        return 0 if status == 0 else 1


def how(status: int) -> str:
    """A return code of subprocess in words."""
    if status >= 0:
        return f"exit status {status}"
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"


def console_for(config_path: str, environment: Mapping[str, str]) -> Child:
    """The console's child. It does not speak to systemd: the service is up without it."""
    unsaid = ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
    silent = {name: value for name, value in environment.items() if name not in unsaid}
    return Child(
        "console",
        [sys.executable, "-m", "b2bua", "console", config_path],
        silent,
        is_vital=False,
        longest_pause=CONSOLE_PAUSE,
        niceness=CONSOLE_NICENESS,
    )


def children_for(
    config_path: str, relay_command: Sequence[str], environment: Mapping[str, str]
) -> tuple[Child, Child | None]:
    """The core's child, and the relay's unless relay_command is empty.

    The core alone speaks to systemd, of the service as a whole.
    """
    # WATCHDOG_PID names this process, not the children; systemd is not to wait for their signs of life.
    plain = {name: value for name, value in environment.items() if not name.startswith("WATCHDOG_")}
    silent = {name: value for name, value in plain.items() if name != "NOTIFY_SOCKET"}
    core = Child("core", [sys.executable, "-m", "b2bua", "core", config_path], plain)
    if not relay_command:
        return core, None
    # What the relay sends into one end and reads from the other waits here while there is no relay: the sockets of its
    # ports, as descriptors in flight. So a port is never closed because the relay died (rtp_relay/process/holding.py).
    holds = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for one in holds:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, HOLDING_ROOM)
    hold = ["--hold", ",".join(str(one.fileno()) for one in holds)]
    return core, Child("relay", [*relay_command, *hold], silent, holds)
