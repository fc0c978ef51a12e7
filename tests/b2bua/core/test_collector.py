"""The garbage collector looks at young objects only, and at all of them when nobody is there to be stopped."""

from __future__ import annotations

import gc
import subprocess
import sys

import pytest

from b2bua.core.collector import IDLE_INTERVAL, YOUNG_OBJECTS, IdleCollection


def test_after_tuning_older_generations_are_left_alone() -> None:
    """In a process of its own: what is frozen stays so."""
    program = (
        "import gc\nfrom b2bua.core import collector\ncollector.tune()\n"
        "young, *older = gc.get_threshold()\n"
        f"assert young == {YOUNG_OBJECTS} and min(older) >= 1_000_000\nassert gc.get_freeze_count() > 1000\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr


def test_an_idle_service_is_collected_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    collected: list[float] = []
    now = IDLE_INTERVAL + 1
    monkeypatch.setattr(gc, "collect", lambda: collected.append(now))
    idle = IdleCollection()
    for now in (IDLE_INTERVAL + 1, IDLE_INTERVAL + 2, 2 * IDLE_INTERVAL, 2 * IDLE_INTERVAL + 2):
        idle.idle(now)
    assert collected == [IDLE_INTERVAL + 1, 2 * IDLE_INTERVAL + 2]
