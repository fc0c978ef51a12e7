"""Which processes a process has started, and whether they are gone. Linux: read from /proc."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple


class Process(NamedTuple):
    """A process, told apart from a later one with the same id by its start, in clock ticks since boot."""

    pid: int
    started: int


class _Status(NamedTuple):
    process: Process
    parent: int
    is_dead: bool


def family(pid: int) -> list[Process]:
    """The process and all that descend from it, as far as their parents still live."""
    running = [status for status in map(_status, _pids()) if status is not None and not status.is_dead]
    found = [status.process for status in running if status.process.pid == pid]
    for member in found:  # grows while it is walked
        found += [status.process for status in running if status.parent == member.pid]
    return found


def is_running(process: Process) -> bool:
    """Whether it is still there, and not a zombie."""
    status = _status(process.pid)
    return status is not None and status.process == process and not status.is_dead


async def wait_until_gone(processes: Sequence[Process], within: float) -> list[Process]:
    """Waits at most so many seconds; gives those that are still running."""
    deadline = time.monotonic() + within
    while left := [process for process in processes if is_running(process)]:
        if time.monotonic() > deadline:
            break
        await asyncio.sleep(0.02)
    return left


def kill(processes: Sequence[Process]) -> None:
    """SIGKILL to each that still runs."""
    for process in processes:
        if is_running(process):
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _status(pid: int) -> _Status | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    # The name, in parentheses, may hold anything; the fields after it are numbered from 3 in proc(5).
    fields = text.rpartition(")")[2].split()
    return _Status(Process(pid, int(fields[19])), int(fields[1]), fields[0] in "ZX")
