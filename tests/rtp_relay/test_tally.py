"""Sums over streams that have ended."""

from __future__ import annotations

from rtp_relay.control import StreamFigures
from rtp_relay.tally import Tally


def figures(packets: int, lost: int, strangers: int, malformed: int, **drops: int) -> StreamFigures:
    counts = (packets, packets * 172, lost, 0.0, 1, 0, 0, packets, 0, strangers, malformed)
    return StreamFigures(0, 0, *counts, 0.0, 1.0, 0.1, "", tuple(drops.items()))


def test_streams_are_added_and_nothing_ever_goes_down() -> None:
    tally = Tally()
    tally.add([figures(10, 2, 1, 0, held=3), figures(5, -4, 0, 2, held=1, early=1)])
    assert (tally.packets, tally.lost, tally.strangers, tally.malformed) == (15, 2, 1, 2)
    assert tally.drops == {"held": 4, "early": 1}
