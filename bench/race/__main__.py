"""How our relay stands beside others: packets a second, CPU of a packet, delay, and setting calls up.

    python -m bench.race [--quick] [--rounds 5] [--minutes 20] [--methods tc ip ...]         (as root)

Every method has its turn in every round: the speed of a shared machine changes by the minute, so that figures are
compared within a round. A method is one of ours, somebody else's relay, the system's own forwarding, or the least that
can be done at that place (see methods.py; rig.py says what is on which core and what is counted). At 20,000 packets a
second CPU and delay are compared; then the highest rate at which less than 0.1 % is lost is searched, and at last
more is offered than can be carried. A full run keeps its figures in bench/results/, draws the charts in docs/figures/
and puts both into docs/performance.md; --quick takes some two minutes and changes nothing but bench/results/.

It ends with its figures however it ends: after so many rounds, when the time is up (in the middle of a round if it has
to), by an interrupt or by SIGTERM. An unfinished round counts where both sides of a ratio were measured.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final

from bench import namespaces
from bench.race import goals, report, setting_up
from bench.race.measuring import Bout, Lengths, Result
from bench.race.methods import Method, all_methods
from bench.race.rig import Rig

ROOT: Final = Path(__file__).parents[2]
RESULTS: Final = ROOT / "bench" / "results"
PAGE: Final = ROOT / "docs" / "performance.md"
FEW, MANY = 1000, goals.MANY
WITH_MANY: Final = ("least tc", "least xdp", "ip", "tc", "xdp")
ONCE_WITH_MANY: Final = ("user", "rtpengine")  # in the first round: they take long to set up, and have no goal there
QUICK_WITH_MANY: Final = ("least tc", "least xdp", "tc", "xdp")
SHOWN: Final = 0.1  # of the relay's core: what others had of it is said if it is more
COURAGE: Final = 0.8  # of the last round's best rate, where the next search begins


def main() -> None:
    given = _arguments()
    if problem := namespaces.missing():
        raise SystemExit(problem)
    if (os.cpu_count() or 1) < 2:
        raise SystemExit("the bench needs two cores: one for the generator, one for the relay")
    methods = [method for method in all_methods() if not given.methods or method.name in given.methods]
    missing = {method.title: method.missing for method in methods if method.missing}
    for title, reason in missing.items():
        _say(f"left out: {title}: {reason}")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    until = time.monotonic() + 60 * given.minutes
    race = Race(Rig(2 * MANY), [method for method in methods if not method.missing], given.quick, until)
    number = 0
    try:
        for number in range(1, (1 if given.quick else given.rounds) + 1):
            race.run_round(number)
    except Over as over:
        _say(f"{over} in round {number}")
    except KeyboardInterrupt:
        _say(f"interrupted in round {number}")
    race.tell(missing | race.failed, is_full=not given.quick and not given.methods and number > 1)


class Over(Exception):
    """The time is up."""


class Race:
    """The rounds, and what they came to. until: monotonic seconds; what has begun then is finished."""

    def __init__(self, rig: Rig, methods: Sequence[Method], is_quick: bool, until: float = math.inf) -> None:
        self._rig, self._methods, self._is_quick, self._until = rig, methods, is_quick, until
        self._results: list[Result] = []
        self._set_up: list[setting_up.SettingUp] = []
        self._best: dict[tuple[str, int], float] = {}
        self.failed: dict[str, str] = {}

    def run_round(self, number: int) -> None:
        self._rig.warm_up()
        turn = number % max(len(self._methods), 1)
        methods = [*self._methods[turn:], *self._methods[:turn]]
        few = Lengths(0.15, 0.3, finer=False) if self._is_quick else Lengths(0.3, 1.5)
        many = Lengths(0.15, 0.0, finer=False) if self._is_quick else Lengths(0.3, 0.0)
        for method in methods:
            self._run(number, method, FEW, few)
        names = QUICK_WITH_MANY if self._is_quick else WITH_MANY + (ONCE_WITH_MANY if number == 1 else ())
        for method in methods:
            if method.name in names:
                self._run(number, method, MANY, many)
        self._run_set_up(number, 100 if self._is_quick else 500)

    def _run(self, number: int, method: Method, calls: int, lengths: Lengths) -> None:
        self._look_at_time()
        start = max(COURAGE * self._best.get((method.name, calls), 0.0), method.lowest)
        try:
            result = Bout(self._rig, method, calls, lengths).measure(number, start)
        except (OSError, subprocess.SubprocessError) as problem:
            self.failed[f"{method.title}, {calls} calls"] = str(problem)
            _say(f"round {number} {method.name:10s} {calls:6d} calls: {problem}")
            return
        self._results.append(result)
        self._best[method.name, calls] = result.highest
        delays = "  ".join(f"{name} {value:.1f}" for name, value in result.delays.items())
        _say(
            f"round {number} {method.name:10s} {calls:6d} calls {result.highest / 1000:8.0f} kpps "
            f"{result.ns_at_highest:6.0f} ns, saturated {result.saturated / 1000:6.0f}; at 20 kpps "
            f"{result.ns_at_few:6.0f} ns  {delays}"
            + (f"  others had {result.foreign:.0%}" if result.foreign > SHOWN else "")
        )  # fmt: skip

    def _look_at_time(self) -> None:
        if time.monotonic() > self._until:
            raise Over("the time is up")

    def _run_set_up(self, number: int, calls: int) -> None:
        self._look_at_time()
        names = {method.name for method in self._methods}
        try:
            for name in ("user", "tc"):
                if name in names:
                    self._set_up.append(setting_up.ours(self._rig, name, number, calls))
            if "rtpengine" in names:
                self._set_up.append(setting_up.theirs(self._rig, number, calls))
        except (OSError, subprocess.SubprocessError) as problem:
            self.failed["setting calls up"] = str(problem)
            _say(f"round {number} setting calls up: {problem}")

    def tell(self, missing: dict[str, str], is_full: bool) -> None:
        """Tables and goals; a full run is kept, drawn and put into the page."""
        verdicts = goals.verdicts(self._results, self._set_up)
        for line in self._lines(verdicts):
            _say(line)
        RESULTS.mkdir(exist_ok=True)
        path = RESULTS / f"relay-{time.strftime('%Y-%m-%d-%H%M%S', time.gmtime())}.json"
        path.write_text(json.dumps(self._figures(verdicts, missing), indent=1) + "\n", encoding="utf-8")
        _say(f"Kept in {path.relative_to(ROOT)}")
        if is_full:
            drawings = report.draw(PAGE.parent / "figures", self._methods, self._results)
            report.put_into(PAGE, report.section(
                machine(), self._methods, self._results, self._set_up, verdicts, drawings, missing
            ))  # fmt: skip
            _say(f"Charts and tables are in {PAGE.relative_to(ROOT)}")

    def _lines(self, verdicts: Sequence[goals.Verdict]) -> Iterator[str]:
        for calls in (FEW, MANY):
            if rows := report.table(self._methods, self._results, calls):
                yield f"\nMedians, {calls:,} calls"
                yield report.print_table(rows)
        yield "\nSetting a call's media up: until ports are known, until all is done, CPU of relay and client"
        for who, *figures in report.set_up_lines(self._set_up):
            yield f"{who:20s}" + "".join(f"{figure:>10s}" for figure in figures)
        yield "\nRatios within a round"
        for verdict in verdicts:
            yield str(verdict)

    def _figures(self, verdicts: Sequence[goals.Verdict], missing: dict[str, str]) -> dict[str, object]:
        return {
            "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
            "machine": machine(),
            "quick": self._is_quick,
            "medians": {
                str(calls): {title: dict(zip(report.COLUMNS, row, strict=True)) for title, *row in rows}
                for calls in (FEW, MANY)
                if (rows := report.table(self._methods, self._results, calls))
            },
            "results": [asdict(result) for result in self._results],
            "set_up": [asdict(one) for one in self._set_up],
            "goals": [{**asdict(one), "median": one.median, "reached": one.reached} for one in verdicts],
            "missing": missing,
        }


def machine() -> str:
    """Processor, system and Python, in a line."""
    rows = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    processor = next((row.partition(":")[2].strip() for row in rows if row.startswith("model name")), "")
    return (
        f"{os.cpu_count()} cores of {processor or platform.machine()}, "
        f"Linux {platform.release()}, Python {platform.python_version()}"
    )


def _say(text: str) -> None:
    print(text, flush=True)


def _arguments() -> argparse.Namespace:
    made = argparse.ArgumentParser(prog="python -m bench.race", description=(__doc__ or "").splitlines()[0])
    made.add_argument("--quick", action="store_true", help="one short round, to see that all of it works")
    made.add_argument("--rounds", type=int, default=5, choices=range(1, 21), metavar="N")
    made.add_argument("--minutes", type=float, default=20.0, help="then it ends (%(default)s)")
    made.add_argument("--methods", nargs="*", help="some only, by name: tc ip rtpengine ...")
    return made.parse_args()


if __name__ == "__main__":
    main()
