"""The wait of the other tests, which must not hide why a process did not come up."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.rtp_relay.process.readiness import wait_until_ready

SAYS_READY = (
    "import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect(sys.argv[1]); "
    "s.send(b'READY=1'); sys.stdin.read()"
)


@pytest.mark.parametrize(("program", "limit", "complaint"), [
    (SAYS_READY, 20, ""),
    ("import no_such_module", 20, "ended with exit status 1:\n.*no_such_module"),
    ("import sys; print('stuck', file=sys.stderr, flush=True); sys.stdin.read()", 0.5, r"not ready within 0\.5 s"),
])  # fmt: skip
def test_a_process_that_is_ready_one_that_fails_and_one_that_hangs(
    tmp_path: Path, program: str, limit: float, complaint: str
) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
        notify.bind(str(tmp_path / "notify"))
        command = [sys.executable, "-c", program, str(tmp_path / "notify")]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            if complaint:
                with pytest.raises(AssertionError, match=f"(?s){complaint}"):
                    wait_until_ready(notify, process, limit)
            else:
                wait_until_ready(notify, process, limit)
        finally:
            process.kill()
            process.communicate()
