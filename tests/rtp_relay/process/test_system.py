from __future__ import annotations

import os
import pwd
import resource
import socket
from pathlib import Path

import pytest

from rtp_relay.errors import StartError
from rtp_relay.process.system import Systemd, become, raise_descriptor_limit


@pytest.fixture
def notify(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> socket.socket:
    """systemd's end."""
    path = str(tmp_path / "notify")
    made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    made.bind(path)
    made.setblocking(False)
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    return made


def test_systemd_is_told(notify: socket.socket) -> None:
    with notify:
        Systemd().tell("READY=1")
        assert notify.recv(99) == b"READY=1"


def test_an_abstract_address(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"relay-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind("\0" + name)
        notify.setblocking(False)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name)
        Systemd().tell("STOPPING=1")
        assert notify.recv(99) == b"STOPPING=1"


def test_without_systemd_nothing_happens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    monkeypatch.setenv("WATCHDOG_USEC", "1000000")
    systemd = Systemd()
    systemd.tell("READY=1")
    assert systemd.watchdog == 0.0
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    Systemd().tell("READY=1")


def test_the_watchdog_is_fed_twice_as_often_as_asked(
    notify: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    with notify:
        monkeypatch.setenv("WATCHDOG_USEC", "3000000")
        assert Systemd().watchdog == 1.5
        monkeypatch.setenv("WATCHDOG_PID", "1")
        assert Systemd().watchdog == 0.0
        monkeypatch.delenv("WATCHDOG_PID")
        monkeypatch.setenv("WATCHDOG_USEC", "soon")
        assert Systemd().watchdog == 0.0


def test_descriptors() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        assert raise_descriptor_limit() == before[1]
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (before[1], before[1])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_users() -> None:
    become(pwd.getpwuid(os.geteuid()).pw_name)  # who we are already
    with pytest.raises(StartError, match="no user"):
        become("nobody-of-that-name")
