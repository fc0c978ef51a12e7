"""The sums of the log, however calls come, end and go: always what counting the whole log anew gives."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, text

from b2bua.calls.record import RING_TEST, CallOutcome, CallRecord, RecipientOutcome
from b2bua.store import statistics, summing
from b2bua.store.opening import open_engine
from b2bua.store.rows import rows_of, statements
from b2bua.store.statistics import Selection, Statistics
from b2bua.store.summing import HOUR, Behind, advance, behind, fold
from b2bua.store.tally import CallRow, OfferRow, Tally, rounded
from tests.b2bua.test_store_statistics import SECOND, call, offered

Event = tuple[str, Any]
Question = tuple[tuple[int, int], str, str]
UNCHECKED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
FIRST_HOUR = 497_000  # since 1970
NOW = (FIRST_HOUR + 80) * HOUR
NUMBERS = (("100", "Sales"), ("101", "Sales"), ("102", ""))
SPANS = st.one_of(
    st.just((0, NOW * 2)),
    st.tuples(st.integers(0, 80 * 60), st.integers(0, 90 * 60)).map(
        lambda minutes: (
            FIRST_HOUR * HOUR + minutes[0] * 60 * SECOND,
            FIRST_HOUR * HOUR + minutes[1] * 60 * SECOND,
        )
    ),
    st.tuples(st.integers(0, 80), st.integers(0, 90)).map(
        lambda hours: ((FIRST_HOUR + hours[0]) * HOUR, (FIRST_HOUR + hours[1]) * HOUR)
    ),
)
QUESTIONS = st.tuples(
    SPANS, st.sampled_from(("", "Sales", "101", "102", "none")), st.sampled_from(("UTC", "Asia/Kathmandu"))
)
# What happens to the log: a call comes (its hour, second, number, seconds to the answer), and has ended or runs on; the
# oldest running one ends; the core dies and starts; the oldest calls are deleted; so many calls are counted; days that
# are over at an hour are made; figures are asked for.
CALLS = st.tuples(
    st.integers(0, 79), st.integers(0, 3600), st.sampled_from(NUMBERS), st.floats(0.1, 40.0), st.booleans()
)
EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("call"), CALLS),
        st.tuples(st.just("end"), st.none()),
        st.tuples(st.just("crash"), st.none()),
        st.tuples(st.just("delete"), st.integers(1, 4)),
        st.tuples(st.just("advance"), st.integers(1, 5)),
        st.tuples(st.just("fold"), st.integers(0, 90)),
        st.tuples(st.just("ask"), QUESTIONS),
    ),
    max_size=40,
)


class Log:
    """A log of calls, written by the core's own statements, and counted with and without sums."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.last = 0
        self.running: list[CallRecord] = []

    async def __aenter__(self) -> Log:
        self.path.unlink(missing_ok=True)
        self.engine = await open_engine(str(self.path))
        self.statements = statements(self.engine.dialect)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.engine.dispose()

    async def call(
        self, hour: int, second: int, number: tuple[str, str], answer: float, has_ended: bool
    ) -> None:
        self.last += 1
        key = self.last
        outcome = (CallOutcome.ANSWERED, CallOutcome.ABANDONED, CallOutcome.BUSY)[key % 3]
        ana = offered(
            1, "Ana", RecipientOutcome.ANSWERED, answer / 3, answer, late_by=key if key % 2 else None
        )
        ben = offered(2, f"Ben{key % 2}", RecipientOutcome.STOPPED, 0.3)
        made = call(
            key, [ana, ben], outcome, answer if key % 3 == 0 else None, *number, at=moment(hour, second)
        )
        made.trunk = RING_TEST if key % 7 == 0 else "t"
        if has_ended:
            await self._keep((), [made])
        else:
            self.running.append(made)
            await self._keep([made], ())

    async def end(self) -> None:
        if self.running:
            await self._keep((), [self.running.pop(0)])

    async def crash(self) -> None:
        """What the core does when it starts again."""
        self.running.clear()
        await self._do("UPDATE call SET outcome = 'interrupted', ended_at = 1 WHERE outcome IS NULL")

    async def delete(self, calls: int) -> None:
        """As the core: the oldest, with all that belongs to them."""
        oldest = f"SELECT number FROM call ORDER BY started_at LIMIT {calls}"
        async with self.engine.begin() as connection:
            rows = (
                await connection.exec_driver_sql(f"SELECT id FROM call WHERE number IN ({oldest})")
            ).scalars()
            gone = set(rows)
            await connection.exec_driver_sql(f"DELETE FROM recipient WHERE call_number IN ({oldest})")
            await connection.exec_driver_sql(f"DELETE FROM call WHERE number IN ({oldest})")
        self.running = [each for each in self.running if each.id not in gone]

    async def figures(self, since: int, until: int, number: str, zone: str) -> Statistics:
        return await statistics.read(str(self.path), Selection(since, until, number), ZoneInfo(zone))

    async def counted_anew(self, since: int, until: int, number: str, zone: str) -> Statistics:
        """Every call of the log, one by one, and no sum."""
        tally = Tally()
        async with self.engine.connect() as connection:
            calls = (await connection.exec_driver_sql("SELECT * FROM call")).mappings().all()
            rung = (await connection.exec_driver_sql("SELECT * FROM recipient")).mappings().all()
        for each in calls:
            is_meant = not number or number in (each["dialled"], each["number_name"])
            is_then = since <= each["started_at"] < until
            if not (is_meant and is_then) or each["outcome"] is None or each["trunk"] == RING_TEST:
                continue
            offers = [
                OfferRow(*(one[name] for name in OfferRow._fields))
                for one in rung
                if one["call_number"] == each["number"] and one["invited_at"] is not None
            ]
            names = ("dialled", "number_name", "started_at", "answered_at", "outcome")
            tally.add(CallRow(*(each[name] for name in names)), offers)
        return statistics.figures_of(tally, ZoneInfo(zone))

    async def _keep(self, begun: Sequence[CallRecord], finished: Sequence[CallRecord]) -> None:
        async with self.engine.begin() as connection:
            for statement, rows in zip(self.statements, rows_of(begun, finished, "off"), strict=True):
                if rows:
                    await connection.exec_driver_sql(statement, rows)

    async def _do(self, statement: str) -> None:
        async with self.engine.begin() as connection:
            await connection.exec_driver_sql(statement)


