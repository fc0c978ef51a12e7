"""Figures over many calls, against calls made up so that each figure is known."""

from __future__ import annotations

import asyncio
import math
import random
import zoneinfo
from collections.abc import Sequence
from pathlib import Path

import pytest

from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord
from b2bua.store import Store, StoreError, statistics
from b2bua.store.statistics import RecipientFigures, Selection, Spread, Statistics, Suspicion

START = 1_790_000_000_000_000
SECOND = 1_000_000
HOUR = 3600 * SECOND
ALL = Selection(0, START * 2)
_R = RecipientOutcome
_C = CallOutcome


def call(
    number: int,
    recipients: Sequence[RecipientRecord] = (),
    outcome: CallOutcome | None = _C.ANSWERED,
    answer_after: float | None = None,
    dialled: str = "100",
    name: str = "Sales",
    at: int | None = None,
) -> CallRecord:
    made = CallRecord(
        f"{number:06x}",
        "t",
        "s",
        "+1555",
        "",
        dialled,
        name,
        f"c{number}",
        START + number if at is None else at,
    )
    made.outcome = outcome
    made.recipients = list(recipients)
    if answer_after is not None:
        made.answered_at = made.started_at + round(answer_after * SECOND)
    return made


def offered(
    leg: int,
    name: str,
    outcome: RecipientOutcome,
    ring: float | None = None,
    answer: float | None = None,
    uri: str = "",
    late_by: int | None = None,
) -> RecipientRecord:
    """ring: seconds from the INVITE to ringing; answer: from there to the answer."""
    begin = START
    ringing = None if ring is None else begin + round(ring * SECOND)
    answered = None if answer is None else (begin if ringing is None else ringing) + round(answer * SECOND)
    return RecipientRecord(
        leg,
        name,
        uri or f"sip:{name}@192.0.2.7",
        outcome,
        invited_at=begin,
        ringing_at=ringing,
        answered_at=answered,
        late_by=late_by,
    )


def kept(path: Path, calls: Sequence[CallRecord]) -> str:
    async def keep() -> None:
        store = await Store.open(str(path), keep_days=0)
        for each in calls:
            if each.outcome is None:
                store.begin(each)
            else:
                store.finish(each)
        await store.close()

    asyncio.run(keep())
    return str(path)


def figures(
    path: Path, calls: Sequence[CallRecord], selection: Selection = ALL, zone: str = "UTC"
) -> Statistics:
    database = kept(path / "calls.sqlite", calls)
    return asyncio.run(statistics.read(database, selection, zoneinfo.ZoneInfo(zone)))


def of_ana(path: Path, recipients: Sequence[RecipientRecord]) -> RecipientFigures:
    (ana,) = figures(path, [call(number, [each]) for number, each in enumerate(recipients)]).recipients
    return ana


def test_every_outcome_is_counted_for_its_recipient(tmp_path: Path) -> None:
    each = [
        offered(1, "Ana", outcome, ring=1.0 if outcome is not _R.UNREACHABLE else None)
        for outcome in RecipientOutcome
        if outcome is not _R.SKIPPED
    ]
    ana = of_ana(tmp_path, each)
    assert ana.offered == len(each)
    assert ana.rang == len(each) - 1
    assert ana.answered == 1
    assert ana.lost == 3
    assert ana.outcomes == {one.outcome.value: 1 for one in each if one.outcome}


def test_who_was_never_called_was_not_offered_the_call(tmp_path: Path) -> None:
    skipped = RecipientRecord(1, "Ana", "sip:Ana@192.0.2.7", _R.SKIPPED)
    assert figures(tmp_path, [call(1, [skipped])]).recipients == ()


def test_one_name_at_two_addresses_is_two_recipients(tmp_path: Path) -> None:
    calls = [
        call(number, [offered(1, "Ana", _R.ANSWERED, 1, 1, f"sip:{number % 2}@192.0.2.7")])
        for number in range(3)
    ]
    found = figures(tmp_path, calls).recipients
    assert [(each.uri, each.offered) for each in found] == [("sip:0@192.0.2.7", 2), ("sip:1@192.0.2.7", 1)]


