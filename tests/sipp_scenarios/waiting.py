"""Waiting for processes and for what they do, always with a limit."""

from __future__ import annotations

import os
import select
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path

GLANCE = 0.01  # seconds between two looks at a condition that nothing tells of
BUSY = 6  # so many times as long as it should take anything may take, on a machine that has other things to do too


def until(
    condition: Callable[[], object],
    within: float,
    what: str,
    *,
    alive: Sequence[subprocess.Popen[bytes]] = (),
) -> None:
    """Return when the condition holds. TimeoutError, with `what`, when one of `alive` ends, or it takes far too long.

    within: seconds that it should take.
    """
    deadline = time.monotonic() + within * BUSY
    with ExitStack() as stack:
        watched = [_pidfd(process, stack) for process in alive]
        while not condition():
            ended, _, _ = select.select(watched, [], [], GLANCE)
            if condition():
                return
            if ended:
                raise TimeoutError(f"a process ended before {what}")
            if time.monotonic() > deadline:
                raise TimeoutError(f"{what}: not within {within * BUSY:g} s")


def has_ended(pid: int) -> bool:
    """Whether no process of this id runs any more (a zombie does not run)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


def _pidfd(process: subprocess.Popen[bytes], stack: ExitStack) -> int:
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        raise TimeoutError(f"process {process.pid} has ended already") from None
    stack.callback(os.close, descriptor)
    return descriptor
