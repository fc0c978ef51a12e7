"""``b2bua numbers``, and how the other commands know what it keeps."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from b2bua.__main__ import main

FILE = """\
[sip]
listen = ["udp:127.0.0.1:5060"]
[trunks.carrier]
sources = ["127.0.0.1"]
address = "sip:carrier.example"
allowed_prefixes = ["+1"]
[records]
database = "calls.sqlite"
"""
NUMBER = '[numbers."100"]\nname = "Desk"\nflow = "main"\n'
FLOW = """\
[flows.main]
first = "ring"
[flows.main.dial.ring]
nobody_answered = "end"
recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.9" }]
[flows.main.hang_up.end]
"""


class Line:
    """A configuration, and commands that are given with it."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = directory / "multiring.toml"
        self.config.write_text(FILE)
        self.database = directory / "calls.sqlite"
        self.flow = directory / "flow.toml"
        self.flow.write_text(FLOW)
        self.capsys = capsys

    def __call__(self, *arguments: str, status: int = 0) -> str:
        assert main([*arguments, "--config", str(self.config)]) == status
        return self._said()

    def check(self, *arguments: str, status: int = 0) -> str:
        assert main(["check", str(self.config), *arguments]) == status
        return self._said()

    def _said(self) -> str:
        said = self.capsys.readouterr()
        return said.out + said.err

    def publish(self) -> None:
        self("flow", "import", str(self.flow))
        self("flow", "publish", "main")


@pytest.fixture
def line(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Line:
    monkeypatch.setattr("b2bua.commands.numbers.getpass.getuser", lambda: "jo")
    return Line(tmp_path, capsys)


def test_a_file_without_a_number_is_good(line: Line) -> None:
    assert "good" in line.check() and "0 numbers" in line.check()
    assert not line.database.exists()
    assert line("numbers", "list").startswith("No numbers. ")


def test_numbers_are_added_changed_listed_and_removed(line: Line) -> None:
    line.publish()
    said = line("numbers", "add", "+1 (555) 0177", "--flow", "main", "--name", "Spring", "--trunk", "carrier")
    assert said == "+15550177 leads to main. No service runs; the next one to start uses it.\n"
    assert line("numbers", "list").splitlines()[1].split() == [
        *("+15550177", "Spring", "main", "carrier", "on", "database"),
    ]
    assert "and is off" in line("numbers", "change", "+1 555 0177", "--off", "--trunk", "")
    assert line("numbers", "list").splitlines()[1].split()[3:] == ["all", "off", "database"]
    assert line("numbers", "change", "+15550177", "--on").startswith("+15550177 leads to main. ")
    assert "is removed" in line("numbers", "remove", "+15550177")
    connection = sqlite3.connect(line.database)
    told = connection.execute("SELECT action, via, who FROM audit ORDER BY number").fetchall()
    connection.close()
    assert told == [
        (f"number.{each}", "command line", "jo") for each in ("add", "change", "change", "remove")
    ]


def test_what_is_refused_is_said_with_the_field(line: Line) -> None:
    assert line("numbers", "add", "1", "--flow", "main", status=1).startswith('flow: there is no flow "main"')
    line.publish()
    line.config.write_text(FILE + NUMBER)
    assert "change it there" in line("numbers", "add", "100", "--flow", "main", status=1)
    assert "change it there" in line("numbers", "remove", "100", status=1)
    assert "There is no number 7" in line("numbers", "change", "7", "--off", status=1)
    assert line("numbers", "add", "*", "--flow", "main", status=1).startswith("dialled: ")


def test_numbers_of_the_file_are_listed_as_such(line: Line) -> None:
    line.config.write_text(FILE + NUMBER)
    assert line("numbers", "list").splitlines()[1].endswith(" file")
    assert "main (is not there)" in line("numbers", "list")


def test_check_and_flow_and_simulate_know_them(line: Line) -> None:
    line("flow", "import", str(line.flow))
    line("numbers", "add", "+15550177", "--flow", "main")
    assert 'numbers."+15550177": its flow main was never published' in line.check()
    line.check("--strict", status=1)
    findings = json.loads(line.check("--json"))["findings"]
    assert [each["subject"] for each in findings] == ['numbers."+15550177"']
    line("flow", "publish", "main")
    assert line.check("--strict").startswith(str(line.config))
    assert line("flow", "list").rstrip().endswith("used by +15550177")
    assert "Ana did not answer" in line("simulate", "+15550177", "--no-ladder")


def test_check_says_when_the_database_cannot_be_looked_into(line: Line) -> None:
    line.database.write_bytes(b"nothing of that kind" * 100)
    assert "cannot be looked into" in line.check()
