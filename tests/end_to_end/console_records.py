"""A month of calls for the console to show: the same ones each time, counted back from now."""

from __future__ import annotations

import random
import time
from pathlib import Path
from typing import Final, NamedTuple

from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord
from b2bua.calls.sentences import call_sentence, recipient_sentence
from b2bua.store import Store

CALLS: Final = 180
SECOND: Final = 1_000_000
_DAY: Final = 86_400 * SECOND


class _Person(NamedTuple):
    name: str
    uri: str
    answers_after: int  # microseconds; 0 is as it comes


PEOPLE: Final = (
    _Person("Ana", "sip:ana@192.0.2.50", 0),
    _Person("Ben Okafor", "sip:+15550102@203.0.113.9", 22 * SECOND),  # so punctual that it must be a machine
    _Person("Carl", "sip:carl@192.0.2.52", 0),
    _Person("Dora", "sip:+15550104@203.0.113.9", 0),
)
_CALLERS: Final = (
    ("+15550171", "Priya Natarajan"), ("+15550123", ""), ("+442079460018", ""), ("+15550188", "Harbor Dental"),
    ("", ""), ("+4930901820", "Jonas Weber"), ("+15550142", ""),
)  # fmt: skip
_OUTCOMES: Final = (
    *[CallOutcome.ANSWERED] * 14, CallOutcome.ABANDONED, CallOutcome.ABANDONED, CallOutcome.NO_ANSWER,
    CallOutcome.NO_ANSWER, CallOutcome.BUSY, CallOutcome.DECLINED,
)  # fmt: skip
_EVERYBODY: Final = {
    CallOutcome.ABANDONED: (RecipientOutcome.CALLER_HUNG_UP, 487, "caller"),
    CallOutcome.NO_ANSWER: (RecipientOutcome.NO_ANSWER, 487, ""),
    CallOutcome.BUSY: (RecipientOutcome.BUSY, 486, ""),
    CallOutcome.DECLINED: (RecipientOutcome.DECLINED, 603, ""),
}


async def write(database: Path) -> None:
    """Adds the calls to a database that a service may be using."""
    chance = random.Random(4)
    store = await Store.open(str(database))
    now = time.time_ns() // 1000
    for number in range(CALLS):
        start = now - int(chance.random() ** 1.6 * 29 * _DAY) - 5 * SECOND - number
        store.finish(_call(number, start, chance))
    await store.close()


def _call(number: int, start: int, chance: random.Random) -> CallRecord:
    caller, name = chance.choice(_CALLERS)
    dialled, number_name = chance.choice((("100", "Sales line"), ("200", "Main line")))
    call = CallRecord(
        f"{chance.getrandbits(64):016x}", "demo", "203.0.113.9:5060", caller, name, dialled, number_name,
        f"{number}@carrier", start,
    )  # fmt: skip
    call.outcome = chance.choice(_OUTCOMES)
    rung = chance.sample(PEOPLE, chance.choice((2, 3, 4)))
    call.recipients = [_rings(leg, person, start, chance) for leg, person in enumerate(rung, 1)]
    call.ringing_at = min(each.ringing_at or start for each in call.recipients)
    over = start + int(chance.gammavariate(4, 1.4) * SECOND) + SECOND
    if call.outcome is CallOutcome.ANSWERED:
        _answered(call, chance.randrange(len(rung)), over, chance)
    else:
        outcome, status, call.ended_by = _EVERYBODY[call.outcome]
        call.ended_at, call.status = over, 487 if call.ended_by else 480
        for each in call.recipients:
            each.outcome, each.status, each.ended_at = outcome, status, over
    for each in call.recipients:
        each.sentence = recipient_sentence(each, call)
    call.sentence = call_sentence(call)
    return call


def _rings(leg: int, person: _Person, start: int, chance: random.Random) -> RecipientRecord:
    ringing_at = start + 300_000 + chance.randrange(900_000)
    return RecipientRecord(leg, person.name, person.uri, invited_at=start + 2000, ringing_at=ringing_at)


def _answered(call: CallRecord, index: int, at: int, chance: random.Random) -> None:
    winner = call.recipients[index]
    usual = next(person.answers_after for person in PEOPLE if person.name == winner.name)
    at = call.started_at + usual + chance.randrange(300_000) if usual else at
    call.answered_by, call.answered_leg, call.answered_at = winner.name, winner.leg, at
    call.ended_at = at + int(chance.expovariate(1 / 160) * SECOND) + 5 * SECOND
    call.ended_by, call.status, call.reason = "caller", 200, "OK"
    for each in call.recipients:
        if each is winner:
            each.outcome, each.status = RecipientOutcome.ANSWERED, 200
            each.answered_at, each.ended_at = at, call.ended_at
        else:
            each.outcome, each.status, each.ended_at = RecipientOutcome.STOPPED, 487, at + 14_000
