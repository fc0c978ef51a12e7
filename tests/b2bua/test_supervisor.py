"""The supervisor, with children that are small programs of the test's own."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from b2bua.config import EX_CONFIG
from b2bua.supervisor import CONSOLE_NICENESS, children_for, console_for, how

ROOT = Path(__file__).parents[2]

# Tells its name and pid on the pipe when it is up, and each signal it gets; the core ends at SIGTERM.
CHILD = """
import os, signal, sys
name, pipe, manner = sys.argv[1], int(sys.argv[2]), sys.argv[3]
def say(text): os.write(pipe, f"{name} {text}\\n".encode())
def on_signal(number, frame):
    say(signal.Signals(number).name)
    if number == signal.SIGTERM: sys.exit(3 if manner == "fails" else 0)
for number in (signal.SIGTERM, signal.SIGHUP): signal.signal(number, on_signal)
say(f"up {os.getpid()}")
if manner == "misconfigured": sys.exit(78)
while True: signal.pause()
"""

SUPERVISOR = """
import os, sys
from b2bua import supervisor
pipe, core_manner, relay_manner, console_manner = int(sys.argv[1]), sys.argv[2], sys.argv[3], sys.argv[5]
supervisor.FIRST_PAUSE = 0.01
def child(name, manner):
    made = supervisor.Child(name, [sys.executable, "-c", sys.argv[4], name, str(pipe), manner], os.environ)
    made.pause = 0.01
    return made
