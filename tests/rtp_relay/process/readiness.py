"""Waits for a relay's process to say that it is ready, and not for one that has ended.

A process that fails at its start (an import that breaks, an address that is not there) says so on its standard error
and is gone; a test that waited for its word alone would run into its time-out and show nothing.
"""

from __future__ import annotations

import os
import select
import socket
import subprocess

READY = b"READY=1"


def wait_until_ready(notify: socket.socket, process: subprocess.Popen[bytes], limit: float) -> None:
    """Raises AssertionError with what the process has said, if it ends first or takes longer than limit seconds."""
    watched = os.pidfd_open(process.pid)
    try:
        ready = select.select([notify.fileno(), watched], [], [], limit)[0]
    finally:
        os.close(watched)
    if notify.fileno() in ready:
        assert notify.recv(99) == READY
        return
    how = f"ended with exit status {process.wait()}" if ready else f"was not ready within {limit:g} s"
    process.kill()
    _, said = process.communicate()
    raise AssertionError(f"the relay {how}:\n{(said or b'').decode(errors='replace')}")
