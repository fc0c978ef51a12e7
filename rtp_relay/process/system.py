"""What the process asks of the operating system: descriptors, its user, its parent's death, systemd."""

from __future__ import annotations

import ctypes
import gc
import os
import pwd
import resource
import signal
import socket
from typing import Final

from rtp_relay.errors import StartError

PR_SET_PDEATHSIG: Final = 1  # linux/prctl.h


def raise_descriptor_limit() -> int:
    """As many descriptors as we may have; a pair of ports takes two. Returns the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def ids_of(user: str) -> tuple[int, int]:
    """Its numbers, and its group's. Raises StartError."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise StartError(f"there is no user {user!r}") from error
    return entry.pw_uid, entry.pw_gid


def become(user: str) -> None:
    """Give up root for `user`. Raises StartError."""
    try:
        entry = pwd.getpwnam(user)
    except KeyError as error:
        raise StartError(f"there is no user {user!r}") from error
    if os.geteuid() == entry.pw_uid:
        return
    try:
        os.initgroups(user, entry.pw_gid)
        os.setgid(entry.pw_gid)
        os.setuid(entry.pw_uid)
    except PermissionError as error:
        raise StartError(f"only root may become {user!r}") from error


def die_with(parent: int) -> bool:
    """Have the kernel send SIGTERM when the parent dies; False if it is dead already.

    A change of user forgets it, so this comes after `become`.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0) != 0:
        raise StartError(f"prctl: {os.strerror(ctypes.get_errno())}")
    return os.getppid() == parent


def calm_collector() -> None:
    """What exists now stays; look for cycles seldom, as the relay makes next to none."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class Systemd:
    """The notify protocol of sd_notify(3); silent where systemd is not."""

    def __init__(self) -> None:
        self._address = os.environ.get("NOTIFY_SOCKET", "")
        self.watchdog = self._watchdog_interval()  # seconds between signs of life; 0: none wanted

    def tell(self, state: str) -> None:
        """READY=1, WATCHDOG=1, STOPPING=1, STATUS=..."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            try:
                notify.sendto(state.encode(), address)
            except OSError:
                pass  # systemd will miss it and act as it was told to

    def _watchdog_interval(self) -> float:
        """Half of what systemd allows, as sd_watchdog_enabled(3) advises."""
        microseconds = os.environ.get("WATCHDOG_USEC", "")
        if os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
            return 0.0
        if not self._address or not (microseconds.isascii() and microseconds.isdigit()):
            return 0.0
        return int(microseconds) / 2e6
