"""Statistics as people and programs get them."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from b2bua import statistics
from b2bua.__main__ import main
from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord
from b2bua.store import Store
from b2bua.store.statistics import Hour, NumberFigures, RecipientFigures, Spread, Statistics, Suspicion

NUMBER = NumberFigures(
    "+15550100",
    "Sales",
    {"answered": 6, "abandoned": 1, "no answer": 2, "failed": 1},
    (*[Hour()] * 9, Hour(7, 5, 1), Hour(3, 1, 0), *[Hour()] * 13),
    Spread(6, 6_200_000, 20_000_000),
)
ANA = RecipientFigures(
    "Ana",
    "sip:ana@192.0.2.7",
    10,
    9,
    0.5,
    {"answered": 3, "stopped": 2, "answered too late": 1, "declined": 1, "refused": 3},
    Spread(9, 180_000, 900_000),
    Spread(4, 6_000_000, 9_000_000),
    Spread(1, 8_214, 8_214),
)
BEN = RecipientFigures("Ben", "sip:ben@x", 6, 6, 0.5, {"answered": 6}, voicemail=Suspicion(22_400_000, 6, 6))
FOUND = Statistics((ANA, BEN), (NUMBER,))


def cells(text: str, heading: str, row: str) -> dict[str, str]:
    """One row of the table that begins with a heading, by its headings."""
    lines = text.splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(heading))
    line = next(line for line in lines[start + 1 :] if line.startswith(row))
    found = list(re.finditer(r"\S+(?: \S+)*", lines[start]))
    places = [each.start() for each in found] + [None]
    made: dict[str, str] = {}
    for each, begin, end in zip(found, places, places[1:], strict=False):
        made.setdefault(each[0], line[begin:end].strip())
    return made


def test_a_number() -> None:
    row = cells(statistics.page(FOUND), "NUMBER", "+15550100")
    assert row["CALLS"] == "10"
    assert (row["ANSWERED"], row["RATE"]) == ("6", "60%")
    assert (row["MISSED"], row["ABANDONED"], row["OTHER"]) == ("2", "1", "1")
    assert (row["TO ANSWER"], row["P95"]) == ("6.2 s", "20 s")


def test_hours_with_calls_only() -> None:
    text = statistics.page(FOUND)
    assert cells(text, "HOUR", "09:00") == {
        "HOUR": "09:00", "CALLS": "7", "ANSWERED": "5", "RATE": "71%", "ABANDONED": "1",
    }  # fmt: skip
    assert len(re.findall(r"(?m)^\d\d:00", text)) == 2


def test_a_recipient() -> None:
    row = cells(statistics.page(FOUND), "RECIPIENT  OFFERED", "Ana")
    assert row == {
        "RECIPIENT": "Ana", "OFFERED": "10", "RANG": "9", "ANSWERED": "3", "SHARE": "50%", "LOST": "3",
        "DECLINED": "1", "BUSY": "0", "UNREACHABLE": "0", "NO ANSWER": "0", "NO 1": "0", "NOT ACCEPTED": "0",
        "CALLER GAVE UP": "0", "OTHER": "3",
    }  # fmt: skip


def test_times_and_the_badge() -> None:
    text = statistics.page(FOUND)
    row = cells(text, "RECIPIENT  TO RING", "Ana")
    assert (row["TO RING"], row["TO ANSWER"], row["TOO LATE BY"]) == ("180 ms", "6.0 s", "8 ms")
    assert re.search(r"(?m)^Ben .*probably voicemail \(22 s\)$", text)
    assert text.count("probably") == 1


def test_a_badge_of_answers_at_once() -> None:
    assert statistics.badge(Suspicion(300_000, 5, 5)) == "probably voicemail (at once)"
    assert statistics.badge(None) == ""


def test_nothing() -> None:
    assert statistics.page(Statistics((), ())) == "No calls."


def test_names_from_the_wire_are_harmless() -> None:
    number = NumberFigures("1\x1b[2J", "", {"busy": 1}, (Hour(),) * 24)
    assert "\x1b" not in statistics.page(Statistics((), (number,)))


def test_as_json() -> None:
    made = json.loads(json.dumps(statistics.as_json(FOUND)))
    (number,), (ana, ben) = made["numbers"], made["recipients"]
    assert (number["answer_rate"], number["missed"], number["outcomes"]["no answer"]) == (0.6, 2, 2)
    assert number["hours"][9] == {"calls": 7, "answered": 5, "abandoned": 1, "voicemail": 0}
    assert ana["time_to_ring"] == {"of": 9, "median": 180_000, "p95": 900_000}
    assert ana["probably_voicemail"] is None
    assert ben["probably_voicemail"] == {"after": 22_400_000, "answers": 6, "of": 6}
    assert set(ana["outcomes"]) == {outcome.value for outcome in RecipientOutcome}


# The command.

FILE = """\
[sip]
listen = ["udp:127.0.0.1:5060"]
[trunks.here]
sources = ["127.0.0.1"]
[numbers."100"]
recipients = [{ name = "Ana", destination = "sip:ana@127.0.0.1:5071" }]
[records]
database = "calls.sqlite"
keep_days = 0
"""
START = 1_790_000_000_000_000


@pytest.fixture
def file(tmp_path: Path) -> str:
    (tmp_path / "multiring.toml").write_text(FILE)

    async def keep() -> None:
        store = await Store.open(str(tmp_path / "calls.sqlite"), keep_days=0)
        for number in range(3):
            made = CallRecord(f"{number}", "here", "s", "+1", "", f"10{number}", "", "c", START + number)
            made.outcome = CallOutcome.ANSWERED
            made.recipients = [RecipientRecord(1, "Ana", "sip:a@x", RecipientOutcome.ANSWERED, invited_at=1)]
            store.finish(made)
        await store.close()

    asyncio.run(keep())
    return str(tmp_path / "multiring.toml")


def stats(file: str, *options: str) -> int:
    return main(["stats", "--config", file, *options])


def test_the_command(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stats(file, "--since", "2026-09-20", "--until", "2026-09-23") == 0
    said = capsys.readouterr().out
    assert cells(said, "RECIPIENT  OFFERED", "Ana")["SHARE"] == "100%"
    assert len(re.findall(r"(?m)^10\d ", said)) == 3


def test_the_command_in_json_for_one_number(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stats(file, "--since", "2026-09-20", "--until", "2026-09-23", "--number", "101", "--json") == 0
    said: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert [each["dialled"] for each in said["numbers"]] == ["101"]
    assert said["until"] - said["since"] >= 2 * 86_400_000_000


def test_a_time_without_calls(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert stats(file, "--since", "2020-01-01", "--until", "2020-01-02") == 0
    assert capsys.readouterr().out == "No calls.\n"


def test_no_database_yet(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(file).with_name("calls.sqlite").unlink()
    assert stats(file) == 1
    assert "there is no database" in capsys.readouterr().err


def test_the_help_says_what_abandoned_and_missed_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["stats", "--help"])
    said = capsys.readouterr().out
    assert re.search(r"(?m)^  abandoned +the caller hung up", said)
    assert re.search(r"(?m)^  missed +the caller waited", said)
