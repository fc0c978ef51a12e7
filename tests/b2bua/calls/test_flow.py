"""The values of a call flow, and schedules: by the clock on the wall, on the days when it is changed as well."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from b2bua.calls.flow import (
    ALL_BUSY_OR_DECLINED,
    ANSWERED,
    HOLIDAY,
    NOBODY_ANSWERED,
    OTHERWISE,
    Branch,
    Change,
    Dial,
    DialRecipient,
    HangUp,
    Holiday,
    Mode,
    Opening,
    Prompt,
    PromptKind,
    Schedule,
    leads_to,
    next_change,
    open_at,
)

BERLIN = "Europe/Berlin"
DAY = 86400
WEEKDAYS = Branch("open", tuple(Opening(day, 9 * 60, 17 * 60 + 30) for day in range(5)))
OFFICE = Schedule(BERLIN, (WEEKDAYS,))


def at(text: str, zone: str = BERLIN, fold: int = 0) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold).timestamp()


# Prompts, recipients, exits.


def test_a_text_has_its_variables_filled_in() -> None:
    prompt = Prompt(PromptKind.SAY, "{caller} for {source}, {unknown}.")
    assert (
        prompt.text({"caller": "+1555", "source": "Sales {caller}"}) == "+1555 for Sales {caller}, {unknown}."
    )
    assert prompt.variables == ("caller", "source", "unknown")
    assert Prompt(PromptKind.PLAY, "{caller}.wav").variables == ()


@pytest.mark.parametrize(
    ("extension", "keys"),
    [
        ("", []),
        ("21", [(0.0, "2"), (0.0, "1")]),
        ("ww2w1", [(1.0, "2"), (0.5, "1")]),
        ("5ww", [(0.0, "5")]),
    ],
)
def test_an_extension_is_digits_and_pauses(extension: str, keys: list[tuple[float, str]]) -> None:
    assert list(DialRecipient("Ana", "sip:ana@192.0.2.7", extension=extension).keys()) == keys


def test_who_is_rung() -> None:
    off, ana, ben = (
        DialRecipient(name, "sip:x@192.0.2.7", is_on=name != "Off") for name in ("Off", "Ana", "Ben")
    )
    assert Dial((off, ana, ben)).rung == (ana, ben)
    assert Dial((off, ana, ben), Mode.TURNS).rung == (ana, ben)
    assert Dial((off, ana, ben), Mode.ONE).rung == (ana,)


@pytest.mark.parametrize("step_says", [True, False])
def test_press_one_is_as_the_step_says_unless_the_recipient_says_otherwise(step_says: bool) -> None:
    asked = [DialRecipient("Ana", "", press_one=own) for own in (None, True, False)]
    dial = Dial(tuple(asked), press_one=step_says)
    assert [dial.asks_for_one(recipient) for recipient in asked] == [step_says, True, False]


def test_where_exits_lead() -> None:
    dial = Dial((), exits={NOBODY_ANSWERED: "mailbox"})
    assert leads_to(dial, NOBODY_ANSWERED) == leads_to(dial, ALL_BUSY_OR_DECLINED) == "mailbox"
    assert leads_to(dial, ANSWERED) == ""
    busy = Dial((), exits={NOBODY_ANSWERED: "mailbox", ALL_BUSY_OR_DECLINED: "sorry"})
    assert leads_to(busy, ALL_BUSY_OR_DECLINED) == "sorry"
    assert leads_to(Schedule(BERLIN, (), exits={OTHERWISE: "closed"}), HOLIDAY) == "closed"
    assert leads_to(HangUp(), "anything") == ""


# Schedules.


@pytest.mark.parametrize(
    ("moment", "leaving"),
    [
        ("2026-11-23 08:59:59", OTHERWISE),  # a Monday
        ("2026-11-23 09:00:00", "open"),
        ("2026-11-23 17:29:59", "open"),
        ("2026-11-23 17:30:00", OTHERWISE),
        ("2026-11-22 12:00:00", OTHERWISE),
    ],
)
def test_hours_begin_and_end(moment: str, leaving: str) -> None:
    assert open_at(OFFICE, at(moment)) == leaving


def test_the_first_branch_that_fits_counts() -> None:
    lunch = Branch("lunch", (Opening(0, 12 * 60, 13 * 60),))
    monday_noon = at("2026-11-23 12:30")
    assert open_at(Schedule(BERLIN, (lunch, WEEKDAYS)), monday_noon) == "lunch"
    assert open_at(Schedule(BERLIN, (WEEKDAYS, lunch)), monday_noon) == "open"


def test_the_zone_is_that_of_the_schedule() -> None:
    moment = at("2026-11-23 09:00")
    assert open_at(OFFICE, moment) == "open"
    assert open_at(Schedule("America/New_York", (WEEKDAYS,)), moment) == OTHERWISE
    with pytest.raises(ZoneInfoNotFoundError):
        open_at(Schedule("Middle/Earth", (WEEKDAYS,)), moment)


def test_on_a_holiday_no_hours_count() -> None:
    every_year = Schedule(BERLIN, (WEEKDAYS,), (Holiday(12, 25),))
    once = Schedule(BERLIN, (WEEKDAYS,), (Holiday(12, 25, 2026),))
    for year, of_once in ((2026, HOLIDAY), (2028, "open")):  # a Friday, a Monday
        noon = at(f"{year}-12-25 12:00")
        assert open_at(every_year, noon) == HOLIDAY
        assert open_at(once, noon) == of_once
    assert next_change(every_year, at("2026-12-24 18:00")) == Change(at("2026-12-25 00:00"), HOLIDAY)
    assert next_change(every_year, at("2026-12-25 18:00")) == Change(at("2026-12-26 00:00"), OTHERWISE)


def test_the_next_change() -> None:
    assert next_change(OFFICE, at("2026-11-20 17:00")) == Change(at("2026-11-20 17:30"), OTHERWISE)
    assert next_change(OFFICE, at("2026-11-20 17:30")) == Change(at("2026-11-23 09:00"), "open")
    assert next_change(Schedule(BERLIN, ()), 0.0) is None
    always = Branch("open", tuple(Opening(day, 0, 1440) for day in range(7)))
    assert next_change(Schedule(BERLIN, (always,)), 0.0) is None


def test_hours_until_midnight_go_on_after_it() -> None:
    night = Branch("night", (Opening(4, 22 * 60, 1440), Opening(5, 0, 6 * 60)))
    schedule = Schedule(BERLIN, (night,))
    assert (
        open_at(schedule, at("2026-11-20 23:59:59")) == open_at(schedule, at("2026-11-21 00:00")) == "night"
    )
    assert next_change(schedule, at("2026-11-20 22:30")) == Change(at("2026-11-21 06:00"), OTHERWISE)


# 29 March 2026: from 2:00 the clock in Berlin goes to 3:00. 25 October: from 3:00 back to 2:00.


def test_an_office_opens_at_nine_before_and_after_both_changes() -> None:
    daily = Schedule(BERLIN, (Branch("open", tuple(Opening(day, 540, 1050) for day in range(7))),))
    for day, utc_hour in (("03-28", 8), ("03-29", 7), ("10-24", 7), ("10-25", 8)):
        opens = datetime.fromisoformat(f"2026-{day}T{utc_hour:02}:00").replace(tzinfo=UTC).timestamp()
        assert (open_at(daily, opens - 1), open_at(daily, opens)) == (OTHERWISE, "open")
        assert next_change(daily, opens - 6 * 3600) == Change(opens, "open")


def sunday(opens: int, closes: int) -> Schedule:
    return Schedule(BERLIN, (Branch("open", (Opening(6, opens, closes),)),))


def test_hours_that_begin_in_the_hour_left_out_begin_when_the_clock_is_put_forward() -> None:
    changed = datetime(2026, 3, 29, 1, 0, tzinfo=UTC).timestamp()
    schedule = sunday(150, 240)  # 2:30 to 4:00
    assert (open_at(schedule, changed - 1), open_at(schedule, changed)) == (OTHERWISE, "open")
    assert next_change(schedule, changed - 600) == Change(changed, "open")
    assert next_change(schedule, changed) == Change(changed + 3600, OTHERWISE)
    within = sunday(130, 170)  # 2:10 to 2:50: not on that day
    assert next_change(within, changed - 600) == Change(at("2026-04-05 02:10"), "open")


def test_the_hour_that_comes_twice_counts_twice() -> None:
    again = datetime(2026, 10, 25, 1, 0, tzinfo=UTC).timestamp()  # the second 2:00
    schedule = sunday(150, 240)  # 2:30 to 4:00
    seen = [(again - 1800, "open"), (again, OTHERWISE), (again + 1800, "open"), (again + 7200, OTHERWISE)]
    moment = again - 7200
    for expected in seen:
        change = next_change(schedule, moment)
        assert change == Change(*expected)
        moment = expected[0]


def test_a_zone_that_changes_its_clock_at_midnight() -> None:
    """Beirut, 29 March 2026: 0:00 becomes 1:00, so that the Sunday begins at 1:00."""
    schedule = Schedule("Asia/Beirut", (Branch("open", (Opening(6, 0, 600),)),))
    changed = datetime(2026, 3, 28, 22, 0, tzinfo=UTC).timestamp()
    assert datetime.fromtimestamp(changed, ZoneInfo("Asia/Beirut")).hour == 1
    assert next_change(schedule, changed - DAY) == Change(changed, "open")


@settings(deadline=None)
@given(
    st.sampled_from([BERLIN, "America/New_York", "Asia/Beirut", "Australia/Lord_Howe"]),
    st.lists(
        st.builds(Opening, st.integers(0, 6), st.integers(0, 95).map(lambda q: q * 15), st.just(1440))
        | st.builds(Opening, st.integers(0, 6), st.integers(0, 10).map(lambda q: q * 15), st.just(165)),
        max_size=3,
    ),
    st.sampled_from([(2026, 3, 7), (2026, 3, 28), (2026, 4, 4), (2026, 10, 24), (2026, 10, 31)]),
    st.integers(0, 191),
)
def test_the_next_change_is_what_looking_every_quarter_of_an_hour_finds(
    zone: str, openings: list[Opening], day: tuple[int, int, int], quarter: int
) -> None:
    schedule = Schedule(zone, (Branch("open", tuple(openings)),), (Holiday(3, 29),))
    start = datetime(*day, tzinfo=UTC).timestamp() + quarter * 900
    before = open_at(schedule, start)
    looked = (start + 900 * step for step in range(1, 8 * 96))
    found = next((moment for moment in looked if open_at(schedule, moment) != before), None)
    change = next_change(schedule, start)
    if found is None:
        assert change is None or change.moment > start + 7 * DAY
    else:
        assert change == Change(found, open_at(schedule, found))
