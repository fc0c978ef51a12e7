"""How long to wait before an event is sent again."""

from __future__ import annotations

from typing import Final

FIRST: Final = 1.0
LONGEST: Final = 3600.0
_DOUBLINGS: Final = 12  # 2**12 s is beyond LONGEST


def interval_after(attempts: int, fraction: float) -> float:
    """Seconds to wait after so many attempts, from 1: 1, 2, 4 … 3600, each shortened by up to a half.

    fraction, from 0 to 1, is drawn anew each time: a server that comes back is not met by all events at once.
    """
    longest = min(FIRST * 2.0 ** min(attempts - 1, _DOUBLINGS), LONGEST)
    return longest * (1.0 - fraction / 2)
