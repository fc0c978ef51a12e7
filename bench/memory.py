"""Memory of a standing call: calls are set up and left alone, and the processes' resident sizes compared."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from bench.load import SCENARIOS, Sipp, start_caller
from bench.service import Service

WARM_UP = 200  # calls that stand before the first look, so that pools and caches are filled


def measure(calls: int = 1000, rate: int = 100) -> dict[str, float]:
    """KiB that one more standing call takes, by process (one recipient, signalling only)."""
    total = WARM_UP + calls
    with tempfile.TemporaryDirectory() as name, Service(Path(name), 1) as service:
        directory = Path(name)
        hold = 30_000 + total * 1000 // rate
        phone = Sipp(
            directory, "phone", "-sf", str(SCENARIOS / "answers.xml"), "-p", str(service.phone_ports[0])
        )
        caller = start_caller(directory, service, total, rate, hold)
        try:
            before = _standing(service, WARM_UP)
            after = _standing(service, total)
        finally:
            for each in (caller, phone):
                each.process.terminate()
                each.process.wait()
    counted = after["calls"] - before["calls"]
    return {each: round((after[each] - before[each]) / counted, 1) for each in ("core", "relay")}


def _standing(service: Service, wanted: int) -> dict[str, int]:
    deadline = time.monotonic() + 60
    while True:
        calls = int(str(service.status()["calls"]))
        if calls >= wanted:
            return {"calls": calls, **service.memory()}
        if time.monotonic() > deadline:
            raise TimeoutError(f"only {calls} of {wanted} calls stand")
        time.sleep(0.1)
