"""Call flows in the configuration file: what they become, and what each mistake says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from b2bua.calls.flow import (
    ALL_BUSY_OR_DECLINED,
    HOLIDAY,
    NO_CHOICE,
    NOBODY_ANSWERED,
    OTHERWISE,
    Dial,
    DialRecipient,
    Elsewhere,
    HangUp,
    Holiday,
    Menu,
    Opening,
    Prompt,
    PromptKind,
    RecipientType,
    Schedule,
)
from b2bua.config import Config, ConfigError, Finding, Severity, flow_facts, parse
from b2bua.config.flow_facts import facts_of
from b2bua.config.loading import flows_in
from b2bua.config.reaching import dial_step, reached
from b2bua.flows.facts import TrunkFacts

SMALL = """\
[sip]
listen = ["udp:127.0.0.1:5060"]
[trunks.carrier]
sources = ["192.0.2.0/24"]
address = "sip:carrier.example;transport=tcp"
allowed_prefixes = ["+1"]
caller_id = "dialled"
[trunks.pbx]
address = "sip:10.0.0.2"
nat = false
[numbers."+15550100"]
flow = "main"
[flows.main]
first = "ring"
[flows.main.dial.ring]
nobody_answered = "end"
recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.9" }]
[flows.main.hang_up.end]
"""


@pytest.fixture(autouse=True)
def speech(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_facts, "speech_is_installed", lambda: True)


def parsed(text: str, directory: Path = Path("/etc/multiring")) -> Config:
    return parse(text.encode(), directory / "multiring.toml", lambda version: "198.51.100.7")


def findings(text: str) -> list[Finding]:
    try:
        return list(parsed(text).findings)
    except ConfigError as problem:
        return list(problem.findings)


def only(text: str) -> Finding:
    found = findings(text)
    assert len(found) == 1, [str(finding) for finding in found]
    return found[0]


def small(old: str, new: str) -> str:
    assert old in SMALL
    return SMALL.replace(old, new)


def ring_of(config: Config) -> Dial:
    step = config.flows["main"].steps["ring"]
    assert isinstance(step, Dial)
    return step


# What it becomes.


def test_a_small_flow() -> None:
    config = parsed(SMALL)
    assert config.findings == ()
    number = config.numbers["+15550100"]
    assert (number.flow_name, number.flow) == ("main", config.flows["main"])
    assert [recipient.uri for recipient in number.step.recipients] == ["sip:ana@192.0.2.9"]
    assert config.flows["main"].steps["end"] == HangUp()


def test_a_number_with_recipients_is_a_flow_of_a_dial_step_and_a_hang_up() -> None:
    text = small('flow = "main"\n', """\
recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.9", username = "ana", password = "x" },
              { name = "Ben", destination = "sip:ben@192.0.2.9", enabled = false }]
ring_time = 12
answered_elsewhere = false
media_timeout = 7
""")  # fmt: skip
    number = parsed(text).numbers["+15550100"]
    assert number.flow is not None and number.flow_name == ""
    ring = number.flow.steps[number.flow.first]
    assert isinstance(ring, Dial)
    assert ring.exits == {NOBODY_ANSWERED: "end"}
    assert number.flow.steps["end"] == HangUp()
    assert (ring.ring_time, ring.answered_elsewhere) == (12, Elsewhere.SHOW)
    assert [(recipient.name, recipient.is_on) for recipient in ring.recipients] == [
        ("Ana", True),
        ("Ben", False),
    ]
    assert dial_step(ring, number.media_timeout) == number.step
    assert number.step.recipients[0].credentials[0].username == "ana"
    assert number.media_timeout == 7


def test_the_way_to_each_recipient() -> None:
    text = small('recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.9" }]', """\
