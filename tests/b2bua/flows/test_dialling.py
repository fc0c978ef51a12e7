"""What is said of a dial step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from b2bua.calls.flow import Decline, Dial, DialRecipient, Mode, Prompt, PromptKind, RecipientType
from b2bua.calls.recipient import EarlyMedia, Recipient
from b2bua.flows.dialling import dial_remarks
from b2bua.flows.facts import Facts, TrunkFacts
from b2bua.flows.remarks import Remark
from tests.b2bua.flows.samples import ANA, BEN, HELLO, dial

CARRIER = TrunkFacts(allowed_prefixes=("+1",))
FACTS = Facts(
    trunks={"carrier": CARRIER, "silent": TrunkFacts(takes_calls=False)},
    interfaces=frozenset({"lan"}),
    own_numbers={"+15550100": "main", "+15550199": "other"},
    own_addresses=frozenset({("192.0.2.1", 5060), ("2001:db8::1", 5060)}),
    emergency_numbers=frozenset({"911"}),
)


def remarks(made: Dial, **known: Any) -> list[Remark]:
    return list(dial_remarks("main", "ring", made, replace(FACTS, **known)))


def only(made: Dial, **known: Any) -> Remark:
    found = remarks(made, **known)
    assert len(found) == 1, found
    return found[0]


def phone(number: str, trunk: str = "carrier", **settings: Any) -> DialRecipient:
    return DialRecipient("Ben", number, RecipientType.PHONE, trunk, **settings)


def test_a_good_step_has_no_remark() -> None:
    assert remarks(dial(ANA, BEN, whisper=HELLO, press_one=True)) == []
    assert list(dial_remarks("main", "ring", dial(ANA, BEN), Facts())) == []


# Ring time and voicemail.


def test_a_voicemail_that_answers_within_the_ring_time() -> None:
    remark = only(dial(replace(BEN, voicemail_after=22)))
    assert remark.severity == "warning"
    assert remark.place == "ring.recipients[1].stop_after"
    assert remark.text == (
        "Ben rings for 30 s, but the voicemail there answers after about 22 s: it would take the call."
    )
    assert remark.remedy == "Set stop_after = 20 for Ben, or press_one = true."


def test_a_voicemail_that_was_learned() -> None:
    assert only(dial(BEN), voicemails={BEN.destination: 18.0}).remedy.startswith("Set stop_after = 16 ")
    rung = replace(BEN, way=Recipient("Ben", "sip:+15550102@carrier.example"))
    assert only(dial(rung), voicemails={"sip:+15550102@carrier.example": 18.0})
    assert remarks(dial(replace(BEN, voicemail_after=40)), voicemails={BEN.destination: 18.0}) == []


@pytest.mark.parametrize(
    "settings",
    [{"stop_after": 20.0}, {"start_after": 10.0}, {"press_one": True}, {"is_on": False}],
)
def test_a_voicemail_that_has_no_time_to_answer(settings: dict[str, Any]) -> None:
    """Stopped before, begun later, a person is asked for, or nobody rings there."""
    made = dial(ANA, replace(BEN, voicemail_after=22, **settings), whisper=HELLO)
    assert remarks(made) == []


def test_the_voicemail_remedy_counts_from_the_start_of_the_step() -> None:
    assert (
        "stop_after = 25"
        in only(dial(ANA, replace(BEN, voicemail_after=22, start_after=5), ring_time=60)).remedy
    )


def test_each_turn_has_the_whole_ring_time() -> None:
    assert remarks(dial(replace(BEN, voicemail_after=22), mode=Mode.TURNS, ring_time=15)) == []
    assert (
        "rings for 25 s" in only(dial(replace(BEN, voicemail_after=22), mode=Mode.TURNS, ring_time=25)).text
    )


# Who rings.


def test_the_same_recipient_twice() -> None:
    remark = only(dial(ANA, replace(ANA, name="Anna")))
    assert (remark.severity, remark.place) == ("warning", "ring.recipients[2].destination")
    assert "Anna has the destination of Ana: that phone would ring twice." in remark.text
    assert remarks(dial(ANA, replace(ANA, name="Anna", is_on=False))) == []


def test_the_same_name_twice() -> None:
    remark = only(dial(ANA, replace(BEN, name="Ana")))
    assert (remark.severity, remark.place) == ("error", "ring.recipients[2].name")


def test_nobody_on() -> None:
    remark = only(dial(replace(ANA, is_on=False)))
    assert (remark.severity, remark.text) == ("error", "nobody is on: nobody would ring.")


def test_more_recipients_than_the_limit() -> None:
    assert "2 recipients; limits.recipients is 1." in only(dial(ANA, BEN), recipients_limit=1).text


def test_one_recipient_only() -> None:
    assert only(dial(ANA, BEN, mode=Mode.ONE)).text == "only Ana rings; Ben never."
    assert remarks(dial(ANA, mode=Mode.ONE)) == []


# Destinations.


@pytest.mark.parametrize(
    ("recipient", "severity", "said"),
    [
        (phone("+15550100"), "error", "+15550100 is a number of this very flow"),
        (phone("+15550199"), "warning", "+15550199 is one of your own numbers"),
        (DialRecipient("Ana", "sip:+15550199@192.0.2.1"), "warning", "+15550199 is one of your own numbers"),
        (DialRecipient("Ana", "sip:+15550100@[2001:db8::1]:5060"), "error", "a number of this very flow"),
        (DialRecipient("Ana", "sip:ana@192.0.2.1:5060"), "error", "is this service itself."),
        (
            phone("+445550100"),
            "error",
            "+445550100 may not be dialled through carrier (allowed prefixes: +1).",
        ),
        (phone("+15550102", ""), "error", "Ben is a phone, and a phone is reached through a trunk."),
        (phone("+15550102", "pbx"), "error", 'there is no trunk "pbx".'),
        (phone("+15550102", "silent"), "error", 'trunk "silent" has no address to send calls to.'),
        (DialRecipient("Ana", "sip:911@192.0.2.9"), "error", "911 is an emergency number."),
        (DialRecipient("Ana", "sip:a@192.0.2.9", interface="wan"), "error", 'there is no interface "wan".'),
    ],
)
def test_where_nobody_should_be_rung(recipient: DialRecipient, severity: str, said: str) -> None:
    remark = only(dial(recipient))
    assert remark.severity == severity
    assert said in remark.text


def test_an_emergency_number_with_a_plus_and_an_allowed_prefix() -> None:
    facts = {"trunks": {"carrier": TrunkFacts(allowed_prefixes=("+",))}}
    assert only(dial(phone("+911")), **facts).text == "+911 is an emergency number."


def test_whoever_is_off_may_be_anywhere() -> None:
    assert remarks(dial(ANA, phone("+15550100", is_on=False))) == []


def test_our_address_on_another_port_is_somebody_else() -> None:
    assert remarks(dial(DialRecipient("Ana", "sip:ana@192.0.2.1:5070"))) == []


def test_a_trunk_may_know_our_name_for_somebody_else() -> None:
    assert remarks(dial(DialRecipient("Ana", "sip:ana@192.0.2.1", trunk="carrier"))) == []


def test_any_number_is_ours_where_a_wildcard_is() -> None:
    remark = only(dial(DialRecipient("Ana", "sip:7@192.0.2.1")), own_numbers={"*": "main"})
    assert "7 is a number of this very flow" in remark.text


# Caller ID.


@pytest.mark.parametrize(
    ("caller_id", "trunk_shows", "said"),
    [
        ("caller", "dialled", "the caller's number"),
        ("", "caller", "the caller's number"),
        ("+15559999", "dialled", "+15559999"),
        ("tracking", "caller", ""),
        ("", "dialled", ""),
        ("+15550199", "caller", ""),
    ],
)
def test_a_number_that_the_trunk_refuses_to_show(caller_id: str, trunk_shows: str, said: str) -> None:
    strict = replace(CARRIER, own_numbers_only=True, caller_id=trunk_shows)
    found = remarks(dial(BEN, ANA, caller_id=caller_id), trunks={"carrier": strict})
    if said:
        (remark,) = found
        assert remark.text == f"Ben would be shown {said}, and carrier refuses numbers that are not yours."
        assert remark.place == "ring.caller_id"
    else:
        assert found == []


# Times.


def test_one_who_starts_when_ringing_is_over() -> None:
    remark = only(dial(ANA, replace(BEN, start_after=30)))
    assert (remark.severity, remark.place) == ("error", "ring.recipients[2].start_after")


def test_one_who_stops_before_starting() -> None:
    remark = only(dial(ANA, replace(BEN, start_after=10, stop_after=10)))
    assert (remark.severity, remark.place) == ("error", "ring.recipients[2].stop_after")


def test_seconds_in_which_nobody_rings() -> None:
    assert only(dial(replace(ANA, start_after=4))).text == (
        "nobody rings for the first 4 s, and the caller may hear silence."
    )
    gap = dial(replace(ANA, stop_after=8), replace(BEN, start_after=12))
    assert only(gap).text == "nobody rings from 8 s to 12 s."
    end = only(dial(replace(ANA, stop_after=20), replace(BEN, stop_after=12)))
    assert (end.text, end.remedy[:9]) == (
        "nobody rings after 20 s, but the step goes on to 30 s.",
        "Write 20,",
    )


# What is heard.


def test_press_one_with_no_prompt() -> None:
    remark = only(dial(ANA, replace(BEN, press_one=True)))
    assert remark.text == "Ben must press 1, but nothing says so: only silence is heard."
    assert "Ana and Ben must press 1" in only(dial(ANA, BEN, press_one=True)).text
    assert remarks(dial(ANA, BEN, press_one=True, confirm_prompt=HELLO)) == []


def test_early_media_beside_a_prompt() -> None:
    tone = Prompt(PromptKind.TONE, "us")
    remark = only(dial(caller_hears=tone, early_media=EarlyMedia.FIRST))
    assert (remark.severity, remark.place) == ("warning", "ring.early_media")


# Turns, and what a decline is.


@pytest.mark.parametrize("mode", [Mode.ONE, Mode.EVERYONE])
def test_weights_and_a_sticky_step_where_nobody_takes_turns(mode: Mode) -> None:
    found = remarks(dial(replace(ANA, weight=2), mode=mode, sticky=7))
    assert [(each.severity, each.place) for each in found] == [
        ("warning", "ring.sticky"),
        ("warning", "ring.recipients[1].weight"),
    ]
    assert remarks(dial(replace(ANA, weight=2), BEN, mode=Mode.TURNS, sticky=7)) == []


@pytest.mark.parametrize("status", [404, 408, 488, 500, 503, 604, 606])
def test_a_status_that_is_nobodys_no(status: int) -> None:
    codes = (603, 607, 480, status)
    remark = only(dial(ANA, BEN, decline=Decline.EVERYONE, decline_codes=codes))
    assert (remark.severity, remark.place) == ("warning", "ring.decline_codes")
    assert remark.text.startswith(f"{status} is ") and remark.remedy == f"Take {status} out."
    assert remarks(dial(ANA, BEN, decline_codes=codes)) == []
    assert remarks(dial(ANA, decline=Decline.EVERYONE, decline_codes=codes)) == []


def test_nothing_is_a_decline() -> None:
    remark = only(dial(ANA, BEN, decline=Decline.EVERYONE, decline_codes=()))
    assert remark.text == "nothing is a decline here: no status, and nobody is asked for a key."
    asked = dial(ANA, BEN, decline=Decline.EVERYONE, decline_codes=(), press_one=True, confirm_prompt=HELLO)
    assert remarks(asked) == []