def moment(hour: int, second: int = 0) -> int:
    return (FIRST_HOUR + hour) * HOUR + second * SECOND


@settings(max_examples=40, deadline=None, suppress_health_check=UNCHECKED)
@given(events=EVENTS, question=QUESTIONS)
def test_sums_are_what_a_full_count_gives(
    tmp_path: Path, events: Sequence[Event], question: Question
) -> None:
    async def play() -> None:
        async with Log(tmp_path / "calls.sqlite") as log:
            for name, values in events:
                await _happen(log, name, values)
            await _ask(log, question)
            while await advance(log.engine):
                pass
            while await fold(log.engine, NOW):
                pass
            await _ask(log, question)

    asyncio.run(play())


async def _happen(log: Log, name: str, values: Any) -> None:
    if name == "call":
        await log.call(*values)
    elif name == "end":
        await log.end()
    elif name == "crash":
        await log.crash()
    elif name == "delete":
        await log.delete(values)
    elif name == "advance":
        await advance(log.engine, values)
    elif name == "fold":
        await fold(log.engine, moment(values))
    else:
        await _ask(log, values)


async def _ask(log: Log, question: Question) -> None:
    (since, until), number, zone = question
    expected = await log.counted_anew(since, until, number, zone)
    assert await log.figures(since, until, number, zone) == expected


def played(path: Path, play: Callable[[Log], Awaitable[None]]) -> None:
    async def run() -> None:
        async with Log(path / "calls.sqlite") as log:
            await play(log)

    asyncio.run(run())


def test_a_call_counts_in_the_hour_in_which_it_began(tmp_path: Path) -> None:
    """Its day is made already when it ends."""

    async def play(log: Log) -> None:
        await log.call(0, 0, NUMBERS[0], 1.0, True)
        await log.call(1, 0, NUMBERS[0], 2.0, False)
        await log.call(70, 0, NUMBERS[0], 3.0, True)
        await advance(log.engine)
        assert not await fold(log.engine, NOW)
        await log.end()
        await advance(log.engine)
        found = await log.figures(moment(1), moment(2), "", "UTC")
        assert found.numbers[0].calls == 1
        assert await log.figures(0, NOW, "", "UTC") == await log.counted_anew(0, NOW, "", "UTC")

    played(tmp_path, play)


