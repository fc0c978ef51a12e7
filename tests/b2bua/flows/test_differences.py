"""Changes of a flow in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given

from b2bua.calls.flow import (
    HOLIDAY,
    NOBODY_ANSWERED,
    OTHERWISE,
    Branch,
    Elsewhere,
    Flow,
    HangUp,
    Holiday,
    Mode,
    Opening,
    Prompt,
    PromptKind,
    Schedule,
    Voicemail,
)
from b2bua.flows.differences import differences
from tests.b2bua.flows.samples import ANA, BEN, HELLO, dial, flow, flows


def of_step(before: Any, after: Any) -> list[str]:
    return [line.removeprefix("first: ") for line in differences(flow(before), flow(after))]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"ring_time": 25.0}, "ring time 30 s → 25 s"),
        ({"press_one": True}, "press 1 on"),
        ({"mode": Mode.TURNS}, "mode everyone → turns"),
        ({"whisper": HELLO}, 'whisper none → say "Hello."'),
        ({"caller_hears": Prompt(PromptKind.TONE, "us")}, "caller hears none → tone us"),
        ({"caller_id": "tracking"}, "caller ID as the trunk says → tracking"),
        ({"display_prefix": "Sales: "}, "display prefix none → Sales: "),
        ({"timeout_status": 408}, "timeout status 480 → 408"),
        ({"sticky": 30}, "sticky never → 30 days"),
        ({"sticky": 1}, "sticky never → 1 day"),
        ({"answered_elsewhere": Elsewhere.ALWAYS_HIDE}, "answered elsewhere hide → always hide"),
        ({"decline_codes": (603, 480)}, "decline codes 603 → 603, 480"),
        ({"decline_codes": ()}, "decline codes 603 → none"),
        ({"exits": {NOBODY_ANSWERED: "box"}}, "nobody answered → box (was end)"),
        ({"exits": {}}, "nobody answered → nowhere (was end)"),
    ],
)
def test_a_setting_of_a_step(changed: dict[str, Any], said: str) -> None:
    assert of_step(dial(), replace(dial(), **changed)) == [said]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"press_one": True}, "Ben: press 1 on"),
        ({"is_on": False}, "Ben: turned off"),
        ({"stop_after": 20.0}, "Ben: stop after the end → 20 s"),
        ({"extension": "w21"}, "Ben: extension none → w21"),
        ({"destination": "+15550103"}, "Ben: destination +15550102 → +15550103"),
        ({"nat": False}, "Ben: nat off"),
    ],
)
def test_a_setting_of_a_recipient(changed: dict[str, Any], said: str) -> None:
    assert of_step(dial(ANA, BEN), dial(ANA, replace(BEN, **changed))) == [said]


def test_a_setting_that_goes_back_to_what_the_step_says() -> None:
    asked = replace(BEN, press_one=True)
    assert of_step(dial(asked), dial(BEN)) == ["Ben: press 1 on → as the step says"]
    assert of_step(dial(asked), dial(replace(BEN, press_one=False))) == ["Ben: press 1 on → off"]


def test_recipients_come_and_go_and_change_places() -> None:
    assert of_step(dial(ANA), dial(ANA, BEN)) == ["Ben: added, +15550102"]
    assert of_step(dial(ANA, BEN), dial(ANA)) == ["Ben: removed"]
    assert of_step(dial(ANA, BEN), dial(BEN, ANA)) == ["order: Ben, Ana"]


def test_steps_come_and_go() -> None:
    before, after = flow(dial()), flow(dial(), box=Voicemail("sales"))
    assert differences(before, after) == ["box: added, a voicemail step"]
    assert differences(after, before) == ["box: removed"]
    assert differences(flow(dial()), flow(HangUp())) == ["first: a dial step → a hang-up step"]
    assert differences(before, replace(before, first="end")) == ["begins with first → end"]


def test_hours_and_holidays() -> None:
    def schedule(openings: tuple[Opening, ...], holidays: tuple[Holiday, ...] = (), **exits: str) -> Schedule:
        return Schedule("UTC", (Branch("open", openings),), holidays, {OTHERWISE: "end", **exits})

    before = schedule((Opening(4, 540, 1080),), (Holiday(12, 25, 0, "Christmas"),))
    after = schedule((Opening(4, 540, 960),), (Holiday(3, 26, 2027),), **{HOLIDAY: "end"})
    assert of_step(before, after) == [
        "open: no more fri 9:00-18:00",
        "open: also fri 9:00-16:00",
        "no more holiday: Christmas 12-25",
        "holiday: 2027-03-26",
        "holiday → end (was nowhere)",
    ]


@given(flows, flows)
def test_flows_differ_when_something_is_said(one: Flow, other: Flow) -> None:
    assert differences(one, one) == []
    other = replace(other, name=one.name)
    if one.first != other.first or set(one.steps) != set(other.steps):
        assert differences(one, other)