recipients = [
    { name = "Ana", destination = "sip:ana@192.0.2.9" },
    { name = "Ben", destination = "+1 555-0102", type = "phone", trunk = "carrier", stop_after = 20 },
    { name = "Carl", destination = "sip:201@pbx.example", trunk = "pbx", unreachable_after = 2 },
    { name = "Dora", destination = "sip:202@pbx.example", trunk = "pbx", nat = true, interface = "default" },
]
redirect = "follow"
""")  # fmt: skip
    ways = [recipient.way for recipient in ring_of(parsed(text)).recipients]
    assert all(way is not None and way.follow_redirects == 1 for way in ways)
    ana, ben, carl, dora = (way for way in ways if way is not None)
    assert (ana.uri, ana.route, ana.nat, ana.recipe.from_user) == ("sip:ana@192.0.2.9", "", True, "caller")
    assert (ben.uri, ben.stop_after) == ("sip:+15550102@carrier.example;transport=tcp", 20)
    assert ben.recipe.from_user == "dialled"
    assert (carl.uri, carl.route, carl.nat) == ("sip:201@pbx.example", "sip:10.0.0.2;lr", False)
    assert carl.unreachable_after == 2
    assert (dora.nat, dora.media_interface) == (True, "default")


@pytest.mark.parametrize(
    ("caller_id", "shown"),
    [("caller", "caller"), ("tracking", "dialled"), ("+1 555 0199", "+15550199"), ("", "dialled")],
)
def test_the_number_shown(caller_id: str, shown: str) -> None:
    ben = '[{ name = "Ben", destination = "+15550102", type = "phone", trunk = "carrier" }]'
    text = small('[{ name = "Ana", destination = "sip:ana@192.0.2.9" }]', f'{ben}\ncaller_id = "{caller_id}"')
    way = ring_of(parsed(text)).recipients[0].way
    assert way is not None
    assert way.recipe.from_user == shown


@pytest.mark.parametrize(
    ("caller_id", "refusals", "second"),
    [("caller", "", "dialled"), ("+15550199", "", "dialled"), ("tracking", "", None), ("caller", "[]", None)],
)
def test_what_is_shown_when_the_trunk_refuses(caller_id: str, refusals: str, second: str | None) -> None:
    ben = '[{ name = "Ben", destination = "+15550102", type = "phone", trunk = "carrier" }]'
    text = small('[{ name = "Ana", destination = "sip:ana@192.0.2.9" }]', f'{ben}\ncaller_id = "{caller_id}"')
    if refusals:
        text = text.replace("[trunks.carrier]\n", f"[trunks.carrier]\ncaller_id_refusals = {refusals}\n")
    way = ring_of(parsed(text)).recipients[0].way
    assert way is not None
    assert (None if way.second_recipe is None else way.second_recipe.from_user) == second
    assert way.caller_id_refusals == (() if refusals else (403, 603, 606))


def test_what_a_dial_step_asks_reaches_the_fork() -> None:
    text = small('recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.9" }]', """\
