"""Simulated calls: what each party hears is what calls in the world hear, and the record is a call's record."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from b2bua.calls import flow as flows
from b2bua.calls.flow import (
    Dial,
    DialRecipient,
    Flow,
    HangUp,
    Menu,
    Mode,
    Play,
    Prompt,
    PromptKind,
    RecipientType,
    Voicemail,
)
from b2bua.calls.record import CallOutcome
from b2bua.config import Config, parse
from b2bua.simulate import Scene, Simulation, parse_behaviour, simulate
from b2bua.simulate.running import LATENCY

FILE = """\
[sip]
listen = ["udp:192.0.2.1:5060"]

[trunks.carrier]
sources = ["198.51.100.0/24"]
address = "sip:198.51.100.9"
caller_id_refusals = [403]

[numbers."+15550100"]
name = "Sales"
recipients = [{ name = "Ana", destination = "sip:ana@203.0.113.7" }]
"""

WHISPER = Prompt(PromptKind.SAY, "A call for {source} from {caller}.")
PRESS = Prompt(PromptKind.SAY, "Press one to take the call.")
TEAM = tuple(DialRecipient(name, f"sip:{name.lower()}@pbx.example") for name in ("Ana", "Ben", "Carl"))


def config() -> Config:
    return parse(FILE.encode(), Path("simulated.toml"))


def tried(
    step: flows.Step, recipients: dict[str, str], more: dict[str, flows.Step] | None = None, **scene: object
) -> Simulation:
    flow = Flow("main", 3, "ring", {"ring": step, **(more or {})})
    behaviours = {name: parse_behaviour(text) for name, text in recipients.items()}
    return simulate(flow, config(), Scene(recipients=behaviours, moment=1.7e9, **scene))  # type: ignore[arg-type]


def heard(simulation: Simulation, name: str) -> list[tuple[float, str]]:
    party = next(each for each in simulation.parties if each.name == name)
    return [(round(moment.at, 1), moment.heard.what) for moment in party.moments(simulation.seconds)]


def test_the_race() -> None:
    made = tried(Dial(TEAM), {"Ana": "answers:6", "Ben": "answers:8", "Carl": "busy"})
    assert made.record.answered_by == "Ana" and made.record.flow_version == 3
    ringing, talk, end = heard(made, "caller")[-3:]
    assert (ringing, talk, end) == (
        (0.2, "ringing, from his own network"),
        (6.0, "Ana"),
        (16.0, "has hung up"),
    )
    assert heard(made, "Ben")[-1] == (6.0, "no missed call")
    assert heard(made, "Carl")[-1][1] == "busy"


def test_a_recipient_behind_the_trunk_that_the_caller_comes_by() -> None:
    """Most trunks send from the address that they listen at."""
    text = FILE.replace("198.51.100.0/24", "198.51.100.9").replace("address =", 'allowed_prefixes = ["+1"]\naddress =')
    ben = DialRecipient("Ben", "+15550102", RecipientType.PHONE, "carrier")
    flow = Flow("main", 3, "ring", {"ring": Dial((ben,))})
    scene = Scene(recipients={"Ben": parse_behaviour("answers:6")}, moment=1.7e9)
    made = simulate(flow, parse(text.encode(), Path("simulated.toml")), scene)
    assert (made.record.outcome, made.record.answered_by) == (CallOutcome.ANSWERED, "Ben")


def test_a_voicemail_steals_the_call_and_press_one_stops_it() -> None:
    """Product 2.1: the reason for press 1."""
    said = {"Ana": "voicemail:4", "Ben": "answers:9"}
    assert tried(Dial(TEAM), said).record.answered_by == "Ana"
    asked = tried(Dial(TEAM, press_one=True, confirm_prompt=PRESS), said)
    assert asked.record.answered_by == "Ben"
    assert "“Press one to take the call.”" in [what for _, what in heard(asked, "Ana")]
    assert "the caller" not in [what for _, what in heard(asked, "Ana")], "no audio of the caller reaches it"


def test_the_caller_hears_ringing_through_the_whisper() -> None:
    made = tried(Dial(TEAM[:1], whisper=WHISPER), {"Ana": "answers:5"})
    whisper = [
        at
        for at, what in heard(made, "Ana")
        if what.startswith("“A call for main") or "from +15550199" in what
    ]
    talk = next(at for at, what in heard(made, "Ana") if what == "the caller")
    assert whisper and whisper[0] == pytest.approx(5.0, abs=0.2) and talk > whisper[0] + 1
    between = [what for at, what in heard(made, "caller") if whisper[0] < at < talk]
    assert between == [], "nothing changes for him meanwhile"


def test_turns() -> None:
    made = tried(
        Dial(TEAM, mode=Mode.TURNS, ring_time=10.0), {"Ana": "busy", "Ben": "ignores", "Carl": "answers:3"}
    )
    assert made.record.answered_by == "Carl" and 13.0 < (made.record.answered_at or 0) / 1e6 - 1.7e9 < 13.5


def test_a_caller_who_comes_back() -> None:
    """Carl has taken his last call: he is rung first, and then the others in turn."""
    step = Dial(TEAM, mode=Mode.TURNS, ring_time=10.0, sticky=30)
    made = tried(step, {"Carl": "answers:3"}, sticky_to="Carl")
    assert made.record.answered_by == "Carl"
    assert [each.name for each in made.record.recipients if each.invited_at] == ["Carl"]
    made = tried(step, {"Ana": "answers:3", "Carl": "busy"}, sticky_to="Carl", caller="+442079460000")
    assert made.record.answered_by == "Ana"
    assert [each.name for each in made.record.recipients if each.invited_at] == ["Ana", "Carl"]
    made = tried(dataclasses.replace(step, sticky=0), {"Ana": "answers:3", "Carl": "answers:3"}, sticky_to="Carl")
    assert made.record.answered_by == "Ana"


def test_nobody_and_a_message() -> None:
    made = tried(
        Dial(TEAM, ring_time=20.0, exits={flows.NOBODY_ANSWERED: "box"}),
        {"Ana": "unreachable", "Ben": "declines:4"},
        {"box": Voicemail("sales", Prompt(PromptKind.SAY, "Please leave a message."))},
        speaks=7.0,
    )
    assert made.record.outcome is CallOutcome.VOICEMAIL
    assert [name for _, name in made.steps] == ["ring", "box"]
    assert heard(made, "Ana")[-2:] == [(0.0, "is called, and cannot be reached"), (4.0, "not reachable")]
    assert (20.0, "a missed call") in [(round(at), what) for at, what in heard(made, "Carl")]


def test_a_menu_and_a_key() -> None:
    menu = Menu(PRESS, exits={"1": "team", flows.NO_CHOICE: "end"})
    made = tried(menu, {"Ana": "answers:2"}, {"team": Dial(TEAM), "end": HangUp()}, keys=((4.0, "1"),))
    assert made.record.answered_by == "Ana" and "our ringing tone (us)" in [
        what for _, what in heard(made, "caller")
    ]
    none = tried(menu, {}, {"team": Dial(TEAM), "end": HangUp()})
    assert none.record.outcome is CallOutcome.SERVED


def test_the_caller_gives_up() -> None:
    made = tried(Dial(TEAM), {}, hangs_up_after=7.5)
    assert made.record.outcome is CallOutcome.ABANDONED and made.seconds == pytest.approx(7.5, abs=0.1)
    assert {what for name in ("Ana", "Ben", "Carl") for _, what in heard(made, name)[-1:]} == {
        "a missed call"
    }


def test_the_recipient_hangs_up() -> None:
    made = tried(Dial(TEAM[:1]), {"Ana": "answers:2,talks=5"})
    assert made.record.ended_by == "Ana" and made.seconds == pytest.approx(7.0, abs=0.2)


def test_a_message_travels_for_a_while() -> None:
    made = tried(Dial(TEAM[:1]), {"Ana": "answers:2"})
    invite, trying, to_ana = made.record.trace[:3]
    assert invite.received and not trying.received and to_ana.leg == 1
    assert LATENCY > 0 and made.record.trace[-1].at > made.record.started_at


def test_it_is_the_same_each_time() -> None:
    first, second = (tried(Dial(TEAM), {"Ana": "answers:6"}).as_json() for _ in range(2))
    assert first == second


def test_as_json_and_as_text() -> None:
    made = tried(Dial(TEAM), {"Ana": "answers:6"})
    told = json.loads(json.dumps(made.as_json()))
    assert told["answered_by"] == "Ana" and told["parties"][0]["name"] == "caller"
    assert {party["name"] for party in told["parties"]} == {"caller", "Ana", "Ben", "Carl"}
    text = "\n".join(made.lines())
    assert text.startswith("Ana answered after 6.0 s") and "|--INVITE" in text


def test_a_closed_line() -> None:
    made = tried(
        Play(Prompt(PromptKind.SAY, "We are closed."), exits={flows.PLAYED: "end"}), {}, {"end": HangUp()}
    )
    assert "“We are closed.”" in [what for _, what in heard(made, "caller")]
    assert made.record.outcome is CallOutcome.SERVED


def test_somebody_who_is_not_there() -> None:
    with pytest.raises(ValueError, match="nobody is called Zoe in main; there are Ana, Ben, Carl"):
        tried(Dial(TEAM), {"Zoe": "busy"})
    with pytest.raises(ValueError, match="nobody is called Zoe in main; there are Ana, Ben, Carl"):
        tried(Dial(TEAM), {}, sticky_to="Zoe")


def test_no_trunk_sends_calls() -> None:
    flow = Flow("main", 1, "end", {"end": HangUp()})
    made = config()
    made = dataclasses.replace(made, trunks={})
    with pytest.raises(ValueError, match="nobody who could call"):
        simulate(flow, made, Scene(moment=1.7e9))


def test_what_the_caller_hears_last_is_told_though_the_record_is_closed_by_then() -> None:
    made = tried(Dial(TEAM[:2]), {"Ana": "busy", "Ben": "busy"})
    assert heard(made, "caller")[-1][1] == "a busy tone, from his own network (486)"


def test_the_talk_ends_with_the_talk_and_not_with_the_flow() -> None:
    """Ana hangs up after twenty seconds; what the flow says to the caller after her is no talk."""
    made = tried(
        Dial(TEAM[:1], exits={flows.ANSWERED: "ask"}),
        {"Ana": "answers:4,talks=20"},
        {"ask": Menu(PRESS, tries=1, exits={flows.NO_CHOICE: "end"}), "end": HangUp()},
    )
    assert made.record.sentence == "Ana answered after 4.0 s; talked 20 s; the flow ended"
    assert made.as_json()["sentence"] == made.record.sentence


def test_without_recipients_nothing_stands_below() -> None:
    made = tried(Play(PRESS, exits={flows.PLAYED: "end"}), {}, {"end": HangUp()})
    assert made.lines(with_ladder=False)[-1].endswith("the call is over")
