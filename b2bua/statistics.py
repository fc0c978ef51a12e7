"""Statistics for people: numbers, hours of the day and recipients as tables; or as JSON values.

Pure values in, text out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from b2bua.calls.record import CallOutcome, RecipientOutcome
from b2bua.calls.sentences import interval
from b2bua.records import table
from b2bua.store.statistics import (
    AT_ONCE,
    HOURS,
    Hour,
    NumberFigures,
    RecipientFigures,
    Spread,
    Statistics,
    Suspicion,
)

WORDS: Final = """\
words:
  answered     somebody took the call and was connected
  abandoned    the caller hung up while it rang, before anybody had answered
  missed       the caller waited to the end and nobody took the call: no answer, busy, declined, not reachable
  offered      the recipient was called; rang: his phone said that it rings
  share        of all answered calls listed, those that this recipient answered
  lost         somebody else had the call: answered first, or this answer came too late (by so much, the median)
  no 1         answered, and did not press 1 when asked to: often a voicemail
  not accepted answered, and hung up before the call was connected
  to ring, to answer
               from the moment the recipient was called; the caller's time to answer counts from his INVITE
  p95          95 of 100 were no longer than this
  probably voicemail
               nearly all of five or more answers came after the same second of ringing (±1 s), or at once: a
               machine, or a person as regular as one. Stop that recipient earlier, or ask for a key press.
"""

_OUTCOMES: Final = (
    ("DECLINED", RecipientOutcome.DECLINED),
    ("BUSY", RecipientOutcome.BUSY),
    ("UNREACHABLE", RecipientOutcome.UNREACHABLE),
    ("NO ANSWER", RecipientOutcome.NO_ANSWER),
    ("NO 1", RecipientOutcome.NOT_CONFIRMED),
    ("NOT ACCEPTED", RecipientOutcome.NOT_ACCEPTED),
    ("CALLER GAVE UP", RecipientOutcome.CALLER_HUNG_UP),
)


def page(statistics: Statistics) -> str:
    """All tables, one below the other."""
    if not statistics.numbers:
        return "No calls."
    parts = [_numbers(statistics), _hours(statistics)]
    if statistics.recipients:
        parts += [_recipients(statistics), _times(statistics)]
    return "\n\n".join(parts)


def badge(suspicion: Suspicion | None) -> str:
    """What is suspected, "probably voicemail (22 s)"; or nothing."""
    if suspicion is None:
        return ""
    after = "at once" if suspicion.after < AT_ONCE else f"{round(suspicion.after / 1e6)} s"
    return f"probably voicemail ({after})"


def as_json(statistics: Statistics) -> dict[str, Any]:
    """JSON values; intervals are microseconds, hours are counted from midnight."""
    return {
        "numbers": [_number_json(each) for each in statistics.numbers],
        "recipients": [_recipient_json(each) for each in statistics.recipients],
    }


# Tables.


def _numbers(statistics: Statistics) -> str:
    headings = ("NUMBER", "CALLS", "ANSWERED", "RATE", "MISSED", "ABANDONED", "OTHER", "TO ANSWER", "P95")
    return table(headings, (_number_row(each) for each in statistics.numbers))


def _number_row(number: NumberFigures) -> tuple[str, ...]:
    other = number.calls - number.answered - number.missed - number.abandoned
    return (
        f"{number.dialled} {number.name}".rstrip(),
        str(number.calls),
        str(number.answered),
        _percent(number.answered, number.calls),
        str(number.missed),
        str(number.abandoned),
        str(other),
        *_median_and_p95(number.to_answer),
    )


def _hours(statistics: Statistics) -> str:
    headings = ("HOUR", "CALLS", "ANSWERED", "RATE", "ABANDONED")
    day = [_sum(number.hours[hour] for number in statistics.numbers) for hour in range(HOURS)]
    return table(headings, (_hour_row(hour, each) for hour, each in enumerate(day) if each.calls))


def _hour_row(hour: int, figures: Hour) -> tuple[str, ...]:
    return (
        f"{hour:02}:00",
        str(figures.calls),
        str(figures.answered),
        _percent(figures.answered, figures.calls),
        str(figures.abandoned),
    )


def _sum(hours: Iterable[Hour]) -> Hour:
    return Hour(*(sum(column) for column in zip(*hours, strict=True)))


def _recipients(statistics: Statistics) -> str:
    headings = (
        *("RECIPIENT", "OFFERED", "RANG", "ANSWERED", "SHARE", "LOST"),
        *(heading for heading, _ in _OUTCOMES),
        "OTHER",
    )
    return table(headings, (_recipient_row(each) for each in statistics.recipients))


def _recipient_row(recipient: RecipientFigures) -> tuple[str, ...]:
    named = [recipient.outcomes.get(outcome.value, 0) for _, outcome in _OUTCOMES]
    return (
        recipient.name,
        str(recipient.offered),
        str(recipient.rang),
        str(recipient.answered),
        f"{recipient.share:.0%}",
        str(recipient.lost),
        *(str(each) for each in named),
        str(recipient.offered - recipient.answered - recipient.lost - sum(named)),
    )


def _times(statistics: Statistics) -> str:
    headings = ("RECIPIENT", "TO RING", "P95", "TO ANSWER", "P95", "TOO LATE BY", "ADDRESS", "")
    return table(headings, (_time_row(each) for each in statistics.recipients))


def _time_row(recipient: RecipientFigures) -> tuple[str, ...]:
    return (
        recipient.name,
        *_median_and_p95(recipient.to_ring),
        *_median_and_p95(recipient.to_answer),
        _median_and_p95(recipient.late_by)[0],
        recipient.uri,
        badge(recipient.voicemail),
    )


def _median_and_p95(spread: Spread | None) -> tuple[str, str]:
    return ("", "") if spread is None else (interval(spread.median), interval(spread.p95))


def _percent(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else ""


# JSON.


def _number_json(number: NumberFigures) -> dict[str, Any]:
    return {
        "dialled": number.dialled,
        "name": number.name,
        "calls": number.calls,
        "answered": number.answered,
        "answer_rate": number.answered / number.calls,
        "missed": number.missed,
        "abandoned": number.abandoned,
        "outcomes": {outcome.value: number.outcomes.get(outcome.value, 0) for outcome in CallOutcome},
        "time_to_answer": _spread_json(number.to_answer),
        "hours": [hour._asdict() for hour in number.hours],
    }


def _recipient_json(recipient: RecipientFigures) -> dict[str, Any]:
    suspicion = recipient.voicemail
    return {
        "name": recipient.name,
        "uri": recipient.uri,
        "offered": recipient.offered,
        "rang": recipient.rang,
        "answered": recipient.answered,
        "share": recipient.share,
        "lost": recipient.lost,
        "outcomes": {outcome.value: recipient.outcomes.get(outcome.value, 0) for outcome in RecipientOutcome},
        "time_to_ring": _spread_json(recipient.to_ring),
        "time_to_answer": _spread_json(recipient.to_answer),
        "late_by": _spread_json(recipient.late_by),
        "probably_voicemail": None if suspicion is None else suspicion._asdict(),
    }


def _spread_json(spread: Spread | None) -> dict[str, int] | None:
    return None if spread is None else spread._asdict()