recipients = [
    { name = "Ana", destination = "sip:ana@192.0.2.9", extension = "ww214", press_one = false, weight = 3 },
    { name = "Ben", destination = "sip:ben@192.0.2.9" },
]
mode = "turns"
press_one = true
whisper = { say = "hello" }
confirm_prompt = { say = "press 1" }
too_late = { say = "too late" }
confirm_time = 12
decline = "everyone"
decline_codes = [603, 480]
answered_elsewhere = "always hide"
""")  # fmt: skip
    step = dial_step(ring_of(parsed(text)))
    ana, ben = step.recipients
    assert (ana.extension, ana.press_one, ana.is_once) == ("ww214", False, True)
    assert (ben.extension, ben.press_one) == ("", True)
    assert step.takes_turns and step.decline_ends and step.confirm_time == 12
    assert step.decline_codes == (603, 480) and step.answered_elsewhere and step.hides_always
    assert (ana.weight, ben.weight) == (3, 1)
    assert step.whisper is not None and step.confirm_prompt is not None and step.too_late is not None
    assert step.screens(ana) and step.screens(ben)


@pytest.mark.parametrize(
    ("elsewhere", "told"), [("hide", (True, False)), ("show", (False, False)), ("always hide", (True, True))]
)
def test_what_phones_show_reaches_the_fork(elsewhere: str, told: tuple[bool, bool]) -> None:
    ana = 'recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.9" }]'
    step = dial_step(ring_of(parsed(small(ana, f'{ana}\nanswered_elsewhere = "{elsewhere}"'))))
    assert (step.answered_elsewhere, step.hides_always) == told


@pytest.mark.parametrize(
    "wrong",
    [
        *("sticky = -1", "sticky = 366", "sticky = 1.5", "decline_codes = [200]", "decline_codes = [700]"),
        'answered_elsewhere = "never"',
    ],
)
def test_what_turns_and_declines_cannot_be(wrong: str) -> None:
    ana = 'recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.9" }]'
    finding = only(small(ana, f"{ana}\n{wrong}"))
    assert finding.severity is Severity.ERROR and wrong.partition(" ")[0] in str(finding)


@pytest.mark.parametrize("weight", ["0", "101", "1.5"])
def test_a_weight_is_from_1_to_100(weight: str) -> None:
    ana = 'recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.9"'
    assert "weight" in str(only(small(f"{ana} }}]", f"{ana}, weight = {weight} }}]")))


def test_one_whose_trunk_is_gone_has_no_way() -> None:
    config = parsed(SMALL)
    ben = DialRecipient("Ben", "+15550102", RecipientType.PHONE, "gone")
    flow = config.flows["main"]
    made = reached(type(flow)("main", 3, "ring", {"ring": Dial((ben,))}), config.trunks)
    ring = made.steps["ring"]
    assert isinstance(ring, Dial)
    assert ring.recipients[0].way is None and made.version == 3
    assert dial_step(ring).recipients == ()


def test_a_flow_that_is_in_the_database() -> None:
    text = SMALL.partition("[flows.main]")[0]
    number = parsed(text).numbers["+15550100"]
    assert (number.flow_name, number.flow, number.step.recipients) == ("main", None, ())
    warned = only(small('flow = "main"', 'flow = "mian"'))
    assert (warned.severity, warned.line) == (Severity.WARNING, 12)
    assert 'flow: "mian" is not in this file' in str(warned)


def test_every_kind_of_step() -> None:
    text = small("[flows.main.hang_up.end]", """\
