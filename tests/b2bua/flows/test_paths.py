"""Every path has an end, and one that has none is named."""

from __future__ import annotations

import pytest
from hypothesis import given

from b2bua.calls.flow import (
    ALL_BUSY_OR_DECLINED,
    ANSWERED,
    HOLIDAY,
    NO_CHOICE,
    NOBODY_ANSWERED,
    OTHERWISE,
    PLAYED,
    Branch,
    Flow,
    HangUp,
    Menu,
    Play,
    Schedule,
    Voicemail,
    leads_to,
)
from b2bua.flows.paths import exits_of, path_problems, reached
from tests.b2bua.flows.samples import HELLO, dial, flow, flows


def problems(made: Flow) -> list[str]:
    return [str(problem) for problem in path_problems(made)]


def test_a_flow_that_ends_has_no_problem() -> None:
    choices = {"1": "first", "2": "mailbox", NO_CHOICE: "end"}
    made = flow(
        dial(exits={NOBODY_ANSWERED: "hours", ANSWERED: "menu"}),
        hours=Schedule("UTC", (Branch("open", ()),), (), {"open": "menu", OTHERWISE: "mailbox"}),
        menu=Menu(HELLO, exits=choices),
        mailbox=Voicemail("sales"),
    )
    assert path_problems(made) == []
    assert reached(made)["mailbox"] == ("first", "hours", "mailbox")


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (flow(dial(exits={})), 'first: the exit "nobody answered" leads nowhere. Name one of: first, end.'),
        (flow(Play(HELLO)), 'first: the exit "played" leads nowhere. Name one of: first, end.'),
        (
            flow(Menu(HELLO, exits={"1": "end"})),
            'first: the exit "no choice" leads nowhere. Name one of: first, end.',
        ),
        (
            flow(Schedule("UTC", (Branch("open", ()),), (), {"open": "end"})),
            'first: the exit "otherwise" leads nowhere. Name one of: first, end.',
        ),
        (
            flow(Schedule("UTC", (Branch("open", ()),), (), {OTHERWISE: "end"})),
            'first: the exit "open" leads nowhere. Name one of: first, end.',
        ),
        (
            flow(Play(HELLO, {PLAYED: "next"}), next=Play(HELLO, {PLAYED: "gone"})),
            'first → next: the exit "played" leads to "gone", which is not a step. Name one of: first, next, end.',
        ),
        (
            flow(dial(exits={NOBODY_ANSWERED: "end", ALL_BUSY_OR_DECLINED: "gone"})),
            'first: the exit "all busy or declined" leads to "gone", which is not a step.'
            " Name one of: first, end.",
        ),
        (Flow("main", 0, "gone", {"end": HangUp()}),
         ': there is no step "gone" to begin with. Name one of: end.'),
    ],
)  # fmt: skip
def test_an_exit_that_leads_nowhere(made: Flow, said: str) -> None:
    assert problems(made) == [said]


def test_a_ring_that_nobody_leaves_by_doing_nothing_is_named() -> None:
    made = flow(
        Play(HELLO, {PLAYED: "ring"}),
        ring=dial(exits={NOBODY_ANSWERED: "menu"}),
        menu=Menu(HELLO, exits={"1": "end", NO_CHOICE: "ring"}),
    )
    (problem,) = path_problems(made)
    assert (problem.step, problem.field) == ("menu", ("no_choice",))
    assert problem.path == ("first", "ring", "menu", "ring")
    assert problem.problem == "a call goes round in ring → menu → ring and never ends."


def test_a_ring_that_a_caller_chooses_is_none() -> None:
    made = flow(Menu(HELLO, exits={"9": "first", NO_CHOICE: "end"}))
    assert path_problems(made) == []
    again = flow(dial(exits={NOBODY_ANSWERED: "end", ANSWERED: "first"}))
    assert path_problems(again) == []


def test_where_the_setting_of_a_problem_is() -> None:
    branches = (Branch("open", ()), Branch("late", ()))
    made = flow(
        Schedule("UTC", branches, (), {"open": "end", "late": "gone", OTHERWISE: "end", HOLIDAY: "no"})
    )
    assert [problem.field for problem in path_problems(made)] == [("branches", 1, "then"), ("holiday",)]
    made = flow(Menu(HELLO, exits={"3": "gone", NO_CHOICE: "end"}))
    assert [problem.field for problem in path_problems(made)] == [("choices", "3")]


@given(flows)
def test_whoever_does_nothing_comes_to_an_end_unless_a_problem_says_otherwise(made: Flow) -> None:
    """Walk every flow without problems by exits that nobody chooses: it ends within as many steps as it has."""
    if path_problems(made):
        return
    waiting = [(made.first, 0)]
    while waiting:
        name, walked = waiting.pop()
        assert walked <= len(made.steps)
        step = made.steps[name]
        for leaving in exits_of(step):
            following = leads_to(step, leaving)
            is_chosen = leaving == ANSWERED or (isinstance(step, Menu) and leaving != NO_CHOICE)
            if following and not is_chosen:
                waiting.append((following, walked + 1))
