"""Figures are read once and kept for a while; and what the API tells of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any, cast

import pytest

from b2bua.calls.record import CallOutcome
from b2bua.console import figures
from b2bua.store.statistics import NumberFigures, Selection, Statistics
from tests.b2bua.console.stage import NOW, SECOND, Stage, call, on_stage

_C = CallOutcome
AT = int(NOW * SECOND)
HOUR = 3_600 * SECOND
DAY = 24 * HOUR


class Counted:
    """Stands for the sums over the record, and counts them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[Selection] = []
        self.numbers: tuple[NumberFigures, ...] = (cast(NumberFigures, None),)  # nobody looks at what is in it
        monkeypatch.setattr(figures, "read_from", self._read)

    async def _read(self, _engine: object, selection: Selection, _zone: object) -> Statistics:
        self.asked.append(selection)
        return Statistics((), self.numbers)


def test_what_ends_now_is_read_once_a_minute_and_given_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)

    async def play(stage: Stage) -> None:
        async def ask() -> None:
            now = stage.desk.now()
            await stage.desk.figures.of(Selection(now - 7 * DAY, now))

        await asyncio.gather(ask(), ask())
        stage.clock.now += figures.FRESH - 1
        await ask()
        assert len(counted.asked) == 1
        stage.clock.now += 2
        await ask()  # given as they were, and read anew beside
        await asyncio.gather(*stage.desk.figures._reading)
        assert len(counted.asked) == 2
        stage.clock.now += figures.STALE + 1
        await ask()  # too old to be given
        assert len(counted.asked) == 3

    on_stage(tmp_path, play)


def test_no_calls_is_not_said_for_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who has just placed his first call looks for it at once."""
    counted = Counted(monkeypatch)
    counted.numbers = ()

    async def play(stage: Stage) -> None:
        now = stage.desk.now()
        await stage.desk.figures.of(Selection(now - 7 * DAY, now))
        stage.clock.now += 2
        counted.numbers = (cast(NumberFigures, None),)
        found = await stage.desk.figures.of(Selection(now - 7 * DAY, now))
        assert found.statistics.numbers and len(counted.asked) == 2

    on_stage(tmp_path, play)


def test_other_spans_are_other_figures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)

    async def play(stage: Stage) -> None:
        for selection in (
            Selection(AT - 7 * DAY, AT),
            Selection(AT - 8 * DAY, AT),
            Selection(AT - 7 * DAY, AT, "Main line"),
            Selection(AT - 7 * DAY, AT - DAY),
        ):
            await stage.desk.figures.of(selection)
            await stage.desk.figures.of(selection)
        assert len(counted.asked) == 4

    on_stage(tmp_path, play)


def test_the_api_tells_of_which_calls_its_figures_are(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(index) for index in range(5)] + [call(7, _C.ABANDONED), call(8, _C.BUSY)])
        client = await stage.logged_in("editor")
        told = (await client.get("/api/statistics")).json()
        assert 30 * DAY <= told["until"] - told["since"] < 30 * DAY + HOUR
        assert told["since"] % HOUR == 0  # whole hours are summed up
        (number,) = told["numbers"]
        assert (number["calls"], number["answered"], number["abandoned"], number["missed"]) == (7, 5, 1, 1)
        assert number["time_to_answer"]["median"] == 6_200_000
        ana = next(each for each in told["recipients"] if each["name"] == "Ana")
        assert ana["probably_voicemail"]["answers"] == 5  # always after the same time
        assert (await client.get("/api/statistics?since=5&until=4")).status_code == 422

    on_stage(tmp_path, play)


def test_a_log_that_is_being_counted_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "LEFT_LIMIT", 3)

    async def play(stage: Stage) -> None:
        await stage.write([call(index) for index in range(5)])
        client = await stage.logged_in("viewer")
        answer = await client.get("/api/statistics")
        assert (answer.status_code, answer.headers["retry-after"]) == (202, "1")
        assert answer.json() == {"counting": {"left": 5, "of": 5}}
        assert await stage.desk.figures.voicemails() == {}
        await stage.desk.figures.catch_up()
        answer = await client.get("/api/statistics")
        assert answer.status_code == 200
        assert answer.json()["numbers"][0]["calls"] == 5

    on_stage(tmp_path, play)


def test_the_summary_is_of_today(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write(
            [call(0), call(10, _C.ABANDONED), call(20, _C.NO_ANSWER), call(30, None), call(3 * 86_400)]
        )
        client = await stage.logged_in("owner")
        await client.put("/api/settings", json={"time_zone": "UTC"})
        told = (await client.get("/api/summary")).json()
        assert told["since"] == AT // DAY * DAY
        assert {name: told[name] for name in ("calls", "answered", "abandoned", "missed", "other")} == {
            "calls": 3, "answered": 1, "abandoned": 1, "missed": 1, "other": 0,
        }  # fmt: skip
        assert told["time_to_answer"] == {"of": 1, "median": 6_200_000, "p95": 6_200_000}
        nothing = (await client.get(f"/api/summary?since={AT + DAY}")).json()
        assert (nothing["answer_rate"], nothing["time_to_answer"]) == (None, None)

    on_stage(tmp_path, play)


def test_a_voicemail_that_was_learned_is_warned_of(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(index) for index in range(6)])
        client = await stage.logged_in("viewer")
        ana = {"name": "Ana", "destination": "sip:ana@192.0.2.50"}
        table: dict[str, Any] = {
            "first": "ring",
            "dial": {"ring": {"nobody_answered": "end", "recipients": [ana]}},
            "hang_up": {"end": {}},
        }  # fmt: skip
        remarks = (await client.post("/api/flows/main/lint", json={"flow": table})).json()["remarks"]
        assert [each["field"] for each in remarks] == ["dial.ring.recipients.0.stop_after"]

    on_stage(tmp_path, play)
