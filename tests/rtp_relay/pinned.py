"""A bpf file system for a test, where the machine allows one."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MNT_DETACH = 2

libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def bpf_file_system(path: Path) -> Iterator[Path]:
    """Mounted at a new directory; gone, with all that is pinned in it, afterwards."""
    path.mkdir()
    if libc.mount(b"bpf", str(path).encode(), b"bpf", 0, None) != 0:
        pytest.skip(f"no bpf file system can be mounted: {os.strerror(ctypes.get_errno())}")
    path.chmod(0o755)
    try:
        yield path
    finally:
        libc.umount2(str(path).encode(), MNT_DETACH)
