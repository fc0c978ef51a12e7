"""``b2bua flow``: from a file to a draft, to what is published, and back."""

from __future__ import annotations

import asyncio
import io
import sys
from pathlib import Path

import pytest

from b2bua.__main__ import main
from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord
from b2bua.config import load
from b2bua.store import Store

FILE = """\
[sip]
listen = ["udp:127.0.0.1:5060"]
[trunks.here]
sources = ["127.0.0.1"]
[numbers."100"]
flow = "main"
[records]
database = "calls.sqlite"
"""
FLOW = """\
[flows.main]
first = "ring"

[flows.main.dial.ring]
nobody_answered = "end"

[[flows.main.dial.ring.recipients]]
name = "Ana"
destination = "sip:ana@192.0.2.9"

[flows.main.hang_up.end]
"""
NOW = 1_800_000_000


class Desk:
    """A configuration with a database, a file of flows beside it, and the command."""

    def __init__(self, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.config = directory / "multiring.toml"
        self.config.write_text(FILE)
        self.file = directory / "flow.toml"
        self.file.write_text(FLOW)
        self.capsys = capsys

    def __call__(self, *arguments: str, status: int = 0) -> str:
        assert main(["flow", *arguments, "--config", str(self.config)]) == status
        said = self.capsys.readouterr()
        return said.out + said.err

    def change(self, old: str, new: str) -> None:
        assert old in self.file.read_text()
        self.file.write_text(self.file.read_text().replace(old, new))

    def publish(self, seconds: int) -> None:
        self.file.write_text(FLOW.replace('"end"\n', f'"end"\nring_time = {seconds}\n', 1))
        self("import", str(self.file))
        self("publish", "main")


@pytest.fixture
def desk(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.setattr("b2bua.commands.flow.getpass.getuser", lambda: "jo")
    return Desk(tmp_path, capsys)


def test_without_flows(desk: Desk) -> None:
    assert desk("list") == "No flows. docs/flows.md says how to make one.\n"
    for action in ("show", "lint", "export", "diff"):
        assert "main" in desk(action, "main", status=1)


def test_from_a_file_to_what_is_published(desk: Desk) -> None:
    assert desk("import", str(desk.file), "--note", "the first") == (
        "main: kept as the draft; `b2bua flow publish main` publishes it.\n"
    )
    assert desk("list") == "main: not published, and a draft; used by 100\n"
    assert desk("lint", "main") == "main, draft: good.\n"
    assert desk("publish", "main").startswith("main: published as version 1. ")
    assert desk("export", "main") == FLOW
    page = desk("show", "main")
    assert page.startswith("main, version 1\n\nring: rings everyone at once, for 30 s\n")
    assert "    version 1, published " in page and " by jo: the first\n" in page
    assert desk("publish", "main", status=1) == "main has no draft.\n"


def test_a_number_stands_for_its_flow(desk: Desk) -> None:
    recipients = '[{ name = "Ben", destination = "sip:ben@192.0.2.9" }]'
    desk.config.write_text(f'{FILE}[numbers."101"]\nrecipients = {recipients}\n')
    assert "There is no flow main" in desk("show", "100", status=1)
    desk.publish(20)
    assert desk("show", "100").startswith("main, version 1\n") and desk("lint", "100") == "main, version 1: good.\n"
    assert desk("show", "100", "--version", "1").startswith("main, version 1\n")
    page = desk("show", "101")
    assert page.startswith("101, of the configuration file\n") and "Ben, sip:ben@192.0.2.9" in page
    assert "which has no versions" in desk("show", "101", "--version", "1", status=1)
    assert "There is no flow 102" in desk("show", "102", status=1)


def test_a_prompt_that_is_no_sound_is_not_published(desk: Desk) -> None:
    (desk.config.parent / "broken.wav").write_text("hello\n")
    desk.change('"end"\n', '"end"\nwhisper = { play = "broken.wav" }\n')
    said = desk("import", str(desk.file))
    assert "error: ring.whisper.play: broken.wav cannot be played (" in said and "cannot be published yet" in said
    assert "broken.wav cannot be played" in desk("lint", "main", status=1)
    assert "main is not published" in desk("publish", "main", status=1)


def test_a_note_is_written_when_it_is_published(desk: Desk) -> None:
    desk("import", str(desk.file), "--note", "as a draft")
    desk("publish", "main", "--note", "as a version")
    assert " by jo: as a version\n" in desk("show", "main")


@pytest.mark.parametrize("action", ["publish", "lint"])
def test_what_is_not_known_is_told_with_the_usage_of_that_action(
    action: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["flow", action, "main", "--nonsense"])
    said = capsys.readouterr().err
    assert caught.value.code == 2
    assert said.startswith(f"usage: b2bua flow {action} ") and "unrecognized arguments: --nonsense" in said


def test_flows_come_from_standard_input(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(FLOW.encode())))
    assert desk("import", "-").startswith("main: kept as the draft")


def test_what_has_changed(desk: Desk) -> None:
    desk.publish(20)
    assert "only one version" in desk("diff", "main", status=1)
    desk.publish(25)
    assert desk("diff", "main") == "main, version 1 → version 2:\n    ring: ring time 20 s → 25 s\n"
    desk.change('"sip:ana@192.0.2.9"', '"sip:ana@192.0.2.9"\npress_one = true')
    desk("import", str(desk.file))
    assert desk("diff", "main") == "main, version 2 → draft:\n    ring: Ana: press 1 on\n"
    assert desk("diff", "main", "1").splitlines()[1:] == [
        "    ring: ring time 20 s → 25 s",
        "    ring: Ana: press 1 on",
    ]
    assert desk("diff", "main", "2", "1").splitlines()[1:] == ["    ring: ring time 25 s → 20 s"]
    assert desk("diff", "main", "2", "2").splitlines()[1:] == ["    nothing has changed"]
    assert desk("diff", "main", "7", status=1) == "main has no version 7.\n"


def test_an_old_version_is_restored(desk: Desk) -> None:
    desk.publish(20)
    desk.publish(25)
    assert desk("restore", "main", "1").startswith("main: version 1 is published again, as version 3. ")
    assert "ring_time = 20" in desk("export", "main")
    assert "ring_time = 25" in desk("export", "main", "--version", "2")
    assert "version 3, published " in desk("list")
    assert desk("restore", "main", "9", status=1) == "main has no version 9.\n"


def test_a_draft_with_errors_is_kept_and_not_published(desk: Desk) -> None:
    desk.change('nobody_answered = "end"', 'nobody_answered = "gone"')
    said = desk("import", str(desk.file))
    assert 'error: ring.nobody_answered: the exit "nobody answered" leads to "gone"' in said
    assert "main: kept as the draft; it cannot be published yet." in said
    desk("lint", "main", status=1)
    assert desk("publish", "main", status=1).endswith("main is not published: the draft has errors.\n")
    assert desk("list") == "main: not published, and a draft; used by 100\n"


def test_a_file_that_cannot_be_read(desk: Desk) -> None:
    assert "cannot be read" in desk("import", "nowhere.toml", status=1)
    desk.change("first", "frist")
    assert 'flow.toml:2: error: flows.main.frist: there is no such setting. Did you mean "first"?' in desk(
        "import", str(desk.file), status=2
    )


def test_a_flow_of_the_configuration_file_can_only_be_looked_at(desk: Desk) -> None:
    desk.config.write_text(FILE + FLOW)
    assert desk("list") == "main: in the configuration file; used by 100\n"
    assert desk("export", "main") == FLOW
    assert desk("lint", "main") == "main, of the configuration file: good.\n"
    assert desk("show", "main").startswith("main, of the configuration file\n")
    assert main(["check", str(desk.config)]) == 0
    assert "1 trunk, 1 number, 1 recipient, 1 flow; relay form auto; version" in desk.capsys.readouterr().out
    for arguments in (("import", str(desk.file)), ("publish", "main"), ("restore", "main", "1")):
        assert f"main stands in {desk.config}" in desk(*arguments, status=1)
    assert "which has no versions" in desk("export", "main", "--version", "1", status=1)


def test_voicemail_is_learned_from_the_record_of_calls(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2bua.commands.flow.time.time", lambda: NOW)

    async def keep() -> None:
        store = await Store.open(load(desk.config).records.database, keep_days=0)
        for number in range(30):
            at = (NOW - 86_400 + number) * 1_000_000
            made = CallRecord(f"c{number}", "here", "s", "+1555", "", "100", "", f"s{number}", at)
            made.outcome, made.answered_by, made.sentence = CallOutcome.ANSWERED, "Ana", "Ana answered"
            heard = RecipientRecord(1, "Ana", "sip:ana@192.0.2.9", RecipientOutcome.ANSWERED, invited_at=at)
            heard.ringing_at, heard.answered_at = at, at + 22_000_000 + number
            made.recipients = [heard]
            store.finish(made)
        await store.close()

    asyncio.run(keep())
    said = desk("import", str(desk.file))
    assert "Ana rings for 30 s, but the voicemail there answers after about 22" in said


@pytest.mark.parametrize("version", ["0", "x", "-1"])
def test_a_version_that_is_none(desk: Desk, version: str) -> None:
    with pytest.raises(SystemExit):
        desk("restore", "main", version)
