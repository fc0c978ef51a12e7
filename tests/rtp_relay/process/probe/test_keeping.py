"""What is kept in a bpf file system, seen by the self-test."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtp_relay.facts import MediaAddress, Wanted
from rtp_relay.forms import tc
from rtp_relay.process.probe import keeping
from tests.rtp_relay.conformance.rig import free_range, hindrance

libc = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """In a bpf file system of the test's own."""
    if hindrance("tc"):
        pytest.skip(hindrance("tc"))
    place = tmp_path / "bpf"
    place.mkdir()
    if libc.mount(b"bpf", os.fsencode(place), b"bpf", 0, None) != 0:
        pytest.skip(f"no bpf file system: {os.strerror(ctypes.get_errno())}")
    yield place / "relay"
    libc.umount2(os.fsencode(place), 2)


def wanted(first: int, directory: Path | str = "", host: str = "127.0.0.1") -> Wanted:
    return Wanted((MediaAddress("here", host, host),), first, first + 7, pins=str(directory))


def test_where_it_is_kept() -> None:
    assert keeping.directory_of(wanted(20000)) == ""
    assert keeping.directory_of(wanted(20000, "/somewhere")) == "/somewhere"
    named = Wanted((), 20000, 20001, relay_socket="/run/multiring/relay.sock")
    assert "run-multiring-relay-sock" in keeping.directory_of(named)


def test_whether_it_could_be_kept_there(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("bpf /sys/fs/bpf bpf rw 0 0\ntmpfs /run tmpfs rw 0 0\n")
    assert keeping.can_keep("/sys/fs/bpf/multiring/relay", mounts)
    assert not keeping.can_keep("/run/multiring/bpf/relay", mounts)
    assert not keeping.can_keep("", mounts)


def test_what_a_relay_keeps_is_seen_and_left_alone(directory: Path) -> None:
    first = free_range("127.0.0.1", 4)
    assert keeping.look(str(directory), wanted(first)) is None
    with contextlib.ExitStack() as stack:
        form = tc.open_form(("127.0.0.1",), first, first + 7, directory=str(directory))
        stack.callback(form.shut)
        names = sorted(path.name for path in directory.iterdir())
        seen = keeping.look(str(directory), wanted(first))
        assert seen is not None
        assert (seen.directory, seen.form, seen.lasting, seen.fits) == (str(directory), "tc", False, True)
        for other in (wanted(first + 2), wanted(first, host="127.0.0.2")):
            changed = keeping.look(str(directory), other)
            assert changed is not None
            assert not changed.fits
        assert sorted(path.name for path in directory.iterdir()) == names
