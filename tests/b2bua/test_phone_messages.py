"""b2bua.phone.messages: each survives its line, and nothing else passes for one."""

from __future__ import annotations

import msgspec
import pytest

from b2bua.phone import messages as m

COMMANDS: list[m.AnyCommand] = [
    m.Call("sip:100@127.0.0.1:5060"),
    m.Answer(),
    m.Answer(183),
    m.Decline(486),
    m.HangUp(),
    m.Hold(),
    m.Resume(),
    m.SendDigits("12#"),
    m.Mute(),
    m.Play(440),
    m.Listen([440, 710]),
    m.Report(),
    m.Quit(),
]
EVENTS: list[m.AnyEvent] = [
    m.Ready(1.5, 5071, "sip:ana@127.0.0.1:5071", 77),
    m.Incoming(1.5, 1, "sip:+15550100@127.0.0.1", "Sales: é", [("Via", "SIP/2.0/UDP a"), ("Reason", "")]),
    m.Ringing(1.5, 1, 180),
    m.MediaActive(1.5, 1, "held by them", "PCMU", "127.0.0.1:4000"),
    m.Confirmed(1.5, 1),
    m.Disconnected(1.5, 1, 487, "Request Terminated", "missed", ['SIP;cause=200;text="x"']),
    m.DigitHeard(1.5, 1, "#"),
    m.ToneHeard(1.5, 440, -11.2),
    m.ToneGone(1.5, 440),
    m.Heard(1.5, 10, 2, 0, {440: 8, 710: 0}),
    m.Failed(1.5, "hang up", "there is no call"),
]


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: type(command).__name__)
def test_a_command_survives_its_line(command: m.AnyCommand) -> None:
    line = m.to_line(command)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert m.command_from(line) == command


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
def test_an_event_survives_its_line(event: m.AnyEvent) -> None:
    line = m.to_line(event)
    assert line.count(b"\n") == 1 and line.endswith(b"\n")
    assert m.event_from(line) == event


def test_every_kind_is_tried_above() -> None:
    assert {type(command) for command in COMMANDS} == set(m.AnyCommand.__args__)
    assert {type(event) for event in EVENTS} == set(m.AnyEvent.__args__)


def test_names_on_the_line_are_words() -> None:
    assert m.to_line(m.HangUp()) == b'{"command":"hang up"}\n'
    assert m.to_line(m.SendDigits("5")) == b'{"command":"send digits","digits":"5"}\n'
    assert m.to_line(m.ToneGone(2.0, 440)) == b'{"event":"tone gone","at":2.0,"frequency":440}\n'


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"answer",
        b"[]",
        b"{}",
        b'{"command":"sing"}',
        b'{"command":"call"}',
        b'{"command":"answer","code":"x"}',
    ],
)
def test_what_is_no_command_is_refused(line: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        m.command_from(line)


def test_an_event_is_no_command() -> None:
    with pytest.raises(msgspec.DecodeError):
        m.command_from(m.to_line(m.Confirmed(1.0, 1)))