os.set_inheritable(pipe, True)
popen = supervisor.subprocess.Popen
supervisor.subprocess.Popen = lambda *a, **k: popen(*a, **(k | {"pass_fds": (pipe,)}))
relay = child("relay", relay_manner) if relay_manner else None
console = child("console", console_manner) if console_manner else None
if console is not None: console.is_vital = False
sys.exit(supervisor.Supervisor(child("core", core_manner), relay, 5.0, console).run())
"""


class Family:
    """A supervisor and what its children say."""

    def __init__(self, core: str = "", relay: str = "well", console: str = "") -> None:
        self._reading, writing = os.pipe()
        self._said = b""
        arguments = [str(writing), core or "well", relay, textwrap.dedent(CHILD), console]
        self.process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(SUPERVISOR), *arguments],
            pass_fds=(writing,),
            cwd=ROOT,
            stderr=subprocess.PIPE,
        )
        os.close(writing)

    def line(self) -> str:
        """What a child says next; "" when the supervisor and all children are gone."""
        while b"\n" not in self._said:
            ready, _, _ = select.select([self._reading], [], [], 60)
            assert ready, "nothing is said"
            data = os.read(self._reading, 4096)
            if not data:
                return ""
            self._said += data
        line, _, self._said = self._said.partition(b"\n")
        return line.decode()

    def up(self) -> dict[str, int]:
        """The next two that come up, by name, with their pids."""
        return dict(self.one_up() for _ in range(2))

    def one_up(self) -> tuple[str, int]:
        name, state, pid = self.line().split()
        assert state == "up"
        return name, int(pid)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
        os.close(self._reading)


@pytest.fixture
def family() -> Iterator[Family]:
    made = Family()
    yield made
    made.close()


def test_sigterm_ends_the_core_and_then_the_relay(family: Family) -> None:
    family.up()
    family.process.send_signal(signal.SIGTERM)
    assert [family.line() for _ in range(3)] == ["core SIGTERM", "relay SIGTERM", ""]
    assert family.process.wait(60) == 0


def test_ctrl_c_does_the_same(family: Family) -> None:
    family.up()
    family.process.send_signal(signal.SIGINT)
    assert [family.line() for _ in range(3)] == ["core SIGTERM", "relay SIGTERM", ""]
    assert family.process.wait(60) == 0


def test_sighup_goes_to_the_core(family: Family) -> None:
    family.up()
    family.process.send_signal(signal.SIGHUP)
    assert family.line() == "core SIGHUP"
    assert family.process.poll() is None


@pytest.mark.parametrize("name", ["core", "relay"])
def test_a_child_that_is_killed_is_started_again(family: Family, name: str) -> None:
    pids = family.up()
    os.kill(pids[name], signal.SIGKILL)
    again, pid = family.one_up()
    assert again == name
    assert pid != pids[name]
    family.process.send_signal(signal.SIGTERM)
    assert family.process.wait(60) == 0


def test_kill_9_of_the_supervisor_leaves_no_child(family: Family) -> None:
    family.up()
    family.process.kill()
    assert family.line() == "", "the pipe closes when the last child is gone"


def test_a_core_that_cannot_run_with_its_configuration_ends_all() -> None:
    family = Family(core="misconfigured")
    family.up()
    assert family.process.wait(60) == EX_CONFIG
    assert family.line() == ""
    family.close()


def test_a_core_that_does_not_end_well_is_told() -> None:
    family = Family(core="fails", relay="")
    family.one_up()
    family.process.send_signal(signal.SIGTERM)
    assert family.process.wait(60) == 1
    family.close()


def test_only_the_core_speaks_to_systemd() -> None:
    environment = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "2", "PATH": "/bin"}
    core, relay = children_for("x.toml", ["rtp_relay", "--socket"], environment)
    assert core.environment == {"NOTIFY_SOCKET": "/run/n", "PATH": "/bin"}
    assert core.command[-3:] == ["b2bua", "core", "x.toml"]
    assert relay is not None
    assert relay.environment == {"PATH": "/bin"}
    assert relay.command[:2] == ["rtp_relay", "--socket"]
    assert relay.command[2:] == ["--hold", ",".join(str(one.fileno()) for one in relay.holds)]
    for one in relay.holds:
        one.close()
    assert children_for("x.toml", [], environment)[1] is None


def test_a_console_that_is_killed_is_started_again_and_nobody_else_is() -> None:
    family = Family(console="well")
    pids = dict(family.one_up() for _ in range(3))
    os.kill(pids["console"], signal.SIGKILL)
    again, pid = family.one_up()
    assert (again, pid != pids["console"]) == ("console", True)
    for name in ("core", "relay"):
        os.kill(pids[name], 0)
    family.process.send_signal(signal.SIGTERM)
    ended = [family.line() for _ in range(3)]
    assert sorted(ended) == ["console SIGTERM", "core SIGTERM", "relay SIGTERM"]
    assert ended[-1] == "relay SIGTERM" or ended.index("core SIGTERM") < ended.index("relay SIGTERM")
    assert family.process.wait(60) == 0
    family.close()


def wait_until_reaped(pid: int) -> None:
    """Returns when its parent has looked at how a process ended."""
    while True:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        os.sched_yield()


@pytest.mark.parametrize(("status", "words"), [(1, "exit status 1"), (-9, "SIGKILL"), (-99, "signal 99")])
def test_how_a_child_has_ended(status: int, words: str) -> None:
    assert how(status) == words


def test_a_console_that_cannot_run_is_done_without() -> None:
    family = Family(console="misconfigured")
    pids = dict(family.one_up() for _ in range(3))
    wait_until_reaped(pids["console"])
    family.process.send_signal(signal.SIGHUP)
    assert family.line() == "core SIGHUP"
    os.kill(pids["core"], 0)
    assert family.process.poll() is None
    family.process.send_signal(signal.SIGTERM)
    assert [family.line() for _ in range(3)] == ["core SIGTERM", "relay SIGTERM", ""]
    assert family.process.wait(60) == 0
    family.close()


def test_the_console_is_silent_towards_systemd_and_comes_after_calls() -> None:
    environment = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "1", "WATCHDOG_PID": "2", "PATH": "/bin"}
    console = console_for("x.toml", environment)
    assert console.environment == {"PATH": "/bin"}
    assert console.command[-3:] == ["b2bua", "console", "x.toml"]
    assert not console.is_vital
    assert console.niceness == CONSOLE_NICENESS > 0
