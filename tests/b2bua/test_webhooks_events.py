"""What a receiver is told of an event."""

from __future__ import annotations

import json
from typing import Any, get_args

from b2bua.calls.record import (
    CallOutcome,
    CallRecord,
    RecipientOutcome,
    RecipientRecord,
    StreamRecord,
    TraceEntry,
)
from b2bua.config.settings import WebhookSettings
from b2bua.webhooks.events import EVENTS, Happened, body_of

START = 1_790_000_000_000_000


def record() -> CallRecord:
    made = CallRecord(
        "4f2a91c07d", "carrier", "192.0.2.1:5060", "+15550199", "Jo", "+15550100", "Sales", "c1", START
    )
    made.recipients = [
        RecipientRecord(1, "Ana", "sip:ana@192.0.2.50", RecipientOutcome.ANSWERED, "Answered after 6.2 s"),
        RecipientRecord(2, "Ben", "sip:ben@192.0.2.51", RecipientOutcome.STOPPED, "Stopped: Ana answered"),
    ]
    return made


def said(event: str, leg: int = 0, sequence: int = 2, of: CallRecord | None = None) -> dict[str, Any]:
    happened = Happened(event, START + 180_000, sequence, leg, of or record())
    made: dict[str, Any] = json.loads(body_of(happened))
    assert made["key"] == happened.key
    return made


def test_the_settings_know_the_same_events() -> None:
    (written,) = get_args(WebhookSettings.model_fields["events"].annotation)
    assert get_args(written) == EVENTS


def test_an_event_of_a_recipient() -> None:
    assert said("recipient.ringing", 2) == {
        "key": "4f2a91c07d-2",
        "event": "recipient.ringing",
        "call": "4f2a91c07d",
        "sequence": 2,
        "at": START + 180_000,
        "started_at": START,
        "trunk": "carrier",
        "caller": "+15550199",
        "caller_name": "Jo",
        "dialled": "+15550100",
        "number_name": "Sales",
        "recipient": {"leg": 2, "name": "Ben", "uri": "sip:ben@192.0.2.51"},
    }


def test_an_event_of_nobody_in_particular() -> None:
    assert "recipient" not in said("call.started")
    assert "record" not in said("call.answered", 1)


def test_the_end_has_the_whole_record_with_its_sentences() -> None:
    ended = record()
    ended.outcome, ended.sentence, ended.answered_by = CallOutcome.ANSWERED, "Ana answered after 6.2 s", "Ana"
    ended.streams = [StreamRecord(0, 0, 100)]
    ended.trace = [TraceEntry(START, 0, True, "UDP", "a:1", "b:2", b"INVITE\xff")]
    made = said("call.ended", 1, 5, ended)["record"]
    assert made["outcome"] == "answered"
    assert made["sentence"] == "Ana answered after 6.2 s"
    assert [each["sentence"] for each in made["recipients"]] == [
        "Answered after 6.2 s",
        "Stopped: Ana answered",
    ]
    assert "trace" not in made


def test_the_end_has_one_key_whoever_tells_it() -> None:
    assert Happened("call.ended", 0, 7, 0, record()).key == Happened("call.ended", 0, 0, 0, record()).key


def test_an_address_that_is_no_text_is_still_told() -> None:
    odd = record()
    odd.recipients[0].uri = "sip:an\udcff@192.0.2.50"
    assert said("recipient.ringing", 1, of=odd)["recipient"]["uri"] == "sip:an\ufffd@192.0.2.50"


def test_a_call_that_lost_its_recipients() -> None:
    bare = record()
    bare.recipients = []
    assert said("call.ended", 1, of=bare)["recipient"] is None
