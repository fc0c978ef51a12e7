"""b2bua.phone.console: keys and words."""

from __future__ import annotations

import pytest

from b2bua.phone import console
from b2bua.phone import messages as m


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("a", m.Answer()),
        ("A", m.Answer()),
        ("d", m.Decline()),
        ("b", m.Decline(486)),
        ("h", m.HangUp()),
        ("p", m.Hold()),
        ("r", m.Resume()),
        ("q", m.Quit()),
        ("5", m.SendDigits("5")),
        ("#", m.SendDigits("#")),
        ("z", None),
        ("\n", None),
    ],
)
def test_keys(key: str, expected: m.AnyCommand | None) -> None:
    assert console.command_for(key) == expected


@pytest.mark.parametrize(
    ("event", "words"),
    [
        (m.Ready(1.0, 5071, "sip:ana@127.0.0.1:5071", 7), "listening at sip:ana@127.0.0.1:5071"),
        (m.Incoming(1.0, 1, "sip:1@h", "", []), "ringing: sip:1@h calls"),
        (m.Incoming(1.0, 1, "sip:1@h", "Bob", []), "ringing: Bob (sip:1@h) calls"),
        (m.Ringing(1.0, 1, 180), "it rings (180)"),
        (m.MediaActive(1.0, 1, "active", "PCMU", "127.0.0.1:9"), "audio active, PCMU"),
        (m.Confirmed(1.0, 1), "connected"),
        (
            m.Disconnected(1.0, 1, 487, "Request Terminated", "missed", []),
            "over: missed (487 Request Terminated)",
        ),
        (m.DigitHeard(1.0, 1, "5"), "pressed 5"),
        (m.ToneHeard(1.0, 440, -11.0), "hears 440 Hz at -11.0 dB"),
        (m.ToneGone(1.0, 440), "hears 440 Hz no more"),
        (m.Failed(1.0, "hold", "there is no call"), "cannot hold: there is no call"),
    ],
)
def test_words(event: m.Event, words: str) -> None:
    assert words in console.sentence(event)


def test_what_only_a_program_asks_for_is_not_said() -> None:
    assert console.sentence(m.Heard(1.0, 0, 0, 0, {})) == ""
