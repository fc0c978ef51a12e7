"""The demo as a user starts it."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones")]


def test_the_demo_finds_all_as_it_should_be() -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "b2bua.demo"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert shown.returncode == 0, shown.stdout + shown.stderr
    assert "✗" not in shown.stdout
    assert "All as it should be" in shown.stdout
