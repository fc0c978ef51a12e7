"""A flow written as TOML and read again."""

from __future__ import annotations

import tomllib

from hypothesis import given

from b2bua.calls.flow import (
    NO_CHOICE,
    OTHERWISE,
    Branch,
    Flow,
    Holiday,
    Menu,
    Opening,
    Schedule,
)
from b2bua.config.loading import flows_in
from b2bua.flows.writing import written
from tests.b2bua.flows.samples import HELLO, dial, flow, flows


@given(flows)
def test_what_is_written_is_read_again(made: Flow) -> None:
    assert flows_in(written(made).encode(), "flow.toml") == {made.name: made}


def test_what_is_as_by_default_is_not_written() -> None:
    assert written(flow(dial())) == (
        '[flows.main]\nfirst = "first"\n\n[flows.main.dial.first]\nnobody_answered = "end"\n\n'
        '[[flows.main.dial.first.recipients]]\nname = "Ana"\ndestination = "sip:ana@192.0.2.7"\n\n'
        "[flows.main.hang_up.end]\n"
    )


def test_statuses_are_a_list_and_none_of_them_is_one_too() -> None:
    for codes, text in (((603, 480), "decline_codes = [603, 480]"), ((), "decline_codes = []")):
        made = flow(dial(decline_codes=codes))
        assert text in written(made).splitlines()
        assert flows_in(written(made).encode(), "flow.toml") == {"main": made}


def hours_of(*openings: Opening) -> dict[str, list[str]]:
    schedule = Schedule("UTC", (Branch("open", openings),), (), {"open": "end", OTHERWISE: "end"})
    table = tomllib.loads(written(flow(schedule)))["flows"]["main"]["schedule"]["first"]
    found: dict[str, list[str]] = table["branches"][0]["hours"]
    return found


def test_days_with_the_same_hours_are_one_range() -> None:
    week = [Opening(day, 540, 1050) for day in range(5)]
    assert hours_of(*week) == {"mon-fri": ["9:00-17:30"]}
    assert hours_of(*week, Opening(5, 600, 1440)) == {"mon-fri": ["9:00-17:30"], "sat": ["10:00-24:00"]}
    assert hours_of(*week[:2], *week[3:]) == {"mon-tue": ["9:00-17:30"], "thu-fri": ["9:00-17:30"]}


def test_holidays_and_choices() -> None:
    schedule = Schedule("UTC", (Branch("open", ()),), (Holiday(12, 25, 0, "Christmas"), Holiday(3, 26, 2027)))
    text = written(flow(schedule))
    assert 'holidays = { 12-25 = "Christmas", 2027-03-26 = "" }' in text
    menu = Menu(HELLO, exits={"1": "end", "*": "end", NO_CHOICE: "end"})
    assert 'choices = { 1 = "end", "*" = "end" }\nno_choice = "end"' in written(flow(menu))
