"""The self-test's process, beside a running relay and without one."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from rtp_relay.facts import Facts, MediaAddress, Wanted
from rtp_relay.form import Interface
from rtp_relay.forms.user import UserForm
from rtp_relay.process.listener import Listener, listen
from rtp_relay.process.probe import running
from rtp_relay.relay import Relay, Settings
from tests.rtp_relay.conformance.rig import free_range

LIMIT = 60


def probe(wanted: Wanted, *before: str) -> Facts:
    command = [*before, sys.executable, "-m", "rtp_relay.process.probe"]
    done = subprocess.run(command, input=msgspec.json.encode(wanted), capture_output=True, timeout=LIMIT, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return msgspec.json.decode(done.stdout, type=Facts)


def wanted(first: int, path: Path | None = None) -> Wanted:
    here = MediaAddress("here", "127.0.0.1", "127.0.0.1")
    return Wanted((here,), first, first + 7, ("127.0.0.1",), str(path) if path else "", packets=6)


def test_everything_at_once() -> None:
    first = free_range("127.0.0.1", 4)
    facts = probe(wanted(first))
    (trial,) = (one for one in facts.trials if one.network == "here")
    assert (trial.sent, trial.arrived, trial.problem) == (6, 6, "")
    assert facts.running is None
    assert facts.taken == {"127.0.0.1": ()}
    assert [link.kind for link in facts.links] == ["loopback"]
    assert [way.link for way in facts.ways] == ["lo"]
    assert [one.version for one in facts.firewalls] == [4]
    assert facts.is_root == (os.geteuid() == 0)
    if not facts.is_root:
        assert facts.unseen


def test_without_any_privilege_it_says_what_it_could_not_look_at() -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("to give up privileges one must have some, and setpriv")
    facts = probe(wanted(free_range("127.0.0.1", 4)), "setpriv", "--bounding-set=-all", "--inh-caps=-all")
    assert {(one.form, one.network, one.arrived) for one in facts.trials} == {("user", "here", 6)}
    assert any("not permitted" in one for one in facts.unseen)


def test_what_is_no_question_is_refused() -> None:
    command = [sys.executable, "-m", "rtp_relay.process.probe"]
    done = subprocess.run(command, input=b"{}", capture_output=True, timeout=LIMIT, check=False)
    assert done.returncode == 2
    assert b"interfaces" in done.stderr


def test_a_running_relay_is_asked_and_its_ports_are_left_alone(tmp_path: Path) -> None:
    path, first = tmp_path / "relay", free_range("127.0.0.1", 4)

    async def beside() -> Facts:
        form = UserForm("because it is a test")
        relay = Relay(form, [Interface("here", "127.0.0.1", "127.0.0.1")], Settings(first, first + 7))
        relay.open(2)
        listener = Listener(str(path), listen(str(path)), relay, lambda: None)
        try:
            return await asyncio.to_thread(probe, wanted(first, path))
        finally:
            listener.close()
            relay.close()
            form.shut()

    facts = asyncio.run(beside())
    assert facts.running is not None
    assert (facts.running.form, facts.running.reason, facts.running.calls) == ("user", "because it is a test", 0)
    assert facts.running.pairs == 2
    assert facts.running.descriptors > 0
    assert facts.taken == {"127.0.0.1": (first, first + 1, first + 2, first + 3)}
    assert [one.problem for one in facts.trials if one.network == "here"] == [""]


def test_a_socket_without_a_relay_and_one_that_speaks_otherwise(tmp_path: Path) -> None:
    assert running.ask(str(tmp_path / "nobody")) is None
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listening:
        listening.bind(str(tmp_path / "left"))
    assert running.ask(str(tmp_path / "left")) is None
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(tmp_path / "other"))
        other.listen()
        with pytest.raises(OSError):
            running.ask(str(tmp_path / "other"))
