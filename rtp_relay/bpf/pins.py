"""A directory in the bpf file system: what is in it lives on when the process that made it does not.

    flows, next_hops, legacies, devices, paces, ring, until    the maps (see tables)
    link_tc_3, link_xdp_3                  where the programs are attached, by kind and interface
    record                                 a map of one value: what all this was made for, as JSON

No plain file can stand there, and so the record is a map too. Whoever may write the directory and its entries may
open, change and remove all of it: no capability is needed (Linux 5.19, or kernel.unprivileged_bpf_disabled = 0).
"""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import json
import os
import re
import struct
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Final

from rtp_relay.bpf import layout, syscall

FILE_SYSTEM: Final = "/sys/fs/bpf"
OWN_FILE_SYSTEM: Final = "/run/multiring/bpf"  # the system's is for root only where systemd mounts it
MAGIC: Final = 0xCAFE4A11  # BPF_FS_MAGIC, linux/magic.h
STATFS_SIZE: Final = 256
NAME_LENGTH: Final = 40
RECORD: Final = "record"
KEY: Final = bytes(4)


@dataclass(frozen=True, slots=True)
class Record:
    """What pins were made for. A relay adopts the maps only if all of `identity` is its own.

    digests, interfaces: by the link's name. slots: of interfaces in the device map. is_lasting: a loader made
    them, and they stay when the relay is stopped. qdiscs: interfaces that have a clsact qdisc because of us.
    """

    layout: int
    hosts: tuple[str, ...]
    first_port: int
    ports: int
    has_clock: bool
    namespace: int  # inode of the network namespace
    is_lasting: bool = False
    digests: dict[str, str] = field(default_factory=dict)
    slots: dict[int, int] = field(default_factory=dict)
    qdiscs: tuple[int, ...] = ()

    @property
    def identity(self) -> tuple[object, ...]:
        return self.layout, self.hosts, self.first_port, self.ports, self.has_clock, self.namespace


def namespace() -> int:
    """The network namespace of the calling thread."""
    return Path("/proc/thread-self/ns/net").stat().st_ino


def default_directory(socket_path: str) -> str:
    """Where the relay at that control socket keeps its pins: in a bpf file system of our own if there is one, else in
    the system's. Names have no dots there.
    """
    path = str(Path(socket_path).absolute())
    plain = re.sub(r"[^A-Za-z0-9]+", "-", path).strip("-")[-NAME_LENGTH:]
    has_own = _magic(Path(OWN_FILE_SYSTEM)) == MAGIC
    parent = OWN_FILE_SYSTEM if has_own else f"{FILE_SYSTEM}/multiring"
    return f"{parent}/{plain}-{hashlib.sha256(path.encode()).hexdigest()[:8]}"


class Pins:
    """The directory; it need not be there."""

    def __init__(self, directory: str) -> None:
        self.directory = Path(directory)
        self._lock: int | None = None

    def prepare(self) -> None:
        """Make the directory. Raises OSError if it is in no bpf file system, or not ours to make."""
        existing = self.directory
        while not existing.exists():
            existing = existing.parent
        if _magic(existing) != MAGIC:
            raise OSError(0, f"{self.directory} is in no bpf file system (mount -t bpf bpf {FILE_SYSTEM})")
        self.directory.mkdir(mode=0o755, parents=True, exist_ok=True)

    def lock(self) -> bool:
        """Whether nobody else looks after these pins; then nobody else can until this process ends, or `close`."""
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        self._lock = descriptor
        return True

    def close(self) -> None:
        """Let others have the pins."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def record(self) -> Record | None:
        """What is pinned; None if nothing is, or it cannot be read. Raises OSError if it may not be."""
        try:
            descriptor = self.open(RECORD)
        except FileNotFoundError:
            return None
        try:
            said = json.loads(syscall.look_up(descriptor, KEY, layout.PLAN_SIZE).rstrip(b"\0"))
            said["slots"] = {int(interface): slot for interface, slot in said["slots"].items()}
            lists = {name: tuple(said[name]) for name in ("hosts", "qdiscs")}
            return Record(**(said | lists))
        except (ValueError, KeyError, TypeError):
            return None  # of a version that wrote something else
        finally:
            os.close(descriptor)

    def write(self, record: Record) -> None:
        """Put a new record in the place of the old one."""
        text = json.dumps(asdict(record)).encode()
        if len(text) > layout.PLAN_SIZE:
            raise OSError(0, "too many interfaces to keep")
        descriptor = syscall.create_map(syscall.MapKind.ARRAY, 4, layout.PLAN_SIZE, 1, 0, "rtp_record")
        try:
            syscall.update(descriptor, KEY, text.ljust(layout.PLAN_SIZE, b"\0"))
            self.put(RECORD, descriptor)
        finally:
            os.close(descriptor)

    def names(self) -> tuple[str, ...]:
        return tuple(sorted(path.name for path in self.directory.iterdir())) if self.directory.is_dir() else ()

    def open(self, name: str) -> int:
        """A descriptor. Raises OSError, FileNotFoundError among them."""
        return syscall.open_pinned(str(self.directory / name))

    def put(self, name: str, descriptor: int) -> None:
        """Pin, in the place of what had that name."""
        self.drop(name)
        syscall.pin(descriptor, str(self.directory / name))

    def drop(self, name: str) -> None:
        (self.directory / name).unlink(missing_ok=True)

    def give_to(self, user: int, group: int) -> None:
        """Let that user have all of it, and nobody else."""
        for name in self.names():
            os.chown(self.directory / name, user, group)
            (self.directory / name).chmod(0o600)
        os.chown(self.directory, user, group)
        self.directory.chmod(0o700)

    def _detach(self, name: str) -> None:
        link = self.open(name)
        try:
            syscall.detach(link)
        except OSError:
            pass  # its interface is gone
        finally:
            os.close(link)

    def remove(self) -> None:
        """Detach what is attached, and unpin everything: maps that nobody has otherwise are freed by that."""
        for name in self.names():
            if name.startswith("link_"):
                self._detach(name)
            self.drop(name)
        try:
            self.directory.rmdir()
        except OSError:
            pass  # not there, or the directory above is not ours: an empty one is nothing that is left behind


def link_name(kind: str, interface: int) -> str:
    return f"link_{kind}_{interface}"


def interface_of(link: int) -> int:
    """The interface that a link is attached to; 0 if that is gone."""
    room = ctypes.create_string_buffer(128)
    attributes = struct.pack("<IIQ", link, len(room), ctypes.addressof(room))
    syscall.answered(syscall.Command.OBJ_GET_INFO_BY_FD, attributes)
    found: int = struct.unpack_from("<I", room.raw, 16)[0]  # struct bpf_link_info: of tcx and xdp alike
    return found


def _magic(path: Path) -> int:
    room = ctypes.create_string_buffer(STATFS_SIZE)
    if ctypes.CDLL(None).statfs(str(path).encode(), room) != 0:
        return 0
    found: int = struct.unpack_from("<q", room.raw)[0]
    return found & 0xFFFFFFFF