def test_what_is_counted_is_not_read_again(tmp_path: Path) -> None:
    """Figures of a year are some rows of sums: the calls could be gone, but for those that say what is deleted."""

    async def play(log: Log) -> None:
        for index in range(60):
            await log.call(index, 0, NUMBERS[0], 1.0, True)
        assert await behind(log.engine) == Behind(60, 60)
        while await advance(log.engine, 7):
            pass
        assert await behind(log.engine) == Behind(0, 60)
        while await fold(log.engine, NOW):
            pass
        span = (moment(1), NOW, "", "UTC")
        expected = await log.counted_anew(*span)
        await log._do(f"DELETE FROM recipient WHERE call_number BETWEEN 2 AND {log.last}")
        assert await log.figures(*span) == expected

    played(tmp_path, play)


def test_a_round_that_somebody_else_did_meanwhile_counts_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(log: Log) -> None:
        await log.call(1, 0, NUMBERS[0], 1.0, True)
        await advance(log.engine)
        await log.call(2, 0, NUMBERS[0], 1.0, True)
        write = summing._write

        async def overtaken(*arguments: Any, **named: Any) -> None:
            await write(*arguments, **named)
            await write(*arguments, **named)

        monkeypatch.setattr(summing, "_write", overtaken)
        await advance(log.engine)
        assert await log.figures(0, NOW, "", "UTC") == await log.counted_anew(0, NOW, "", "UTC")

    played(tmp_path, play)


def test_numbers_that_are_given_again_are_counted_again(tmp_path: Path) -> None:
    """A log that was emptied begins at 1 again: what the mark says is of other calls."""

    async def play(log: Log) -> None:
        for hour in range(3):
            await log.call(hour, 0, NUMBERS[0], 1.0, True)
        await advance(log.engine)
        await log.delete(3)
        for hour in range(5, 9):
            await log.call(hour, 0, NUMBERS[1], 1.0, True)
        assert (await behind(log.engine)).left == 4
        expected = await log.counted_anew(0, NOW, "", "UTC")
        assert await log.figures(0, NOW, "", "UTC") == expected
        await advance(log.engine)
        assert await log.figures(0, NOW, "", "UTC") == expected

    played(tmp_path, play)


def test_tallies_of_deleted_calls_are_let_go(tmp_path: Path) -> None:
    async def play(log: Log) -> None:
        for hour in range(60):
            await log.call(hour, 30, NUMBERS[0], 1.0, True)
        await advance(log.engine)
        while await fold(log.engine, NOW):
            pass
        await log.delete(50)
        await advance(log.engine)
        await fold(log.engine, NOW)
        async with log.engine.connect() as connection:
            answer = await connection.exec_driver_sql("SELECT hours, first FROM tally ORDER BY first")
            rows: list[Any] = list(answer)
        assert all((first + hours) * HOUR > moment(50) for hours, first in rows)
        tested = {55}  # by a ring test, which is no call
        left = [FIRST_HOUR + hour for hour in range(50, 60) if hour not in tested]
        assert [first for hours, first in rows if hours == 1] == left

    played(tmp_path, play)


@pytest.mark.parametrize("query", ["number > 5", "number IN (5, 6)", "started_at >= 5 AND started_at < 9"])
def test_calls_are_found_by_index(tmp_path: Path, query: str) -> None:
    """What is not asked for costs nothing, however much of it there is."""

    which: ColumnElement[bool] = text(query)  # type: ignore[assignment]

    async def play(log: Log) -> None:
        async with log.engine.connect() as connection:
            for statement in summing.statements_for(which):
                compiled = statement.compile(log.engine, compile_kwargs={"literal_binds": True})
                plan: list[Any] = list(await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {compiled}"))
                assert all(row[3].startswith("SEARCH") for row in plan), plan

    played(tmp_path, play)


# The values that add up.


@given(st.integers(-(10**12), 10**12))
def test_three_digits_of_a_length_are_kept(length: int) -> None:
    kept = rounded(length)
    assert abs(kept - length) * 200 <= abs(length)
    assert len(str(abs(kept)).rstrip("0")) <= 3
    assert rounded(kept) == kept


def test_a_tally_is_the_same_when_it_comes_back() -> None:
    made = Tally()
    offer = OfferRow("Ana", "sip:ana@192.0.2.7", None, 0, 1_234_567, 9_876_543, 8_214)
    made.add(CallRow("100", "Sales", 5, 7, "answered"), [offer, offer._replace(outcome="busy")])
    made.add(CallRow("100", "Sales", 5, None, "busy"), [])
    back = Tally()
    back.add_packed(made.pack())
    assert statistics.figures_of(back) == statistics.figures_of(made)
    back.merge(made)
    assert statistics.figures_of(back).numbers[0].calls == 4
