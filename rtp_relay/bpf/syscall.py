"""bpf(2) by way of ctypes: maps, programs, links, pins. Every descriptor is the caller's to close.

The kernel reads a union whose members lie as linux/bpf.h draws them; what is shorter than the union is taken
for zeros. Each function raises OSError with the kernel's errno, and `load` besides with what the verifier said.
"""

from __future__ import annotations

import ctypes
import enum
import mmap
import os
import platform
import struct
from typing import Final, NamedTuple

NUMBERS: Final = {"x86_64": 321, "aarch64": 280, "riscv64": 280}  # of bpf(2), by machine
LICENSE: Final = b"Apache-2.0"  # no helper that we call is reserved to the GPL
NAME_LIMIT: Final = 15  # BPF_OBJ_NAME_LEN less the zero
LOG_SIZE: Final = 1 << 20
QUERIED: Final = 64  # programs at one place, at most
LOG_SHOWN: Final = 4000  # characters of its end


class Command(enum.IntEnum):
    MAP_CREATE = 0
    MAP_LOOKUP_ELEM = 1
    MAP_UPDATE_ELEM = 2
    PROG_LOAD = 5
    OBJ_PIN = 6
    OBJ_GET = 7
    PROG_TEST_RUN = 10
    OBJ_GET_INFO_BY_FD = 15
    PROG_QUERY = 16
    LINK_CREATE = 28
    LINK_UPDATE = 29
    LINK_DETACH = 34


class MapKind(enum.IntEnum):
    ARRAY = 2
    DEVMAP = 14
    RINGBUF = 27


class ProgramKind(enum.IntEnum):
    SCHED_CLS = 3
    XDP = 6


class AttachKind(enum.IntEnum):
    XDP = 37
    TCX_INGRESS = 46


MMAPABLE: Final = 1 << 10  # BPF_F_MMAPABLE
XDP_DRIVER_MODE: Final = 1 << 2  # XDP_FLAGS_DRV_MODE: fails rather than fall back to the slow generic mode

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_number = NUMBERS.get(platform.machine())


def _bpf(command: Command, attributes: bytes) -> int:
    return _call(command, ctypes.create_string_buffer(attributes, len(attributes)))


def answered(command: Command, attributes: bytes) -> bytes:
    """The attributes as the kernel leaves them."""
    union = ctypes.create_string_buffer(attributes, len(attributes))
    _call(command, union)
    return union.raw


def _call(command: Command, union: ctypes.Array[ctypes.c_char]) -> int:
    if _number is None:
        raise OSError(0, f"bpf(2) has no known number on {platform.machine()}")
    result: int = _libc.syscall(_number, int(command), union, len(union))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, f"{os.strerror(error)} ({command.name})")
    return result


def _pointer(buffer: ctypes.Array[ctypes.c_char]) -> int:
    return ctypes.addressof(buffer)


def create_map(kind: MapKind, key: int, value: int, entries: int, flags: int = 0, name: str = "") -> int:
    """A descriptor. key and value are sizes in octets."""
    attributes = struct.pack(
        "<IIIIIII16s", kind, key, value, entries, flags, 0, 0, name.encode()[:NAME_LIMIT]
    )
    return _bpf(Command.MAP_CREATE, attributes)


def update(descriptor: int, key: bytes, value: bytes) -> None:
    """Set one value of a map."""
    keys, values = ctypes.create_string_buffer(key, len(key)), ctypes.create_string_buffer(value, len(value))
    attributes = struct.pack("<IIQQQ", descriptor, 0, _pointer(keys), _pointer(values), 0)
    _bpf(Command.MAP_UPDATE_ELEM, attributes)


def look_up(descriptor: int, key: bytes, size: int) -> bytes:
    """One value of a map, `size` octets of it."""
    keys, values = ctypes.create_string_buffer(key, len(key)), ctypes.create_string_buffer(size)
    attributes = struct.pack("<IIQQQ", descriptor, 0, _pointer(keys), _pointer(values), 0)
    _bpf(Command.MAP_LOOKUP_ELEM, attributes)
    return values.raw