def test_shares_are_of_the_answered_calls(tmp_path: Path) -> None:
    calls = [
        call(number, [offered(1, "Ana", _R.ANSWERED), offered(2, "Ben", _R.STOPPED)]) for number in range(3)
    ]
    calls.append(call(3, [offered(1, "Ana", _R.BUSY), offered(2, "Ben", _R.ANSWERED)]))
    calls.append(call(4, [offered(1, "Ana", _R.CALLER_HUNG_UP)], _C.ABANDONED))
    found = figures(tmp_path, calls).recipients
    assert {each.name: each.share for each in found} == {"Ana": 0.75, "Ben": 0.25}


@pytest.mark.parametrize("number", [1, 2, 3, 19, 20, 21, 100])
def test_medians_and_percentiles_are_nearest_ranks(tmp_path: Path, number: int) -> None:
    rings = [index / 100 for index in range(1, number + 1)]
    random.Random(number).shuffle(rings)
    ana = of_ana(tmp_path, [offered(1, "Ana", _R.ANSWERED, ring, 4 * ring) for ring in rings])
    ordered = [round(ring * SECOND) for ring in sorted(rings)]
    median, p95 = ordered[math.ceil(number / 2) - 1], ordered[math.ceil(number * 0.95) - 1]
    assert ana.to_ring == Spread(number, median, p95)
    assert ana.to_answer == Spread(number, 5 * median, 5 * p95)
    assert ana.late_by is None


def test_by_how_much_a_race_was_lost(tmp_path: Path) -> None:
    late = [offered(1, "Ana", _R.TOO_LATE, 1, 2, late_by=by) for by in (8_214, 300, 90_000)]
    ana = of_ana(tmp_path, late)
    assert ana.late_by == Spread(3, 8_210, 90_000)  # three digits of each interval are kept
    assert ana.to_answer == Spread(3, 3 * SECOND, 3 * SECOND)  # a late answer is an answer


# Voicemail.


def answers(*waits: float) -> list[RecipientRecord]:
    return [offered(1, "Ana", _R.ANSWERED, 0.3, wait) for wait in waits]


@pytest.mark.parametrize(("waits", "suspicion"), [
    ((22.1, 22.9, 21.4, 22.0, 21.9), Suspicion(22_150_000, 5, 5)),
    ((22.1, 22.9, 21.4, 22.0, 6.0), Suspicion(22_150_000, 4, 5)),  # picked up himself, once
    ((22.1, 22.9, 21.4, 22.0), None),  # too few
    ((22.1, 22.9, 21.4, 6.0, 9.0), None),
    ((3.0, 5.5, 8.0, 12.0, 20.0, 4.0), None),  # a person
    ((0.2, 0.4, 1.4, 0.9, 0.3), Suspicion(800_000, 5, 5)),
    ((22.0, 22.5, 22.2, 0.4, 0.3), Suspicion(22_250_000, 5, 5)),  # the phone was off, twice
    ((21.0, 22.0, 23.0, 22.0, 22.0), Suspicion(22_000_000, 5, 5)),
    ((20.9, 22.0, 23.1, 25.4, 28.0), None),
])  # fmt: skip
def test_a_machine_answers_in_the_same_second(
    tmp_path: Path, waits: tuple[float, ...], suspicion: Suspicion | None
) -> None:
    assert of_ana(tmp_path, answers(*waits)).voicemail == suspicion


def test_an_answer_without_ringing_counts_from_the_invite(tmp_path: Path) -> None:
    ana = of_ana(tmp_path, [offered(1, "Ana", _R.TOO_LATE, None, 0.1) for _ in range(5)])
    assert ana.voicemail == Suspicion(100_000, 5, 5)


