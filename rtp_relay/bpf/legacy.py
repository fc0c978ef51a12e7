"""What one relay leaves to the next: the figures behind each flow that the kernel has.

The programs do not read this table. It is written when a flow is given to the kernel, so that with what the kernel
has counted since then a stream can be told of as if nobody had died in between.
"""

from __future__ import annotations

import os
import struct
from typing import Final

import msgspec

from rtp_relay.bpf import layout, syscall
from rtp_relay.bpf.maps import Counters

LENGTH: Final = struct.Struct("<I")


class Legacy(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A flow as it stood when the kernel got it.

    lent_at: monotonic seconds. is_strict: the belief in the source was final. start: the highest extended sequence
    number. before: the entry's counters, all of which is in `stream` (as Stream.keep gives it) and in what had left
    by the exit.
    """

    lent_at: float
    is_strict: bool
    start: int
    before: Counters
    exit_packets: int
    exit_octets: int
    stream: tuple[int | float, ...]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Legacy)


class LegacyTable:
    """One entry for each even port of each media address, beside its flow. `number` counts entries."""

    def __init__(self, entries: int, descriptor: int | None = None) -> None:
        self.descriptor = descriptor if descriptor is not None else syscall.create_map(
            syscall.MapKind.ARRAY, 4, layout.LEGACY_SIZE, entries, syscall.MMAPABLE, "rtp_legacies"
        )  # fmt: skip
        self._memory = syscall.map_memory(self.descriptor, entries * layout.LEGACY_SIZE)

    def close(self) -> None:
        self._memory.close()
        os.close(self.descriptor)

    def put(self, number: int, legacy: Legacy) -> None:
        """The length is written last: who dies in the middle leaves nothing rather than half of it."""
        at, text = number * layout.LEGACY_SIZE, _encoder.encode(legacy)
        assert len(text) <= layout.LEGACY_SIZE - LENGTH.size, legacy
        LENGTH.pack_into(self._memory, at, 0)
        self._memory[at + LENGTH.size : at + LENGTH.size + len(text)] = text
        LENGTH.pack_into(self._memory, at, len(text))

    def get(self, number: int) -> Legacy | None:
        """None where there is none, or one that another version wrote."""
        at = number * layout.LEGACY_SIZE
        (length,) = LENGTH.unpack_from(self._memory, at)
        if not 0 < length <= layout.LEGACY_SIZE - LENGTH.size:
            return None
        try:
            return _decoder.decode(self._memory[at + LENGTH.size : at + LENGTH.size + length])
        except msgspec.DecodeError:
            return None

    def clear(self, number: int) -> None:
        LENGTH.pack_into(self._memory, number * layout.LEGACY_SIZE, 0)

    def numbers(self) -> list[int]:
        """The entries that are not empty."""
        with memoryview(self._memory) as octets, octets.cast("I") as words:
            lengths = words[:: layout.LEGACY_SIZE // LENGTH.size].tolist()
        return [number for number, length in enumerate(lengths) if length]
