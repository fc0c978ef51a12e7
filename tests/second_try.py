"""Runs tests, and then those that failed once more, alone: a fault fails twice, a busy machine seldom does.

    python -m tests.second_try -m "not sipp" -n 2 --dist loadgroup

The arguments are pytest's and hold for the first try; the second is one process with nothing beside it. The reasons
are in docs/decisions/a-second-try.md. There is a second try only if the first has run to its end, every test of it,
and a few have failed: whatever else may be wrong (a file that cannot be collected, a run that was broken off, a
service of many tests in whose log there is a bug) is no matter of a test that failed, and fails at once. And only a
test that was run again, and passed, has passed.

It is a plugin of pytest too, which tells `main` what became of each test. `--last-failed` would not do: xdist writes
the group of a test behind its name, and a process without xdist finds no test of that name and says nothing.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.rows import name_in_row

MOST = 20  # failed tests that a busy machine may account for
REASON = (
    "Each is tried once more, alone: a machine that is busy with other things can fail a test that waits for them,\n"
    "and a fault fails twice."
)


class Outcome(NamedTuple):
    """Of one run. status: pytest's. is_whole: whether nothing went wrong but tests, each of which came to an end."""

    status: int
    failed: frozenset[str] = frozenset()
    passed: frozenset[str] = frozenset()
    is_whole: bool = False

    @property
    def deserves_another(self) -> bool:
        return self.status == pytest.ExitCode.TESTS_FAILED and self.is_whole and 0 < len(self.failed) <= MOST


# The plugin.


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--outcome", metavar="FILE", help="write there what became of each test")
    parser.addoption("--only", metavar="FILE", help="run the tests that are named there, as --outcome names them")


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("outcome") is not None and not hasattr(config, "workerinput"):
        only = config.getoption("only")
        wanted = None if only is None else frozenset(json.loads(Path(only).read_text()))
        config.pluginmanager.register(Record(Path(config.getoption("outcome")), wanted))


class Record:
    """What became of each test, by the name that it was given to run by: xdist adds the group."""

    def __init__(self, file: Path, only: frozenset[str] | None) -> None:
        self._file, self._only = file, only
        self._names: dict[str, str] = {}  # by what pytest calls them in this run
        self._seen: set[str] = set()
        self._failed: set[str] = set()
        self._passed: set[str] = set()
        self._is_broken = False

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        if self._only is None:
            return
        names = ((item.nodeid, name) for item in items for name in (item.nodeid, name_in_row(item)))
        self._names = {ours: name for ours, name in names if name in self._only}
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in self._names])
        items[:] = [item for item in items if item.nodeid in self._names]

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._is_broken |= report.failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = self._names.get(report.nodeid, report.nodeid)
        self._seen.add(name)
        if report.failed:
            self._failed.add(name)
            self._is_broken |= report.when == "teardown"  # what ends then may be of all tests before it
        elif report.passed and report.when == "call":
            self._passed.add(name)

    def pytest_sessionfinish(self, session: pytest.Session, exitstatus: int) -> None:
        written = {
            "status": exitstatus, "failed": sorted(self._failed), "passed": sorted(self._passed - self._failed),
            "is_whole": not self._is_broken and len(self._seen) == session.testscollected,
        }  # fmt: skip
        self._file.write_text(json.dumps(written))


# Two runs.


def main(arguments: Sequence[str]) -> int:
    """The status for the shell: 0 if each test has passed, at the first try or at the second."""
    with tempfile.TemporaryDirectory() as folder:
        first = run(Path(folder) / "first.json", *arguments)
        if first.status == pytest.ExitCode.OK and not first.is_whole:
            say("not all tests have run, though pytest is content", ())
            return int(pytest.ExitCode.INTERRUPTED)
        if not first.deserves_another:
            return first.status
        say(f"{len(first.failed)} failed at the first try:", first.failed, REASON)
        only = Path(folder) / "only.json"
        only.write_text(json.dumps(sorted(first.failed)))
        files = sorted({name.partition("::")[0] for name in first.failed})
        second = run(Path(folder) / "second.json", f"--only={only}", *files)
    twice = first.failed - second.passed
    if twice:
        say("failed at both tries:", twice)
        return second.status or int(pytest.ExitCode.TESTS_FAILED)
    say("failed at the first try, and passed when tried alone:", first.failed)
    return second.status


def run(outcome: Path, *arguments: str) -> Outcome:
    """pytest in a process of its own, which may die."""
    command = [sys.executable, "-m", "pytest", "-p", "tests.second_try", f"--outcome={outcome}", *arguments]
    status = subprocess.run(command, check=False).returncode
    if not outcome.exists():
        return Outcome(status or int(pytest.ExitCode.INTERNAL_ERROR))
    told = json.loads(outcome.read_text())
    return Outcome(status, frozenset(told["failed"]), frozenset(told["passed"]), told["is_whole"])


def say(title: str, names: Iterable[str], more: str = "") -> None:
    print(f"\n{title}", *(f"    {name}" for name in sorted(names)), more, sep="\n", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
