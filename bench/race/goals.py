"""What the relay is to reach, as ratios within a round, and what it did reach."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from bench.race.measuring import Result
from bench.race.setting_up import SettingUp

Figure = Callable[[Result], float]
MANY: Final = 10_000


def rate(result: Result) -> float:
    """Packets a second with less than 0.1 % lost."""
    return result.highest


def saturated(result: Result) -> float:
    return result.saturated


def p50(result: Result) -> float:
    return result.delays.get("p50", 0.0)


def p99(result: Result) -> float:
    return result.delays.get("p99", 0.0)


@dataclass(frozen=True, slots=True)
class Goal:
    """figure of `method`, over the same of `against` in the same round. at_most: the ratio is to be low, not high.

    less: a method whose figure is taken off both first (a delay that is there without a relay).
    """

    text: str
    method: str
    against: str
    ratio: float
    figure: Figure = rate
    is_many: bool = False
    at_most: bool = False
    less: str = ""


GOALS: Final = (
    Goal("tc: packets/s of rtpengine's", "tc", "rtpengine", 7.0),
    Goal("tc: of plain IP forwarding", "tc", "ip", 1.3),
    Goal("tc: of the least redirect at tc", "tc", "least tc", 0.95),
    Goal("tc, saturated: of plain IP forwarding", "tc", "ip", 1.3, saturated),
    Goal("tc, saturated: of the least redirect at tc", "tc", "least tc", 0.95, saturated),
    Goal("tc, every leg recorded, saturated: of plain IP forwarding", "recorded", "ip", 1.1, saturated),
    Goal("tc, 10,000 calls: of the least redirect", "tc", "least tc", 0.9, is_many=True),
    Goal("xdp: packets/s of rtpengine's", "xdp", "rtpengine", 20.0),
    Goal("xdp, saturated: of plain IP forwarding", "xdp", "ip", 4.5, saturated),
    Goal("xdp: of the least redirect by XDP", "xdp", "least xdp", 0.95),
    Goal("xdp, saturated: of the least redirect by XDP", "xdp", "least xdp", 0.95, saturated),
    Goal("xdp, 10,000 calls: of the least redirect", "xdp", "least xdp", 0.9, is_many=True),
    Goal("user: packets/s of rtpengine's", "user", "rtpengine", 1.1),
    Goal("user: packets/s of rtp.io's", "user", "rtp.io", 2.0),
    Goal("tc: added delay p50 of rtpengine's", "tc", "rtpengine", 0.25, p50, at_most=True, less="none xdp"),
    Goal("xdp: added delay p50 of rtpengine's", "xdp", "rtpengine", 0.25, p50, at_most=True, less="none xdp"),
    Goal("tc: delay p99 of IP forwarding's", "tc", "ip", 1.0, p99, at_most=True),
    Goal("xdp: delay p99 of IP forwarding's", "xdp", "ip", 1.0, p99, at_most=True),
)
SETTING_UP: Final = 0.5  # of rtpengine's microseconds


@dataclass(frozen=True, slots=True)
class Verdict:
    """ratios: of each round. None in `reached`: nothing to compare."""

    text: str
    wanted: float
    at_most: bool
    ratios: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.ratios) if self.ratios else 0.0

    @property
    def reached(self) -> bool | None:
        if not self.ratios:
            return None
        return self.median <= self.wanted if self.at_most else self.median >= self.wanted

    def __str__(self) -> str:
        sign = "<=" if self.at_most else ">="
        if not self.ratios:
            return f"{self.text:60s} {sign} {self.wanted:<5g} not measured"
        spread = f"{self.median:6.2f} ({min(self.ratios):.2f} to {max(self.ratios):.2f}, n={len(self.ratios)})"
        if self.reached:
            return f"{self.text:60s} {sign} {self.wanted:<5g} {spread:34s} reached"
        missed = abs(self.median - self.wanted) / self.wanted
        return f"{self.text:60s} {sign} {self.wanted:<5g} {spread:34s} MISSED by {missed:.0%}"


def ratios(results: Sequence[Result], goal: Goal) -> tuple[float, ...]:
    """One for each round in which both were measured."""
    there = {
        (result.method, result.round): goal.figure(result)
        for result in results
        if (result.calls == MANY) == goal.is_many
    }
    found = []
    for (method, number), value in there.items():
        other, less = there.get((goal.against, number)), there.get((goal.less, number), 0.0)
        if method == goal.method and other is not None and other > less:
            found.append(max(value - less, 0.0) / (other - less))
    return tuple(found)


def verdicts(results: Sequence[Result], set_up: Sequence[SettingUp]) -> list[Verdict]:
    found = [Verdict(goal.text, goal.ratio, goal.at_most, ratios(results, goal)) for goal in GOALS]
    theirs = {one.round: one.microseconds for one in set_up if one.who == "rtpengine"}
    compared = tuple(
        one.microseconds / theirs[one.round] for one in set_up if one.who == "tc" and one.round in theirs
    )
    return [*found, Verdict("set-up of a call's media: of rtpengine's time", SETTING_UP, True, compared)]
