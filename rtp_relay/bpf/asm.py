"""An assembler of eBPF instructions: enough of RFC 9669 for the relay's programs, and nothing else.

    a = Assembly()
    a.load(4, R1, R7, 26)                # r1 = 4 octets at r7 + 26
    a.jump_if(R1, "!=", R2, "stranger")
    a.calc(R0, "+=", 8)
    a.label("stranger")
    code = a.code()

An instruction is eight octets: opcode, registers (destination low, source high), a signed 16-bit offset and a
signed 32-bit immediate, all in the host's order, which is little-endian here. A jump's offset counts
instructions from the one after it.
"""

from __future__ import annotations

import struct
from typing import Final


class Register(int):
    """r0 to r10, told by its type from a number."""


R0, R1, R2, R3, R4, R5, R6, R7, R8, R9, R10 = (Register(number) for number in range(11))

# RFC 9669 §3 and §4: classes, and the bit that says that the second operand is a register.
LOAD_IMMEDIATE: Final = 0x00
LOAD: Final = 0x01
STORE_IMMEDIATE: Final = 0x02
STORE: Final = 0x03
ALU32: Final = 0x04
JUMP: Final = 0x05
JUMP32: Final = 0x06
ALU64: Final = 0x07
FROM_REGISTER: Final = 0x08

MODE_MEMORY: Final = 0x60
MODE_ATOMIC: Final = 0xC0
SIZES: Final = {1: 0x10, 2: 0x08, 4: 0x00, 8: 0x18}  # octets
OPERATIONS: Final = {
    "+=": 0x00, "-=": 0x10, "*=": 0x20, "/=": 0x30, "|=": 0x40, "&=": 0x50, "<<=": 0x60, ">>=": 0x70,
    "%=": 0x90, "^=": 0xA0, "=": 0xB0,
}  # fmt: skip
NEGATE: Final = 0x80
TO_BIG_ENDIAN: Final = ALU32 | 0xD0 | FROM_REGISTER
CONDITIONS: Final = {
    "==": 0x10, ">": 0x20, ">=": 0x30, "&": 0x40, "!=": 0x50, "<": 0xA0, "<=": 0xB0,
    "signed<": 0xC0, "signed>=": 0x70,
}  # fmt: skip
ALWAYS: Final = JUMP | 0x00
CALL: Final = JUMP | 0x80
EXIT: Final = JUMP | 0x90
LOAD_64: Final = LOAD_IMMEDIATE | 0x18
MAP_DESCRIPTOR: Final = 1  # what the immediate of LOAD_64 is, in the place of the source register
MAP_VALUE: Final = 2

INSTRUCTION: Final = struct.Struct("<BBhi")


class Assembly:
    """Instructions in the order in which they are asked for. Offsets and immediates are checked here."""

    def __init__(self) -> None:
        self._instructions: list[tuple[int, int, int, int, int]] = []
        self._labels: dict[str, int] = {}
        self._jumps: dict[int, str] = {}  # instruction to the label that it jumps to

    def __len__(self) -> int:
        return len(self._instructions)

    def label(self, name: str) -> None:
        """The next instruction can be jumped to."""
        assert name not in self._labels, name
        self._labels[name] = len(self._instructions)

    def calc(self, destination: Register, operation: str, operand: Register | int) -> None:
        """64-bit arithmetic, all of it unsigned; an immediate is extended with its sign."""
        assert isinstance(operand, Register) or -(1 << 31) <= operand < 1 << 31, operand
        self._operate(ALU64 | OPERATIONS[operation], destination, operand)

    def calc32(self, destination: Register, operation: str, operand: Register | int) -> None:
        """32-bit arithmetic; the upper half of the destination becomes zero."""
        self._operate(ALU32 | OPERATIONS[operation], destination, operand)

    def negate(self, register: Register) -> None:
        self._add(ALU64 | NEGATE, register)

    def invert32(self, register: Register) -> None:
        """One's complement of the lower half, zero in the upper."""
        self.calc32(register, "^=", 0xFFFFFFFF)

    def swap(self, register: Register, bits: int) -> None:
        """Between the network's order and the host's; the bits above become zero."""
        self._add(TO_BIG_ENDIAN, register, immediate=bits)

    def load(self, octets: int, destination: Register, source: Register, offset: int) -> None:
        self._add(MODE_MEMORY | SIZES[octets] | LOAD, destination, source, offset)

    def store(self, octets: int, destination: Register, offset: int, source: Register | int) -> None:
        if isinstance(source, Register):
            self._add(MODE_MEMORY | SIZES[octets] | STORE, destination, source, offset)
        else:
            self._add(MODE_MEMORY | SIZES[octets] | STORE_IMMEDIATE, destination, R0, offset, source)

    def add_atomically(self, octets: int, destination: Register, offset: int, source: Register) -> None:
        self._add(MODE_ATOMIC | SIZES[octets] | STORE, destination, source, offset)

    def jump(self, label: str) -> None:
        self._jump(ALWAYS, R0, 0, label)

    def jump_if(self, left: Register, condition: str, right: Register | int, label: str) -> None:
        """Compares 64 bits, unsigned unless the condition says otherwise; "&": any bit in common."""
        assert isinstance(right, Register) or -(1 << 31) <= right < 1 << 31, right
        self._jump(JUMP | CONDITIONS[condition], left, right, label)

    def call(self, helper: int) -> None:
        """Arguments in r1 to r5, which are lost; the result is in r0."""
        self._add(CALL, R0, immediate=helper)

    def end(self) -> None:
        """The program's result is r0."""
        self._add(EXIT, R0)

    def load_map(self, destination: Register, descriptor: int) -> None:
        self._add(LOAD_64, destination, Register(MAP_DESCRIPTOR), immediate=descriptor)
        self._add(0, R0)

    def load_map_value(self, destination: Register, descriptor: int, offset: int = 0) -> None:
        """The address of the one value of an array."""
        self._add(LOAD_64, destination, Register(MAP_VALUE), immediate=descriptor)
        self._add(0, R0, immediate=offset)

    def code(self) -> bytes:
        """The program, with every jump to its label. Raises KeyError for a label that is nowhere."""
        for position, name in self._jumps.items():
            opcode, destination, source, _, immediate = self._instructions[position]
            distance = self._labels[name] - position - 1
            self._instructions[position] = (opcode, destination, source, distance, immediate)
        return b"".join(
            INSTRUCTION.pack(opcode, destination | source << 4, offset, immediate)
            for opcode, destination, source, offset, immediate in self._instructions
        )

    def _operate(self, opcode: int, destination: Register, operand: Register | int) -> None:
        if isinstance(operand, Register):
            self._add(opcode | FROM_REGISTER, destination, operand)
        else:
            self._add(opcode, destination, immediate=operand)

    def _jump(self, opcode: int, left: Register, right: Register | int, label: str) -> None:
        self._jumps[len(self._instructions)] = label
        self._operate(opcode, left, right)

    def _add(
        self, opcode: int, destination: Register, source: Register = R0, offset: int = 0, immediate: int = 0
    ) -> None:
        if immediate >= 1 << 31:
            immediate -= 1 << 32
        self._instructions.append((opcode, int(destination), int(source), offset, immediate))
