"""What is said of a whole flow."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from b2bua.calls.flow import (
    ANSWERED,
    NO_CHOICE,
    NOBODY_ANSWERED,
    OTHERWISE,
    PLAYED,
    Branch,
    Dial,
    Flow,
    Menu,
    Mode,
    Opening,
    Play,
    Prompt,
    PromptKind,
    Schedule,
    Step,
    Voicemail,
)
from b2bua.flows.facts import Facts
from b2bua.flows.lint import lint, ringing_time
from b2bua.flows.remarks import Remark
from tests.b2bua.flows.samples import ANA, BEN, HELLO, dial, flow, flows

TONE = Prompt(PromptKind.TONE, "us")
KNOWN = Facts(speech_installed=True, tones=frozenset({"us", "de"}), answer_limit=60.0)


def only(made: Flow, facts: Facts = KNOWN) -> Remark:
    found = lint(made, facts)
    assert len(found) == 1, [str(remark) for remark in found]
    return found[0]


def test_a_good_flow_has_no_remark() -> None:
    made = flow(
        Schedule("UTC", (Branch("open", (Opening(0, 0, 60),)),), (), {"open": "ring", OTHERWISE: "mailbox"}),
        ring=dial(exits={NOBODY_ANSWERED: "mailbox", ANSWERED: "end"}),
        mailbox=Voicemail("sales", HELLO),
    )
    assert lint(made, KNOWN) == []


def test_a_path_without_an_end_is_an_error_and_names_the_path() -> None:
    made = flow(Play(HELLO, {PLAYED: "ring"}), ring=dial(exits={}, caller_hears=TONE))
    remark = next(remark for remark in lint(made, KNOWN) if remark.severity == "error")
    assert str(remark) == (
        'error: ring.nobody_answered: first → ring: the exit "nobody answered" leads nowhere.'
        " Name one of: first, ring, end."
    )


def test_a_step_that_no_call_comes_to() -> None:
    remark = only(flow(dial(), lonely=Voicemail("sales", HELLO)))
    assert str(remark) == "warning: lonely: no call comes to this step. Lead an exit to it, or remove it."


def test_errors_come_first() -> None:
    made = flow(
        dial(exits={NOBODY_ANSWERED: "menu"}), menu=Menu(HELLO, exits={NO_CHOICE: "end"}), other=dial()
    )
    assert [remark.severity for remark in lint(made, KNOWN)] == ["error", "warning"]


# Menus, schedules, voicemail.


def test_a_menu_without_a_choice() -> None:
    remark = only(flow(Menu(HELLO, exits={NO_CHOICE: "end"})))
    assert (remark.severity, remark.text) == ("error", "nothing can be chosen.")


def test_a_menu_without_a_way_out() -> None:
    found = lint(flow(Menu(HELLO, exits={"1": "first", "2": "first", NO_CHOICE: "first"})), KNOWN)
    texts = [remark.text for remark in found if remark.severity == "error"]
    assert "there is no way out of this menu: every choice leads back to it." in texts
    assert lint(flow(Menu(HELLO, exits={"1": "first", NO_CHOICE: "end"})), KNOWN) == []


def test_a_branch_without_hours() -> None:
    remark = only(flow(Schedule("UTC", (Branch("open", ()),), (), {"open": "end", OTHERWISE: "end"})))
    assert (remark.place, remark.text) == ("first.branches[1]", '"open" has no hours: it is never taken.')


def test_a_mailbox_without_a_greeting() -> None:
    assert (
        "hears nothing before the tone"
        in only(
            flow(dial(exits={NOBODY_ANSWERED: "box"}), box=Voicemail("s", exits={"recorded": "end"}))
        ).text
    )


# Prompts.


@pytest.mark.parametrize(
    ("prompt", "facts", "severity", "said"),
    [
        (HELLO, Facts(speech_installed=False), "error", "espeak-ng is not installed here"),
        (Prompt(PromptKind.SAY, "{who}?"), KNOWN, "warning", "{who} stands for nothing"),
        (
            Prompt(PromptKind.PLAY, "a.wav"),
            Facts(missing_files=frozenset({"a.wav"})),
            "error",
            "there is no file a.wav: silence would be heard.",
        ),
        (
            Prompt(PromptKind.PLAY, "a.wav"),
            Facts(unplayable_files={"a.wav": "it is no sound", "b.wav": "nor is it"}),
            "error",
            "a.wav cannot be played (it is no sound): silence would be heard.",
        ),
        (Prompt(PromptKind.TONE, "xx"), KNOWN, "error", 'the ringing tone of "xx" is not known.'),
    ],
)
@pytest.mark.parametrize(
    "place", ["whisper", "confirm_prompt", "too_late", "caller_hears", "prompt", "greeting"]
)
def test_a_prompt_that_would_not_be_heard(
    prompt: Prompt, facts: Facts, severity: str, said: str, place: str
) -> None:
    steps: dict[str, Step] = {
        "prompt": Play(prompt, {PLAYED: "end"}),
        "greeting": Voicemail("sales", prompt),
    }
    step = steps.get(place) or dial(**{place: prompt})
    found = lint(flow(step), facts)
    (remark,) = [remark for remark in found if remark.text != "no call comes to this step."]
    assert remark.severity == severity
    assert remark.place.startswith(f"first.{place}")
    assert said in remark.text


def test_what_is_not_known_is_not_checked() -> None:
    assert lint(flow(dial(whisper=HELLO, caller_hears=Prompt(PromptKind.TONE, "xx"))), Facts()) == []


# How long it rings.


@pytest.mark.parametrize(
    ("made", "seconds"),
    [
        (dial(ring_time=20), 20),
        (dial(ring_time=20, press_one=True, confirm_time=8), 28),
        (dial(ANA, BEN, ring_time=20, mode=Mode.TURNS), 40),
        (dial(ANA, BEN, ring_time=20, mode=Mode.ONE), 20),
    ],
)
def test_how_long_a_step_may_ring(made: Dial, seconds: float) -> None:
    assert ringing_time(made) == seconds


def ring(following: str, **settings: Any) -> Dial:
    return dial(exits={NOBODY_ANSWERED: following}, **settings)


def test_ringing_for_longer_than_the_trunk_waits() -> None:
    made = flow(ring("second", ring_time=40), second=ring("end", ring_time=25))
    remark = only(made)
    assert (remark.severity, remark.place) == ("warning", "second.ring_time")
    assert remark.text == (
        "a call may ring for 65 s by the end of this step (first → second), but the trunk gives up after 60 s."
    )
    assert lint(made, Facts(answer_limit=65.0)) == []
    assert lint(made, Facts()) == []


def test_the_longest_path_counts_and_what_is_answered_does_not() -> None:
    by_the_clock = Schedule(
        "UTC", (Branch("open", (Opening(0, 0, 60),)),), (), {"open": "last", OTHERWISE: "long"}
    )
    made = flow(by_the_clock, long=ring("last", ring_time=40), last=ring("end", ring_time=30))
    assert "(first → long → last)" in only(made).text
    answered = flow(Play(HELLO, {PLAYED: "ring"}), ring=ring("end", ring_time=200, caller_hears=TONE))
    assert lint(answered, KNOWN) == []


def test_what_rings_after_a_talk_is_not_waited_for() -> None:
    first = dial(ring_time=40, exits={NOBODY_ANSWERED: "end", ANSWERED: "again"})
    assert lint(flow(first, again=ring("end", ring_time=40)), KNOWN) == []


def test_many_steps_with_two_ways_each_are_checked_in_no_time() -> None:
    steps: dict[str, Step] = {}
    for number in range(60):
        exits = {NOBODY_ANSWERED: f"s{number + 1}", "all busy or declined": f"s{min(number + 2, 60)}"}
        steps[f"s{number}"] = dial(exits=exits, ring_time=5)
    steps["s60"] = Voicemail("sales", HELLO)
    found = lint(Flow("main", 0, "s0", steps), KNOWN)
    assert len(found) == 60 - 12  # 12 steps ring for 60 s


# Silence.


def test_who_is_rung_after_the_call_was_answered_is_no_silence() -> None:
    """The caller's own phone makes no ringing any more, but we do, with or without caller_hears."""
    for parts in ({}, {"caller_hears": TONE}):
        made = flow(Menu(HELLO, exits={"1": "ring", NO_CHOICE: "end"}), ring=dial(**parts))
        assert lint(made, KNOWN) == []


@given(flows)
def test_any_draft_can_be_checked(made: Flow) -> None:
    for remark in lint(made, KNOWN):
        assert remark.text and remark.remedy
        assert remark.step in made.steps or remark.step == ""