[flows.main.menu.choice]
prompt = { say = "1 or 2?", voice = "en" }
choices = { 1 = "ring", "*" = "end" }
no_choice = "hours"
[flows.main.schedule.hours]
time_zone = "Europe/Berlin"
holidays = { 12-25 = "Christmas", 2028-02-29 = "Leap" }
otherwise = "box"
[[flows.main.schedule.hours.branches]]
name = "night"
hours = { fri = ["22:00-6:00"], mon-tue = ["09:00 - 12:00"], sun = ["0:00-24:00"] }
then = "box"
[flows.main.voicemail.box]
mailbox = "sales"
[flows.main.hang_up.end]
""").replace('first = "ring"', 'first = "choice"')  # fmt: skip
    steps = parsed(text).flows["main"].steps
    assert steps["choice"] == Menu(
        Prompt(PromptKind.SAY, "1 or 2?", "en"), exits={"1": "ring", "*": "end", NO_CHOICE: "hours"}
    )
    hours = steps["hours"]
    assert isinstance(hours, Schedule)
    assert hours.exits == {"night": "box", OTHERWISE: "box"}
    assert hours.holidays == (Holiday(12, 25, 0, "Christmas"), Holiday(2, 29, 2028, "Leap"))
    assert hours.branches[0].openings == (
        Opening(0, 540, 720),
        Opening(1, 540, 720),
        Opening(4, 1320, 1440),
        Opening(5, 0, 360),
        Opening(6, 0, 1440),
    )


def test_exits_that_are_not_written_are_not_there() -> None:
    ring = ring_of(parsed(small('"end"\n', '"end"\nall_busy_or_declined = "end"\n')))
    assert ring.exits == {NOBODY_ANSWERED: "end", ALL_BUSY_OR_DECLINED: "end"}
    assert HOLIDAY not in ring.exits


# Mistakes.


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("nobody_answered", "nobody_answers", 16,
         'flows.main.dial.ring.nobody_answers: there is no such setting. Did you mean "nobody_answered"?'),
        ('"end"\n', '"end"\nring_time = 3\n', 17,
         "flows.main.dial.ring.ring_time: is 3, out of bounds. Write at least 5."),
        ('"end"\n', '"end"\nwhisper = { sya = "x" }\n', 17,
         'flows.main.dial.ring.whisper.sya: there is no such setting. Did you mean "say"?'),
        ('"end"\n', '"end"\nwhisper = { say = "x", tone = "us" }\n', 17,
         "flows.main.dial.ring.whisper: has more than one thing to hear."),
        ('"end"\n', '"end"\nwhisper = {}\n', 17,
         "flows.main.dial.ring.whisper: has nothing to hear."),
        ('"end"\n', '"end"\nwhisper = { tone = "US" }\n', 17,
         'flows.main.dial.ring.whisper.tone: "US" is not a country.'),
        ('"end"\n', '"end"\nwhisper = { tone = "us", voice = "en" }\n', 17,
         "flows.main.dial.ring.whisper.voice: belongs to say."),
        ('"end"\n', '"end"\ncaller_id = "me"\n', 17, 'flows.main.dial.ring.caller_id: "me" cannot be shown.'),
        ("sip:ana@192.0.2.9", "ana", 17,
         'flows.main.dial.ring.recipients[1].destination: "ana" is not a SIP URI. Write it like'),
        ('.9"', '.9", extension = "2-1"', 17, 'recipients[1].extension: "2-1" cannot be dialled.'),
        ('.9"', '.9", trunk = "gone"', 17, 'recipients[1].trunk: there is no trunk "gone".'),
        ('.9"', '.9", enabled = false', 17, "flows.main.dial.ring.recipients: nobody is on"),
        ('nobody_answered = "end"', 'nobody_answered = "over"', 16,
         'nobody_answered: the exit "nobody answered" leads to "over", which is not a step.'),
        ("hang_up.end", "hang_up.ring", 18,
         "flows.main.hang_up.ring: a dial step has that name too."),
        ("hang_up.end", 'hang_up."the end"', 18, "has characters that may not stand here."),
        ('first = "ring"', 'first = "rung"', 14, 'flows.main.first: there is no step "rung" to begin with.'),
        ('flow = "main"', 'flow = "main"\nring_time = 20', 13,
         "ring_time: stands beside a flow, which says that itself."),
        ('flow = "main"', 'name = "Sales"', 11, "has neither recipients nor a flow."),
    ],
)  # fmt: skip
def test_what_a_mistake_says(old: str, new: str, line: int, said: str) -> None:
    found = [each for each in findings(small(old, new)) if said in str(each)]
    assert found, [str(each) for each in findings(small(old, new))]
    assert (found[0].severity, found[0].line) == (Severity.ERROR, line)
    assert found[0].remedy


SCHEDULE = (
    SMALL.replace('first = "ring"', 'first = "hours"')
    + """\
[flows.main.schedule.hours]
time_zone = "Europe/Berlin"
holidays = { 12-25 = "Christmas" }
otherwise = "end"
branches = [{ name = "open", hours = { mon = ["9:00-17:00"] }, then = "ring" }]
"""
)


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("Europe/Berlin", "Europe/Atlantis", 20, 'this machine knows no time zone "Europe/Atlantis".'),
        ("Europe/Berlin", "../etc/passwd", 20, "this machine knows no time zone"),
        ("12-25", "13-25", 21, "is no day."),
        ("12-25", "2027-02-29", 21, "is no day."),
        ("12-25", "25.12", 21, "must be text in quotes."),
        ("mon =", "moon =", 23, "is no day of the week."),
        ("mon =", "mon-moon =", 23, "is no day of the week."),
        ("9:00-17:00", "9-17", 23, '"9-17" are no hours.'),
        ("9:00-17:00", "9:60-17:00", 23, '"9:60-17:00" are no hours.'),
        ("9:00-17:00", "24:00-6:00", 23, '"24:00-6:00" are no hours.'),
        ('"open"', '"otherwise"', 23, '"otherwise" is the name of another exit of this step.'),
        ('otherwise = "end"\n', "", 19, 'the exit "otherwise" leads nowhere.'),
    ],
)
def test_what_a_mistake_in_a_schedule_says(old: str, new: str, line: int, said: str) -> None:
    assert findings(SCHEDULE) == []
    assert old in SCHEDULE
    found = [each for each in findings(SCHEDULE.replace(old, new)) if said in str(each)]
    assert found, [str(each) for each in findings(SCHEDULE.replace(old, new))]
    assert (found[0].severity, found[0].line) == (Severity.ERROR, line)


def test_a_warning_of_a_flow_has_its_line() -> None:
    warned = only(small('sip:ana@192.0.2.9"', 'sip:ana@192.0.2.9", voicemail_after = 20'))
    assert (warned.severity, warned.line) == (Severity.WARNING, 17)
    assert "the voicemail there answers after about 20 s" in warned.problem


# Facts.


def test_what_the_configuration_knows() -> None:
    config = parsed(SMALL)
    facts = facts_of(config, config.flows["main"], {"sip:ana@192.0.2.9": 20.0})
    assert facts.trunks == {
        "carrier": TrunkFacts(True, ("+1",), "dialled", False),
        "pbx": TrunkFacts(True, (), "caller", False),
    }
    assert facts.own_numbers == {"+15550100": "main"}
    assert facts.own_addresses == {("127.0.0.1", 5060)}
    assert "911" in facts.emergency_numbers
    assert facts.interfaces == {"default"}
    assert facts.voicemails == {"sip:ana@192.0.2.9": 20.0}
    assert facts.speech_installed is True


@pytest.mark.parametrize(
    ("trunks", "limit"),
    [("", 100.0), ('trunks = ["patient"]', 300.0), ('trunks = ["eternal"]', 0.0)],
)
def test_the_patience_of_the_trunks_whose_calls_come(trunks: str, limit: float) -> None:
    more = """\
