"""How much of a sound is at one frequency: 1 for a pure sine, 0 for none."""

from __future__ import annotations

import math
from collections.abc import Sequence


def share(samples: Sequence[int], frequency: float, sample_rate: int = 8000) -> float:
    total = sum(sample * sample for sample in samples)
    if not total:
        return 0.0
    coefficient = 2 * math.cos(2 * math.pi * frequency / sample_rate)
    last = before = 0.0
    for sample in samples:
        last, before = sample + coefficient * last - before, last
    power = last * last + before * before - coefficient * last * before
    return power / (total * len(samples) / 2)
