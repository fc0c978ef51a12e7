"""Which tones are in a sound. Pure: samples go in, decisions come out.

A tone is looked for with Goertzel's recurrence, one multiplication a sample and frequency. The answer is a
share: how much of the window's whole energy lies at that frequency, 1.0 for a pure sine, about 0 for any
other. Since it is a share it does not depend on how loud the tone is, and a second sound takes its part away.

The window is 100 ms, so that frequencies that are multiples of 10 Hz fall on the grid and do not leak into
each other.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

SAMPLE_RATE: Final = 8000  # hertz: G.711
WINDOW: Final = SAMPLE_RATE // 10  # samples
PRESENT: Final = 0.3  # share of the energy from which on a tone counts as present
SILENCE: Final = -50.0  # dB: what is softer is silence; a G.711 tone of ours comes at about -11
FULL_SCALE: Final = 32768.0
_FLOOR: Final = -120.0  # dB, stands for a window of nothing but zeros


def energy(samples: Sequence[int]) -> float:
    """The sum of the squares."""
    return float(sum(sample * sample for sample in samples))


def level(samples: Sequence[int]) -> float:
    """Root of the mean square in dB of full scale: 0 for a square wave of full height, -120 for nothing."""
    total = energy(samples)
    if not total:
        return _FLOOR
    return max(_FLOOR, 10 * math.log10(total / len(samples) / FULL_SCALE**2))


def power_at(samples: Sequence[int], frequency: float, sample_rate: int = SAMPLE_RATE) -> float:
    """Squared magnitude of the samples' Fourier transform at `frequency` hertz."""
    coefficient = 2.0 * math.cos(2.0 * math.pi * frequency / sample_rate)
    last = before = 0.0
    for sample in samples:
        last, before = sample + coefficient * last - before, last
    return last * last + before * before - coefficient * last * before


def share(samples: Sequence[int], frequency: float, sample_rate: int = SAMPLE_RATE) -> float:
    """The part of the samples' energy that is at `frequency` hertz: 1 for a pure sine, 0 for silence."""
    total = energy(samples)
    if not total:
        return 0.0
    # A sine of height h has energy h²N/2 and power (hN/2)², hence this ratio.
    return min(1.0, power_at(samples, frequency, sample_rate) / (total * len(samples) / 2))


@dataclass(frozen=True, slots=True)
class Change:
    """A tone began (`is_present`) or ended; `level` in dB is that of the window that showed it."""

    frequency: int
    is_present: bool
    level: float


@dataclass(slots=True)
class Ear:
    """Listens for a set of frequencies, in hertz, and counts windows by what was in them."""

    frequencies: tuple[int, ...]
    windows: int = 0
    silent: int = 0
    strange: int = 0
    counts: dict[int, int] = field(default_factory=dict)
    _present: set[int] = field(default_factory=set)
    _kept: array[int] = field(default_factory=lambda: array("h"))

    def __post_init__(self) -> None:
        self.counts = dict.fromkeys(self.frequencies, 0)

    def hear(self, samples: array[int]) -> list[Change]:
        """Takes any number of 16-bit samples; tells which tones began or ended in the windows they filled."""
        self._kept.extend(samples)
        changes: list[Change] = []
        while len(self._kept) >= WINDOW:
            changes += self._judge(self._kept[:WINDOW])
            del self._kept[:WINDOW]
        return changes

    def end(self) -> list[Change]:
        """The sound has ended, as a call does: what was heard until now is heard no more."""
        self._kept = array("h")
        gone, self._present = sorted(self._present), set()
        return [Change(frequency, False, _FLOOR) for frequency in gone]

    def _judge(self, window: array[int]) -> list[Change]:
        loudness = level(window)
        is_silent = loudness < SILENCE
        present = set() if is_silent else {f for f in self.frequencies if share(window, f) >= PRESENT}
        self._count(present, is_silent)
        changed = sorted(present ^ self._present)
        self._present = present
        return [Change(frequency, frequency in present, loudness) for frequency in changed]

    def _count(self, present: set[int], is_silent: bool) -> None:
        self.windows += 1
        self.silent += is_silent
        self.strange += not is_silent and not present
        for frequency in present:
            self.counts[frequency] += 1
