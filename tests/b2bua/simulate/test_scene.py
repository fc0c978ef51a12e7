"""What a recipient does, and when it is, as people write it."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from b2bua.simulate import Behaviour, Manner, Scene, parse_behaviour, parse_moment
from b2bua.simulate.scene import keys_in

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 18, 12, 0, tzinfo=BERLIN)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "behaviour"),
    [
        ("answers:6", Behaviour(Manner.ANSWERS, 6.0, "1")),
        ("Answers:0.5, talks=30", Behaviour(Manner.ANSWERS, 0.5, "1", talks=30.0)),
        ("answers:6,silent", Behaviour(Manner.ANSWERS, 6.0, "")),
        ("answers:6,presses=2@3", Behaviour(Manner.ANSWERS, 6.0, "2", 3.0)),
        ("answers:6,presses=*", Behaviour(Manner.ANSWERS, 6.0, "*", 1.5)),
        ("voicemail:20", Behaviour(Manner.VOICEMAIL, 20.0, "", 0.0)),
        ("busy", Behaviour(Manner.BUSY, 0.0, "", 0.0)),
        ("busy:2", Behaviour(Manner.BUSY, 2.0, "", 0.0)),
        ("unreachable", Behaviour(Manner.UNREACHABLE, 0.0, "", 0.0)),
    ],
)
def test_what_a_recipient_does(text: str, behaviour: Behaviour) -> None:
    assert parse_behaviour(text) == behaviour


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dances:3", "nothing that a recipient does"),
        ("answers", "say after how many seconds: answers:6"),
        ("answers:soon", "no number of seconds"),
        ("answers:-1", "not between"),
        ("answers:nan", "not between"),
        ("answers:6,shouts", "not understood"),
        ("answers:6,presses=12", "no key"),
        ("answers:6,presses=1@x", "no number of seconds"),
    ],
)
def test_what_is_not_understood_is_said(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_behaviour(text)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("", NOW),
        ("Wed 12:00", NOW),
        ("wednesday 11:59", datetime(2026, 11, 25, 11, 59, tzinfo=BERLIN)),
        ("Tue 18:05", datetime(2026, 11, 24, 18, 5, tzinfo=BERLIN)),
        ("2026-12-24T18:05", datetime(2026, 12, 24, 18, 5, tzinfo=BERLIN)),
        ("2026-12-24T18:05+00:00", datetime(2026, 12, 24, 19, 5, tzinfo=BERLIN)),
    ],
)
def test_when_it_is(text: str, moment: datetime) -> None:
    assert parse_moment(text, NOW) == moment.timestamp()


@pytest.mark.parametrize("text", ["soon", "Tue 25:00", "Xyz 10:00", "Tue 10:99"])
def test_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="is no time"):
        parse_moment(text, NOW)


def test_a_scene_as_json() -> None:
    scene = Scene.from_json(
        {"caller": "+1", "at": "Tue 18:05", "recipients": {"Ana": "busy"}, "keys": [[8, "1"]], "talks": 3},
        NOW,
    )
    assert (scene.caller, scene.keys, scene.talks) == ("+1", ((8.0, "1"),), 3.0)
    assert scene.recipients["Ana"].manner is Manner.BUSY
    assert Scene.from_json({"sticky_to": "Ana"}, NOW).sticky_to == "Ana"
    assert Scene.from_json({}, NOW) == Scene(moment=NOW.timestamp())


@pytest.mark.parametrize(
    ("said", "field"),
    [
        ({"recipients": {"Ana": "dances"}}, "recipients.Ana:"),
        ({"recipients": ["Ana"]}, "recipients:"),
        ({"at": "soon"}, "at:"),
        ({"keys": [8]}, "keys:"),
        ({"keys": [[8, "11"]]}, "keys:"),
        ({"talks": "long"}, "talks:"),
    ],
)
def test_what_is_wrong_with_a_scene_is_said_with_its_field(said: dict[str, object], field: str) -> None:
    with pytest.raises(ValueError, match=f"^{field}"):
        Scene.from_json(said, NOW)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("x:1", "'x' is no number of seconds"),
        ("-1:1", "-1 s is not between 0 and 3600"),
        ("3:12", "'3:12' is not seconds and a key, such as 8:1"),
        ("3", "'3' is not seconds and a key, such as 8:1"),
    ],
)
def test_a_key_of_the_caller_that_is_none(text: str, problem: str) -> None:
    assert keys_in("8:#") == (8.0, "#")
    with pytest.raises(ValueError, match=re.escape(problem)):
        keys_in(text)
