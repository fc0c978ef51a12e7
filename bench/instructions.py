"""Instructions of whole calls in the core alone, counted by valgrind: the same on a busy machine as on a quiet one.

    python -m bench.instructions [--recipients 3]

Two runs of different length are counted, and what they have in common, the start, is taken off. Both sides of the call
are in the figure, the peers' plain string work too (see core.py): compare it with itself only. Instructions are not
time, but where nothing else changes, fewer of them take less.
"""

from __future__ import annotations

import argparse
import gc
import os
import re
import subprocess
import sys

from bench.core import Bench

_SHORT, _LONG = 60, 260  # calls
_COUNTED = re.compile(r"Collected : (\d+)")


class CountingDice:
    """Tokens that are the same in each run."""

    def __init__(self) -> None:
        self._number = 0x1234567890ABCDEF

    def token(self) -> str:
        self._number += 1
        return f"{self._number:016x}"

    def fraction(self) -> float:
        return 0.5


def per_call(recipients: int) -> int:
    """Instructions a call. Raises FileNotFoundError where valgrind is not installed."""
    runs = [_started(recipients, calls) for calls in (_SHORT, _LONG)]
    short, long = (_counted(run) for run in runs)
    return (long - short) // (_LONG - _SHORT)


def _started(recipients: int, calls: int) -> subprocess.Popen[str]:
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={os.devnull}", sys.executable]
    command += ["-m", "bench.instructions", "--recipients", str(recipients), "--calls", str(calls)]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)


def _counted(run: subprocess.Popen[str]) -> int:
    _, said = run.communicate()
    found = _COUNTED.search(said)
    if run.returncode or found is None:
        raise RuntimeError(f"valgrind counted nothing:\n{said}")
    return int(found[1])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.instructions", description=__doc__)
    parser.add_argument("--recipients", type=int, default=3)
    parser.add_argument("--calls", type=int, default=0, help="place so many calls, and print nothing")
    arguments = parser.parse_args()
    if not arguments.calls:
        print(f"{per_call(arguments.recipients):,} instructions a call")
        return
    gc.disable()
    bench = Bench(arguments.recipients, CountingDice())
    for number in range(arguments.calls):
        bench.call(number)


if __name__ == "__main__":
    main()
