"""A flow on one page."""

from __future__ import annotations

from dataclasses import replace

from b2bua.calls.flow import (
    NO_CHOICE,
    OTHERWISE,
    PLAYED,
    TRACKING,
    Branch,
    Decline,
    Elsewhere,
    HangUp,
    Menu,
    Mode,
    Opening,
    Play,
    Prompt,
    PromptKind,
    Redirect,
    Schedule,
    Voicemail,
)
from b2bua.calls.recipient import EarlyMedia
from b2bua.flows.outline import does, outline
from tests.b2bua.flows.samples import ANA, BEN, HELLO, dial, flow

MONDAY_NOON = 1_795_435_200.0  # 2026-11-23 12:00 UTC


def test_steps_recipients_and_exits() -> None:
    asked = replace(BEN, press_one=True, extension="w21", stop_after=20, is_on=False)
    schedule = Schedule(
        "UTC", (Branch("open", (Opening(0, 540, 1080),)),), (), {"open": "ring", OTHERWISE: "end"}
    )
    assert outline(flow(schedule, ring=dial(ANA, asked)), MONDAY_NOON) == [
        "first: goes by the clock of UTC",
        "    now open; next change: Mon 2026-11-23 18:00, otherwise",
        "    open → ring",
        "    otherwise → end",
        "ring: rings everyone at once, for 30 s",
        "    Ana, sip:ana@192.0.2.7",
        "    Ben, +15550102, through carrier, extension w21, 0 to 20 s, must press 1, off",
        "    nobody answered → end",
        "end: hangs up",
    ]


def test_what_each_kind_of_step_does() -> None:
    tone = Prompt(PromptKind.TONE, "us")
    assert does(dial(mode=Mode.TURNS, press_one=True, caller_hears=tone)) == (
        'rings in turns, for 30 s; the caller hears a ringing tone ("us"); the recipient must press 1'
    )
    assert does(dial(mode=Mode.TURNS, sticky=30)) == (
        "rings in turns, for 30 s; first whoever took the caller's last call, within 30 days"
    )
    assert does(dial(mode=Mode.TURNS, sticky=1)).endswith("within a day")
    assert does(dial(sticky=30)) == "rings everyone at once, for 30 s"
    assert does(Play(Prompt(PromptKind.PLAY, "a.wav"), {PLAYED: "end"})) == "a.wav"
    assert does(Menu(HELLO, exits={NO_CHOICE: "end"})) == 'asks "Hello.", 3 times at most'
    assert does(Voicemail("sales")) == "records a message for sales, 120 s at most"
    assert does(HangUp(486)) == "hangs up, with 486"


def test_what_is_heard_and_shown_besides() -> None:
    step = dial(
        ANA,
        whisper=HELLO,
        press_one=True,
        confirm_prompt=Prompt(PromptKind.PLAY, "one.wav"),
        too_late=Prompt(PromptKind.PLAY, "late.wav"),
        caller_id=TRACKING,
        display_prefix="Sales: ",
        early_media=EarlyMedia.RINGBACK,
        decline=Decline.EVERYONE,
        redirect=Redirect.FOLLOW,
        answered_elsewhere=Elsewhere.ALWAYS_HIDE,
    )
    assert outline(flow(step), 0.0)[1:10] == [
        '    whisper: "Hello."',
        "    press 1, within 10 s: one.wav",
        "    too late: late.wav",
        "    shows the number that was dialled",
        "    \"Sales: \" before the caller's name",
        "    early media: ringback",
        "    one who declines does so for everyone",
        "    a recipient's forwarding is followed once",
        "    missed calls, where somebody else answered: always hide",
    ]
    assert outline(flow(dial(ANA, caller_id="+15550100")), 0.0)[1] == "    shows +15550100"
    assert outline(flow(dial(replace(ANA, press_one=True))), 0.0)[1] == "    press 1, within 10 s: nothing that says so"
    assert outline(flow(Voicemail("sales", HELLO)), 0.0)[1] == '    greeting: "Hello."'


def test_a_weight_where_it_counts() -> None:
    heavy = replace(ANA, weight=3)
    assert outline(flow(dial(heavy, mode=Mode.TURNS)), 0.0)[1] == "    Ana, sip:ana@192.0.2.7, weight 3"
    assert outline(flow(dial(heavy)), 0.0)[1] == "    Ana, sip:ana@192.0.2.7"


def test_a_schedule_that_never_changes() -> None:
    lines = outline(flow(Schedule("UTC", (), (), {OTHERWISE: "end"})), MONDAY_NOON)
    assert lines[1] == "    now otherwise, and for the next year"
