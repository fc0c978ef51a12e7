"""What systemd hears."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from b2bua.notify import Notifier


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(60)
        yield listening


def test_each_word(systemd: socket.socket) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": systemd.getsockname()})
    notifier.ready("3 trunks")
    assert systemd.recv(999) == b"READY=1\nSTATUS=3 trunks"
    notifier.reloading()
    said = systemd.recv(999).split(b"\n")
    assert said[0] == b"RELOADING=1"
    assert said[1].startswith(b"MONOTONIC_USEC=")
    assert int(said[1].partition(b"=")[2]) > 0
    notifier.watchdog()
    assert systemd.recv(999) == b"WATCHDOG=1"
    notifier.status("two\nlines")
    assert systemd.recv(999) == b"STATUS=two lines"
    notifier.stopping()
    assert systemd.recv(999) == b"STOPPING=1"
    notifier.close()
    notifier.close()


def test_the_abstract_namespace() -> None:
    name = f"multiring-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind("\0" + name)
        listening.settimeout(60)
        notifier = Notifier({"NOTIFY_SOCKET": "@" + name})
        notifier.ready()
        assert listening.recv(999) == b"READY=1"
        notifier.close()


@pytest.mark.parametrize("environment", [{}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": "vsock:2:1"}])
def test_without_systemd_nothing_happens(environment: dict[str, str]) -> None:
    notifier = Notifier(environment)
    notifier.ready()
    notifier.close()


def test_a_systemd_that_is_gone_does_not_matter(tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "none")})
    notifier.watchdog()
    notifier.close()
