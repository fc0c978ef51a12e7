"""What a relay leaves: written whole or not at all, and read only if it is understood."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rtp_relay.bpf import layout
from rtp_relay.bpf.legacy import LENGTH, Legacy, LegacyTable
from rtp_relay.bpf.maps import Counters
from rtp_relay.stream import Stream
from tests.rtp_relay.packets import rtp

LARGEST = 1 << 63


@pytest.fixture
def table() -> Iterator[LegacyTable]:
    try:
        made = LegacyTable(10)
    except OSError as error:
        pytest.skip(f"maps: {error}")
    yield made
    made.close()


def legacy(stream: tuple[int | float, ...] = ()) -> Legacy:
    return Legacy(12.5, True, 0x1FFFF, Counters(1, 2, 3, 4), 5, 6, stream)


def test_what_is_put_is_there_until_it_is_cleared(table: LegacyTable) -> None:
    stream = Stream()
    stream.receive(rtp(7, ssrc=99), 1000.0)
    table.put(3, legacy(stream.keep()))
    table.put(9, legacy())
    assert table.numbers() == [3, 9]
    found = table.get(3)
    assert found == legacy(stream.keep())
    again = Stream()
    assert found is not None
    assert again.recall(found.stream)
    assert again.keep() == stream.keep()
    assert isinstance(again.packets, int)
    table.clear(3)
    assert table.numbers() == [9]
    assert table.get(3) is None


def test_the_largest_figures_have_room(table: LegacyTable) -> None:
    stream = tuple(float(LARGEST) if number % 2 else LARGEST for number in range(len(Stream().keep())))
    large = Legacy(1e18, True, LARGEST, Counters(*(LARGEST,) * 4), LARGEST, LARGEST, stream)
    table.put(0, large)
    assert table.get(0) == large


@pytest.mark.parametrize("octets", [b"\xff\xff\xff\xff", LENGTH.pack(7) + b"garbage", LENGTH.pack(1) + b"\x90"])
def test_what_is_not_understood_is_nothing(table: LegacyTable, octets: bytes) -> None:
    at = 2 * layout.LEGACY_SIZE
    table._memory[at : at + len(octets)] = octets
    assert table.get(2) is None


def test_a_stream_of_another_version_is_not_taken() -> None:
    stream = Stream()
    assert not stream.recall((1, 2, 3))
    assert stream.packets == 0
