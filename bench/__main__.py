"""All figures at once: python -m bench [--quick]. Prints a table and keeps the figures in bench/results/.

These machines are noisy: CPU a call is the figure to compare, calls a second is what it comes to here.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import time
from dataclasses import asdict
from pathlib import Path

from bench import core, delay, load, memory, parser

RESULTS = Path(__file__).parent / "results"
RATES = (300, 400, 500, 600)


def main() -> None:
    arguments = _arguments()
    figures: dict[str, object] = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "python": platform.python_version(),
        "quick": arguments.quick,
    }
    _say("Parser, microseconds a message")
    figures["parser_us"] = parsed = {
        what: parser.microseconds(action) for what, action in parser.cases().items()
    }
    for what, value in parsed.items():
        _say(f"  {what:45s} {value:8.2f}")
    _say("Core alone (no sockets), microseconds of CPU a call")
    gc.set_threshold(50_000, 20, 1_000)
    figures["core_us"] = alone = [core.measure(recipients, 1000) for recipients in (1, 3, 10)]
    for each in alone:
        _say(f"  {each['recipients']:2.0f} recipients {each['microseconds_per_call']:10.1f}")
    _say("SIPp, service on one core: milliseconds of CPU a call (core + relay)")
    seconds = 5 if arguments.quick else 20
    figures["load"] = loads = [
        asdict(_told(load.run(recipients, rate, seconds)))
        for recipients, rate in ((1, 200), (3, 200), (10, 60))
    ]
    _say("Sustained calls a second, three recipients, every party clean")
    rates = RATES[:2] if arguments.quick else RATES
    runs = [_told(each) for each in load.sustained(3, rates, seconds if arguments.quick else 60)]
    figures["sustained"] = [asdict(each) for each in runs]
    figures["sustained_calls_per_second"] = max([each.rate for each in runs if each.sustained], default=0)
    _say(f"  sustained: {figures['sustained_calls_per_second']} calls/s")
    _say("Added delay, milliseconds, three recipients")
    figures["delay"] = delays = delay.measure(3, 100 if arguments.quick else 500)
    for what, quantiles in delays.items():
        _say(f"  {what:20s} p50 {quantiles['p50_ms']:7.3f}   p99 {quantiles['p99_ms']:7.3f}")
    _say("Memory of a standing call, KiB")
    figures["memory_kib"] = sizes = memory.measure(200 if arguments.quick else 1000)
    _say(f"  core {sizes['core']}   relay {sizes['relay']}")
    assert loads
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{time.strftime('%Y-%m-%d-%H%M%S', time.gmtime())}.json"
    path.write_text(json.dumps(figures, indent=2) + "\n")
    _say(f"Kept in {path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path}")


def _told(run: load.Load) -> load.Load:
    state = "clean" if run.sustained else f"NOT clean, {run.failed} failed"
    parts = " + ".join(f"{name} {value:.2f}" for name, value in sorted(run.cpu_ms.items()))
    _say(
        f"  {run.recipients:2d} recipients at {run.rate:4d}/s, {run.calls:6d} calls: "
        f"{run.total_ms:.2f} ms ({parts}), {state}"
    )
    return run


def _say(text: str) -> None:
    print(text, flush=True)


def _arguments() -> argparse.Namespace:
    made = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    made.add_argument("--quick", action="store_true", help="short runs, to see that all of it works")
    return made.parse_args()


if __name__ == "__main__":
    main()
