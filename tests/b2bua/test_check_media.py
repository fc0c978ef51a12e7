"""`b2bua check --media`, from the arguments to what is printed and the exit status."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from b2bua.__main__ import main
from b2bua.media_check import asking
from rtp_relay.facts import Facts, MediaAddress, Wanted
from tests.b2bua.media_check.facts import HEALTHY, TRIALS, trial
from tests.rtp_relay.conformance.rig import free_range

FILE = """\
[sip]
listen = ["udp:127.0.0.1:5060"]
[limits]
calls = 10
[media]
ports = [{first}, {last}]
interfaces = [{{ name = "lan", address = "127.0.0.1" }}]
[trunks.here]
sources = ["127.0.0.1"]
[numbers."100"]
recipients = [{{ name = "Ana", destination = "sip:ana@127.0.0.1:5071" }}]
"""
BROKEN = (trial("user", network="here", arrived=0), *TRIALS[1:])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "multiring.toml"
    first = free_range("127.0.0.1", 20)
    path.write_text(FILE.format(first=first, last=first + 39))
    return path


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Wanted]:
    """What the self-test was asked; it answers with a host on which all is well."""
    return answer_with(monkeypatch, HEALTHY)


def answer_with(monkeypatch: pytest.MonkeyPatch, facts: Facts) -> list[Wanted]:
    asked: list[Wanted] = []

    def ask(wanted: Wanted) -> Facts:
        asked.append(wanted)
        host = wanted.interfaces[0].bind
        trials = tuple(msgspec.structs.replace(one, host=host) for one in facts.trials)
        return msgspec.structs.replace(facts, trials=trials)

    monkeypatch.setattr(asking, "ask", ask)
    return asked


def test_without_media_nothing_is_looked_at(
    file: Path, asked: list[Wanted], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(file)]) == 0
    assert asked == []
    assert "good. Listens on" in capsys.readouterr().out


def test_findings_follow_those_of_the_file(
    file: Path, asked: list[Wanted], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", str(file), "--media", "--towards", "192.0.2.9"]) == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert "good. Listens on" in first
    assert "media.form: good: the relay takes tc: the fastest that works at any interface." in rest
    assert asked[0].interfaces == (MediaAddress("lan", "127.0.0.1", "127.0.0.1"),)
    assert asked[0].towards[0] == "192.0.2.9"


def test_the_file_is_found_as_other_commands_find_it(
    file: Path, asked: list[Wanted], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MULTIRING_CONFIG", str(file))
    assert main(["check", "--media"]) == 0
    assert len(asked) == 1


def test_an_error_is_an_exit_status(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer_with(monkeypatch, msgspec.structs.replace(HEALTHY, trials=BROKEN))
    assert main(["check", "--media", str(file)]) == 1
    assert "user form at 127.0.0.1: error: on this host, 24 of 24 packets were lost." in capsys.readouterr().out


def test_a_warning_is_one_only_if_asked_for(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answer_with(monkeypatch, msgspec.structs.replace(HEALTHY, settings={"net.core.rmem_max": 212992}))
    assert main(["check", "--media", str(file)]) == 0
    assert main(["check", "--media", "--strict", str(file)]) == 1


def test_json(file: Path, asked: list[Wanted], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--media", "--json", str(file)]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["usable"] is True
    chosen = next(finding for finding in said["findings"] if finding["subject"] == "media.form")
    assert (chosen["about"], chosen["verdict"], chosen["remedy"]) == ("media", "good", "")


def test_json_of_a_file_that_cannot_be_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    broken = tmp_path / "broken.toml"
    broken.write_text("[sip]\nlisten = 5\n")
    assert main(["check", "--media", "--json", str(broken)]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["usable"] is False
    assert {finding["about"] for finding in said["findings"]} == {"configuration"}
    assert any(finding["line"] == 2 for finding in said["findings"])


def test_a_far_end_must_be_numeric(file: Path, asked: list[Wanted], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "--media", "--towards", "trunk.example.com", str(file)]) == 1
    assert "is no numeric address" in capsys.readouterr().err
    assert asked == []


def test_a_self_test_that_fails_says_why(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.executable", "/nowhere/python")
    assert main(["check", "--media", str(file)]) == 1
    assert "could not be run" in capsys.readouterr().err


def test_this_very_host(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The real self-test, from end to end: whoever runs this, packets pass at the loopback."""
    assert main(["check", "--media", str(file)]) == 0
    said = capsys.readouterr().out
    assert "user form at 127.0.0.1: good:" in said
    assert "media.form: " in said
    assert "media.ports at lan: good: 20 pairs of ports" in said
