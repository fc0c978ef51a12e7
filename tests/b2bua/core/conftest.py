"""What every test of the running core has: a place for its files, and a process that is left as it was."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from b2bua.core import collector, relay_link


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a process does to itself alone is not done to the tests."""
    monkeypatch.setattr(collector, "tune", lambda: None)
    monkeypatch.setattr(relay_link, "PATIENCE", 0.05)
    monkeypatch.setattr("b2bua.logs.set_up", lambda *_: None)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with capture_logs():
        yield
    structlog.reset_defaults()


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose path is short enough for a Unix socket."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)