def test_stopped_phones_say_nothing_of_a_voicemail(tmp_path: Path) -> None:
    assert of_ana(tmp_path, [offered(1, "Ana", _R.STOPPED, 0.1) for _ in range(9)]).voicemail is None


# Numbers.


def test_abandoned_is_not_missed(tmp_path: Path) -> None:
    calls = [call(index, outcome=outcome) for index, outcome in enumerate(CallOutcome)]
    (number,) = figures(tmp_path, calls).numbers
    assert (number.calls, number.answered, number.abandoned, number.missed) == (len(CallOutcome), 1, 1, 4)


def test_running_calls_do_not_count(tmp_path: Path) -> None:
    (number,) = figures(tmp_path, [call(1), call(2, outcome=None)]).numbers
    assert number.calls == 1


def test_the_time_to_answer_of_a_number(tmp_path: Path) -> None:
    calls = [call(index, answer_after=after) for index, after in enumerate((4.0, 2.0, 9.0))]
    calls.append(call(9, outcome=_C.NO_ANSWER))
    (number,) = figures(tmp_path, calls).numbers
    assert number.to_answer == Spread(3, 4 * SECOND, 9 * SECOND)


@pytest.mark.parametrize(("zone", "hour"), [("UTC", 3), ("Asia/Kolkata", 8), ("America/New_York", 23)])
def test_hours_are_of_the_place(tmp_path: Path, zone: str, hour: int) -> None:
    at = 1_789_959_600_000_000  # 2026-09-21 03:00 UTC
    calls = [
        call(1, at=at),
        call(2, at=at + 29 * 60 * SECOND),
        call(3, at=at + 25 * 60 * SECOND, outcome=_C.ABANDONED),
        call(4, at=at + HOUR, outcome=_C.BUSY),
    ]
    (number,) = figures(tmp_path, calls, zone=zone).numbers
    assert number.hours[hour] == (3, 2, 1, 0)
    assert number.hours[(hour + 1) % 24] == (1, 0, 0, 0)
    assert sum(each.calls for each in number.hours) == 4


def test_since_and_until(tmp_path: Path) -> None:
    calls = [call(index) for index in range(5)]
    (number,) = figures(tmp_path, calls, Selection(START + 1, START + 4)).numbers
    assert number.calls == 3


def test_a_number_by_its_name_or_its_digits(tmp_path: Path) -> None:
    ana, ben = offered(1, "Ana", _R.ANSWERED), offered(1, "Ben", _R.ANSWERED)
    calls = [
        call(1, [ana]),
        call(2, [ana], dialled="101"),
        call(3, [ben], dialled="102", name="Service"),
        call(4, [ana], dialled="Sales", name="Sales"),  # answers to both: counted once
    ]
    database = kept(tmp_path / "calls.sqlite", calls)

    def chosen(number: str) -> tuple[list[str], list[int]]:
        found = asyncio.run(statistics.read(database, Selection(0, START * 2, number)))
        return [each.dialled for each in found.numbers], [each.offered for each in found.recipients]

    assert chosen("Sales") == (["100", "101", "Sales"], [3])
    assert chosen("101") == (["101"], [1])
    assert chosen("Service") == (["102"], [1])
    assert chosen("nobody") == ([], [])


def test_only_so_many_rows_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "ROWS_LIMIT", 2)
    calls = [call(index, [offered(1, str(index % 3), _R.BUSY)], dialled=str(index % 3)) for index in range(8)]
    found = figures(tmp_path, calls)
    assert [each.dialled for each in found.numbers] == ["0", "1"]
    assert [each.name for each in found.recipients] == ["0", "1"]


def test_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no database"):
        asyncio.run(statistics.read(str(tmp_path / "none.sqlite"), ALL))
    (tmp_path / "other").write_text("not a database, and longer than that")
    with pytest.raises(StoreError, match="cannot be read"):
        asyncio.run(statistics.read(str(tmp_path / "other"), ALL))
