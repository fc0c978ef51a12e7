"""b2bua.demo.processes: children and their children are found, and seen to go."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

from b2bua.demo import processes
from b2bua.demo.processes import Process

PARENT = (
    "import subprocess, sys\n"
    "child = subprocess.Popen([sys.executable, '-c', 'import sys; sys.stdin.read()'], stdin=sys.stdin)\n"
    "print(child.pid, flush=True)\n"
    "child.wait()\n"
)


def test_a_family_is_found_and_seen_to_go() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        family = processes.family(parent.pid)
        assert {member.pid for member in family} == {parent.pid, child}
        assert all(processes.is_running(member) for member in family)
        assert asyncio.run(processes.wait_until_gone(family, 0.05)) == family
        processes.kill(family)
    assert asyncio.run(processes.wait_until_gone(family, 60.0)) == []


def test_a_later_process_with_the_same_id_is_another() -> None:
    (own,) = (member for member in processes.family(os.getpid()) if member.pid == os.getpid())
    assert processes.is_running(own)
    assert not processes.is_running(Process(own.pid, own.started + 1))


def test_what_never_was_is_not_running() -> None:
    assert not processes.is_running(Process(2**22 + 1, 0))
    assert processes.family(2**22 + 1) == []