def map_memory(descriptor: int, size: int) -> mmap.mmap:
    """The values of an array that was made with MMAPABLE, shared with the kernel."""
    return mmap.mmap(descriptor, size, mmap.MAP_SHARED, mmap.PROT_READ | mmap.PROT_WRITE)


def load(kind: ProgramKind, code: bytes, name: str = "") -> int:
    """A descriptor of the program. Raises OSError; what the verifier said is in its text."""
    try:
        return _load(kind, code, name, None)
    except OSError as refused:
        log = ctypes.create_string_buffer(LOG_SIZE)
        try:
            return _load(kind, code, name, log)
        except OSError as error:
            said = log.value.decode(errors="replace")[-LOG_SHOWN:]
            raise OSError(error.errno, f"{error.strerror}: {said}" if said else error.strerror) from refused


def _load(kind: ProgramKind, code: bytes, name: str, log: ctypes.Array[ctypes.c_char] | None) -> int:
    instructions, license = ctypes.create_string_buffer(code, len(code)), ctypes.create_string_buffer(LICENSE)
    attributes = struct.pack(
        "<IIQQIIQII16s",
        kind, len(code) // 8, _pointer(instructions), _pointer(license),
        1 if log else 0, LOG_SIZE if log else 0, _pointer(log) if log else 0,
        0, 0, name.encode()[:NAME_LIMIT],
    )  # fmt: skip
    return _bpf(Command.PROG_LOAD, attributes)


def attach(program: int, interface: int, kind: AttachKind, flags: int = 0) -> int:
    """A link: the program stays attached for as long as the descriptor, or a pin of it, is there."""
    return _bpf(Command.LINK_CREATE, struct.pack("<IIIIQQ", program, interface, kind, flags, 0, 0))


def replace(link: int, program: int) -> None:
    """Another program takes the place of the link's, between two packets."""
    _bpf(Command.LINK_UPDATE, struct.pack("<IIIIQ", link, program, 0, 0, 0))


def detach(link: int) -> None:
    """End it now, whoever has descriptors and pins of it; a link that goes with its last pin goes a little later."""
    _bpf(Command.LINK_DETACH, struct.pack("<I", link))


def pin(descriptor: int, path: str) -> None:
    """Keep a map, a program or a link alive in the bpf file system."""
    name = ctypes.create_string_buffer(path.encode())
    _bpf(Command.OBJ_PIN, struct.pack("<QII", _pointer(name), descriptor, 0))


def open_pinned(path: str) -> int:
    """A descriptor of what was pinned there."""
    name = ctypes.create_string_buffer(path.encode())
    return _bpf(Command.OBJ_GET, struct.pack("<QII", _pointer(name), 0, 0))


class Run(NamedTuple):
    """What a program made of a packet that was handed to it by `try_on`."""

    result: int
    packet: bytes


def try_on(program: int, packet: bytes) -> Run:
    """Run the program once on a packet of ours, which goes nowhere (BPF_PROG_TEST_RUN)."""
    given = ctypes.create_string_buffer(packet, len(packet))
    room = len(packet) + 256
    made = ctypes.create_string_buffer(room)
    attributes = bytearray(80)
    struct.pack_into(
        "<IIIIQQI", attributes, 0, program, 0, len(packet), room, _pointer(given), _pointer(made), 1
    )
    _, result, _, size = struct.unpack_from("<IIII", answered(Command.PROG_TEST_RUN, bytes(attributes)))
    return Run(result, made.raw[:size])


def attached(interface: int, kind: AttachKind) -> tuple[int, ...]:
    """The ids of the programs that are attached there, whoever did it."""
    ids = ctypes.create_string_buffer(4 * QUERIED)
    attributes = struct.pack("<IIIIQI36x", interface, kind, 0, 0, _pointer(ids), QUERIED)
    (count,) = struct.unpack_from("<I", answered(Command.PROG_QUERY, attributes), 24)
    return struct.unpack_from(f"<{count}I", ids.raw)
