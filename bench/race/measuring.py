"""How fast, how dear, how late: what is measured of one method in one round."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from bench.race.methods import CALM, Method
from bench.race.programs import BUCKET_SHIFT
from bench.race.rig import Rig, Trial, threads_of

LOSS: Final = 0.001
LATE: Final = 0.005  # seconds that packets may wait at the end of a trial; more, and a queue is growing
STEP: Final = 1.25
STEPS: Final = 16
FINER: Final = (STEP**0.5, STEP**0.25)  # steps between the last rate that was carried and the first that was not
HICCUPS: Final = 2  # how often a trial that lost more is repeated: a shared host stops for a moment now and then
OFFERED: Final = 0.9  # of the rate asked for; less, and the generator was the bottleneck: it ends at some 6 million/s
FOREIGN: Final = 0.2  # of the relay's core; a trial where others had more is repeated
FEW: Final = 20_000  # packets a second at which delay and CPU are compared
WARMING: Final = 15_000  # packets a second, twice three of each flow, before anything is measured
WARMING_PACKETS: Final = 15_000  # at most, each time
QUANTILES: Final = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}


@dataclass(frozen=True, slots=True)
class Lengths:
    """Seconds of one trial, of the delays (0: not measured); finer: with finer steps than by a quarter."""

    trial: float
    delays: float
    finer: bool = True


@dataclass(frozen=True, slots=True)
class Result:
    """Rates in packets a second, CPU in ns a packet, delays in microseconds since the packet was sent.

    saturated: what comes out when far more is offered. foreign: the largest share of the core that others had.
    """

    method: str
    calls: int
    round: int
    highest: float
    ns_at_highest: float
    saturated: float
    ns_at_few: float
    delays: dict[str, float]
    foreign: float


class Bout:
    """One method in one round."""

    def __init__(self, rig: Rig, method: Method, calls: int, lengths: Lengths) -> None:
        self._rig, self._method, self._calls, self._lengths = rig, method, calls, lengths
        self._foreign = 0.0
        self._threads: list[int] = []

    def measure(self, number: int, start: float) -> Result:
        """start: packets a second to begin with."""
        rig, method, lengths = self._rig, self._method, self._lengths
        rig.set_sink(method.is_xdp)
        with method.run(rig, self._calls) as processes:
            for _ in range(2):
                rig.trial(WARMING, min(6 * self._calls, WARMING_PACKETS) / WARMING, CALM, ())
            self._threads = [thread for process in processes for thread in threads_of(process)]
            few = self._trial(FEW, CALM)
            delays = quantiles(rig.delays(FEW, lengths.delays)) if lengths.delays else {}
            best = highest(self._attempt, start, method.lowest / 8, lengths.finer)
            flood = rig.trial(method.flood, lengths.trial, method.coalesced, self._threads)
        return Result(
            method.name, self._calls, number, best.rate, best.ns, flood.rate, few.ns, delays, self._foreign
        )

    def _attempt(self, rate: float) -> Trial:
        """A trial at that rate; again, if it lost packets."""
        for _ in range(HICCUPS):
            trial = self._trial(rate, self._method.coalesced)
            if is_carried(trial):
                return trial
        return self._trial(rate, self._method.coalesced)

    def _trial(self, rate: float, coalesced: int) -> Trial:
        for _ in range(HICCUPS):
            trial = self._rig.trial(rate, self._lengths.trial, coalesced, self._threads)
            if trial.foreign <= FOREIGN and trial.offered >= OFFERED:
                break
        self._foreign = max(self._foreign, trial.foreign)
        return trial


NOTHING: Final = Trial(0.0, 0.0, 1.0, 0.0, 0.0)


def is_carried(trial: Trial) -> bool:
    """As much was sent as was wanted, nothing to speak of was lost, and no queue grew."""
    return trial.offered >= OFFERED and trial.lost <= LOSS and trial.late <= LATE


def highest(attempt: Callable[[float], Trial], start: float, least: float, finer: bool) -> Trial:
    """The trial of the highest rate that is carried: down from the start until one is, up until one is not, and then
    in finer steps. The one of no packets if not even `least` is carried.
    """
    best, rate = NOTHING, start
    while not is_carried(trial := attempt(rate)):
        rate /= STEP
        if rate < least:
            return NOTHING
    has_fallen = rate < start
    for _ in range(0 if has_fallen else STEPS):
        best = trial
        if not is_carried(trial := attempt(rate * STEP)):
            break
        rate *= STEP
    best = trial if is_carried(trial) else best
    for step in FINER if finer else ():
        trial = attempt(rate * step)
        if is_carried(trial):
            best, rate = trial, rate * step
    return best


def quantiles(buckets: list[int]) -> dict[str, float]:
    """Microseconds at the middle of the bucket that the quantile is in."""
    total, found = sum(buckets), dict[str, float]()
    for name, share in QUANTILES.items():
        seen = 0
        for number, count in enumerate(buckets):
            seen += count
            if total and seen >= share * total:
                found[name] = (number + 0.5) * (1 << BUCKET_SHIFT) / 1000
                break
    return found
