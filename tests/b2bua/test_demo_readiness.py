"""b2bua.demo.readiness: a service is ready when it has said so, and not before."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from b2bua.demo.readiness import Listener, NotReady

SAY = (
    "import socket, sys; own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM);"
    " own.sendto({said!r}, sys.argv[1]);"
)
READ = "sys.stdin.read()"


def wait(path: Path, program: str, within: float) -> None:
    async def run() -> None:
        with Listener(path) as listener:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", program, str(path)), stdin=asyncio.subprocess.PIPE
            )
            try:
                await listener.wait(process, within)
            finally:
                assert process.stdin is not None
                process.stdin.close()
                await process.wait()

    asyncio.run(run())
    assert not path.exists()


def test_a_process_that_says_so_is_ready(tmp_path: Path) -> None:
    wait(tmp_path / "socket", SAY.format(said=b"STATUS=up\nREADY=1\n") + READ, 60)


def test_one_that_ends_first_is_not(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match="ended with exit status 3"):
        wait(tmp_path / "socket", "raise SystemExit(3)", 60)


def test_one_that_says_something_else_is_not(tmp_path: Path) -> None:
    with pytest.raises(NotReady, match=r"was not ready in 0\.3 s"):
        wait(tmp_path / "socket", SAY.format(said=b"STATUS=READY=1") + READ, 0.3)


def test_a_service_may_leave_it_to_a_child(tmp_path: Path) -> None:
    child = SAY.format(said=b"READY=1")
    parent = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}, sys.argv[1]]); " + READ
    )
    wait(tmp_path / "socket", parent, 60)