[trunks.patient]
sources = ["198.51.100.1"]
answer_limit = 300
[trunks.eternal]
sources = ["198.51.100.2"]
answer_limit = 0
"""
    config = parsed(
        small('allowed_prefixes = ["+1"]', 'allowed_prefixes = ["+1"]\nanswer_limit = 100')
        .replace('flow = "main"', f'flow = "main"\n{trunks}')
        .replace("[trunks.pbx]", f"{more}[trunks.pbx]")
    )
    main = config.flows["main"]
    assert facts_of(config, main).answer_limit == limit
    assert facts_of(config, replace(main, name="unused")).answer_limit == 0.0


def test_files_to_play_are_looked_for_beside_the_configuration(tmp_path: Path) -> None:
    text = small('"end"\n', '"end"\nwhisper = { play = "hello.wav" }\n')
    with pytest.raises(ConfigError, match=r"17: error: .*there is no file hello.wav"):
        parsed(text, tmp_path)
    (tmp_path / "hello.wav").write_bytes(b"RIFF")
    assert parsed(text, tmp_path).findings == ()


def test_a_text_to_speak_where_nothing_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_facts, "speech_is_installed", lambda: False)
    assert "espeak-ng is not installed" in only(small('"end"\n', '"end"\nwhisper = { say = "x" }\n')).problem


# The pages and the example.

ROOT = Path(__file__).parents[2]


def test_the_flow_on_the_page_draws_what_the_page_says() -> None:
    page = (ROOT / "docs" / "flows.md").read_text(encoding="utf-8")
    flow = page.partition("```toml\n")[2].partition("```")[0]
    text = SMALL.partition("[flows.main]")[0] + flow
    warned = only(text)
    assert f"warning: team.recipients[2].stop_after: {warned.problem} {warned.remedy}\n" in page
    mended = text.replace("voicemail_after = 22", "voicemail_after = 22\nstop_after = 20")
    assert findings(mended) == []


def test_the_full_example_loads_where_nothing_speaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flow_facts, "speech_is_installed", lambda: False)
    assert parsed((ROOT / "examples" / "full.toml").read_text(encoding="utf-8")).findings == ()


# A file of flows alone.


def test_a_file_of_flows() -> None:
    flows = flows_in(f"[flows{SMALL.partition('[flows')[2]}".encode(), "flows.toml")
    assert list(flows) == ["main"]
    with pytest.raises(ConfigError, match=r"flows.toml:1: error: sip: there is no such setting."):
        flows_in(SMALL.encode(), "flows.toml")
    with pytest.raises(ConfigError, match="line break"):
        flows_in(b'[flows.a]\nfirst = "a\\nb"', "flows.toml")
