"""SIPp against the real service: calls a second, CPU a call, and whether every party saw what it should.

The service has one core, SIPp the other. One recipient answers after 60 ms, the others ring until they are
cancelled; a call is up for a second. A run counts as sustained only when every caller and every callee ended
each of its calls as its scenario says, losers' CANCEL, 487 and ACK included.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from bench.service import Service, free_ports

SCENARIOS = Path(__file__).parent / "scenarios"
OTHER_CORE = 1
SAID_LIMIT = 1_500  # characters of each log of a run that was not clean


@dataclass(frozen=True)
class Load:
    """How one run came out. cpu_ms: milliseconds of CPU a call, by process."""

    recipients: int
    rate: int
    calls: int
    failed: int
    sustained: bool
    cpu_ms: dict[str, float]

    @property
    def total_ms(self) -> float:
        return round(sum(self.cpu_ms.values()), 3)


class Sipp:
    """One SIPp process on the other core."""

    def __init__(self, directory: Path, name: str, *arguments: str) -> None:
        self.statistics = directory / f"{name}.csv"
        self.log = directory / f"{name}.log"
        command = [
            "sipp",
            *arguments,
            "-i",
            "127.0.0.1",
            "-nostdin",
            "-trace_stat",
            "-stf",
            str(self.statistics),
            "-fd",
            "1",
            "-trace_err",
            "-error_file",
            str(directory / f"{name}.err"),
        ]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                cwd=directory,
                preexec_fn=lambda: os.sched_setaffinity(0, {OTHER_CORE}),
            )

    def wait(self, seconds: float) -> int:
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.terminate()
            self.process.wait()
            return -1

    def count(self, column: str) -> int:
        """The last value of a column of SIPp's statistics."""
        lines = self.statistics.read_text().splitlines()
        return int(lines[-1].split(";")[lines[0].split(";").index(column)])


def start_caller(
    directory: Path, service: Service, calls: int, rate: int, hold_ms: int, *more: str
) -> Sipp:
    """So many calls, `rate` a second, each of them up for `hold_ms`; more: further arguments of SIPp."""
    return Sipp(
        directory, "caller", f"127.0.0.1:{service.port}", "-sf", str(SCENARIOS / "caller.xml"), "-s", "100",
        "-p", str(free_ports(1)[0]), "-r", str(rate), "-m", str(calls), "-l", str(calls), "-d", str(hold_ms), *more,
    )  # fmt: skip


def run(recipients: int, rate: int, seconds: int, hold_ms: int = 1000, trace: str = "full") -> Load:
    """One load of `rate` calls a second for `seconds`."""
    calls = rate * seconds
    with tempfile.TemporaryDirectory() as name, Service(Path(name), recipients, trace) as service:
        directory = Path(name)
        phones = [
            Sipp(
                directory,
                f"phone{number}",
                "-sf",
                str(SCENARIOS / ("answers.xml" if number == 0 else "rings_until_cancelled.xml")),
                "-p",
                str(port),
                "-m",
                str(calls),
                "-timeout",
                str(seconds + 30),
                "-timeout_error",
            )
            for number, port in enumerate(service.phone_ports)
        ]
        before = service.cpu()
        caller = start_caller(directory, service, calls, rate, hold_ms, "-timeout", str(seconds + 30))
        codes = [caller.wait(seconds + 60), *[phone.wait(45) for phone in phones]]
        after = service.cpu()
        failed = calls - caller.count("SuccessfulCall(C)")
        cpu = {each: round((after[each] - before[each]) / calls * 1000, 3) for each in after}
        if any(codes):
            _say_why(directory)
        return Load(recipients, rate, calls, failed, not any(codes), cpu)


def _say_why(directory: Path) -> None:
    """What SIPp and the service have said first: the directory is gone after the run."""
    for file in sorted((*directory.glob("*.err"), directory / "service.log")):
        text = file.read_text(errors="replace")
        if "unexpected" in text.lower() or "timeout" in text.lower() or (text and file.suffix == ".log"):
            print(f"  --- {file.name}, {len(text.splitlines())} lines\n{text[:SAID_LIMIT]}", flush=True)


def sustained(recipients: int, rates: tuple[int, ...], seconds: int) -> list[Load]:
    """Runs at rising rates, until one is not sustained."""
    runs = []
    for rate in rates:
        runs.append(run(recipients, rate, seconds))
        if not runs[-1].sustained:
            break
    return runs
