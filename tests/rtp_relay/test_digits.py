"""Keys heard and sent: once a press, whatever the network makes of the packets."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp_relay.digits import KEYS, Ear, signals_of
from rtp_relay.errors import Refusal
from tests.rtp_relay.packets import rtp


def event(
    key: str, start: int, duration: int, end: bool = False, marker: bool = False, ssrc: int = 7, kind: int = 101
) -> bytes:  # fmt: skip
    second = kind | (0x80 if marker else 0)
    payload = struct.pack("!BBH", KEYS.index(key), (0x80 if end else 0) | 10, duration)
    return struct.pack("!BBHII", 0x80, second, 1, start, ssrc) + payload


def press(key: str, start: int, packets: int = 5, ssrc: int = 7, kind: int = 101) -> list[bytes]:
    made = [event(key, start, 160 * at, marker=at == 1, ssrc=ssrc, kind=kind) for at in range(1, packets)]
    return made + [event(key, start, 160 * packets, end=True, ssrc=ssrc, kind=kind)] * 3


def hear(packets: list[bytes], early: bool = False, step: float = 0.02) -> list[tuple[str, int]]:
    ear = Ear((101,), {101: 8000}, early)
    told = [one for at, packet in enumerate(packets) for one in ear.hear(packet, 5 + at * step)]
    return [(key, milliseconds) for key, milliseconds in told]


def test_a_press_is_told_once_when_it_ends() -> None:
    assert hear(press("5", 1000)) == [("5", 100)]


def test_or_as_soon_as_it_is_seen() -> None:
    assert hear(press("5", 1000), early=True) == [("5", 20)]
    assert hear(press("5", 1000)[-1:], early=True) == [("5", 100)]


def test_the_same_key_twice_is_two_presses() -> None:
    assert hear(press("1", 1000) + press("1", 4000)) == [("1", 100), ("1", 100)]
    assert hear(press("1", 1000) + press("1", 4000), early=True) == [("1", 20), ("1", 20)]


def test_all_ends_lost() -> None:
    assert hear(press("1", 1000)[:4] + press("2", 4000)) == [("1", 80), ("2", 100)]
    ear = Ear((101,), None, early=False)
    assert ear.hear(press("1", 1000)[0], 1.0) == []
    assert ear.hear(rtp(2), 1.1) == []
    assert [one.digit for one in ear.hear(rtp(3), 1.5)] == ["1"]
    assert ear.hear(rtp(4), 1.9) == []


def test_all_but_one_end_lost_and_late_packets() -> None:
    assert hear([press("9", 1000)[-1]]) == [("9", 100)]
    assert hear(press("9", 1000) + press("8", 4000) + press("9", 1000)[:2]) == [("9", 100), ("8", 100)]


@pytest.mark.parametrize("early", [True, False])
def test_a_long_press_goes_on_in_another_segment(early: bool) -> None:
    """RFC 4733 §2.5.1.3."""
    first = [event("#", 1000, at, marker=at == 160) for at in (*range(160, 0xFFFF, 160), 0xFFFF)]
    start = 1000 + 0xFFFF
    second = [event("#", start, 160), event("#", start, 320), *[event("#", start, 480, end=True)] * 3]
    told = hear(first + second, early)
    assert told == [("#", 20 if early else (0xFFFF + 480) // 8)]


def test_another_clock() -> None:
    ear = Ear((110,), {110: 48000}, early=False)
    told = [one for packet in press("0", 1000, kind=110) for one in ear.hear(packet, 1.0)]
    assert [tuple(one) for one in told] == [("0", 16)]


def test_another_source_begins_anew_and_timestamps_wrap() -> None:
    assert hear(press("1", 5000) + press("2", 100, ssrc=9)) == [("1", 100), ("2", 100)]
    assert hear(press("1", 0xFFFFFF00) + press("2", 800)) == [("1", 100), ("2", 100)]


def test_audio_and_rubbish_are_no_keys() -> None:
    flash = struct.pack("!BBHII", 0x80, 101, 1, 1, 7) + b"\x10\x8a\x03\x20"
    short = struct.pack("!BBHII", 0x80, 101, 1, 1, 7) + b"\x01"
    assert hear([rtp(1), flash, short, rtp(2, payload_type=101, size=0)]) == []


@given(st.text(alphabet=KEYS, min_size=1, max_size=12), st.booleans(), st.randoms(use_true_random=False))
def test_what_we_send_we_hear_with_losses_and_repetitions(keys: str, early: bool, chance: object) -> None:
    packets: list[bytes] = []
    for at, signal in enumerate(signals_of(keys, 8000, 100, 100, 0.5)):
        if signal is not None:
            second = 101 | (0x80 if signal.marker else 0)
            whole = struct.pack("!BBHII", 0x80, second, 1, 160 * at - signal.since, 7) + signal.payload
            lost = not signal.payload[1] & 0x80 and chance.random() < 0.5  # type: ignore[attr-defined]
            packets += [] if lost else [whole] * chance.choice((1, 1, 2))  # type: ignore[attr-defined]
    assert "".join(key for key, _ in hear(packets, early)) == keys


def test_signals_of_a_key() -> None:
    signals = signals_of("5", 8000, 60, 100, 0.5)
    sent = [signal for signal in signals if signal]
    assert [struct.unpack("!BBH", one.payload)[2] for one in sent] == [160, 320, 480, 480, 480]
    assert [one.payload[1] >> 7 for one in sent] == [0, 0, 1, 1, 1]
    assert [one.marker for one in sent] == [True, False, False, False, False]
    assert [one.since for one in sent] == [0, 160, 320, 480, 640]


def test_a_pause_is_half_a_second_of_nothing() -> None:
    assert signals_of("w", 8000, 100, 100, 0.5) == [None] * 25
    assert len(signals_of("wW1", 8000, 100, 100, 0.5)) > 50


@pytest.mark.parametrize("what", [
    ("", 8000, 100, 100, 0.5), ("x", 8000, 100, 100, 0.5), ("1", 8000, 1, 100, 0.5), ("1", 8000, 100, 1, 0.5),
    ("1", 0, 100, 100, 0.5), ("1", 48000, 5000, 100, 0.5), ("1" * 200, 8000, 100, 100, 0.5),
    ("1", 8000, 100, 100, 0.0),
])  # fmt: skip
def test_what_cannot_be_sent(what: tuple[str, int, int, int, float]) -> None:
    with pytest.raises(Refusal):
        signals_of(*what)
