"""Instructions, octet by octet: RFC 9669 is the reference, and the kernel a second one."""

from __future__ import annotations

import pytest

from rtp_relay.bpf.asm import R0, R1, R2, R3, R10, Assembly


def code(write: object) -> str:
    made = Assembly()
    assert callable(write)
    write(made)
    return made.code().hex(" ", 8)


@pytest.mark.parametrize(("write", "expected"), [
    (lambda a: a.calc(R1, "=", R2), "bf21000000000000"),
    (lambda a: a.calc(R1, "=", -1), "b7010000ffffffff"),
    (lambda a: a.calc(R3, "+=", 14), "070300000e000000"),
    (lambda a: a.calc32(R3, "^=", 0xFFFFFFFF), "a4030000ffffffff"),
    (lambda a: a.invert32(R3), "a4030000ffffffff"),
    (lambda a: a.negate(R2), "8702000000000000"),
    (lambda a: a.swap(R1, 16), "dc01000010000000"),
    (lambda a: a.load(1, R1, R2, -8), "7121f8ff00000000"),
    (lambda a: a.load(8, R1, R2, 8), "7921080000000000"),
    (lambda a: a.store(4, R10, -4, R1), "631afcff00000000"),
    (lambda a: a.store(2, R10, -4, 5), "6a0afcff05000000"),
    (lambda a: a.add_atomically(8, R1, 64, R2), "db21400000000000"),
    (lambda a: a.call(23), "8500000017000000"),
    (lambda a: a.end(), "9500000000000000"),
    (lambda a: a.load_map(R1, 7), "1811000007000000 0000000000000000"),
    (lambda a: a.load_map_value(R1, 7, 16), "1821000007000000 0000000010000000"),
])  # fmt: skip
def test_an_instruction(write: object, expected: str) -> None:
    assert code(write) == expected


def test_jumps_count_from_the_next_instruction_either_way() -> None:
    made = Assembly()
    made.label("again")
    made.jump_if(R1, "==", 3, "out")
    made.jump_if(R1, ">", R2, "again")
    made.jump("again")
    made.label("out")
    made.end()
    assert len(made) == 4
    assert made.code().hex(" ", 8).split()[:3] == ["1501020003000000", "2d21feff00000000", "0500fdff00000000"]


def test_what_cannot_be_said_is_not() -> None:
    made = Assembly()
    with pytest.raises(AssertionError):
        made.calc(R0, "&=", 0xFFFFFFFF)  # 64 bits of it would be all ones
    with pytest.raises(KeyError):
        made.calc(R0, "**=", 2)
    made.label("here")
    with pytest.raises(AssertionError):
        made.label("here")
    made.jump("nowhere")
    with pytest.raises(KeyError):
        made.code()
