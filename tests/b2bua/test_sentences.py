"""The sentences that tell people how a call came out."""

from __future__ import annotations

from typing import Any

import pytest

from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord
from b2bua.calls.sentences import call_sentence, interval, recipient_sentence

S = 1_000_000
R = RecipientOutcome


def recipient(name: str, outcome: RecipientOutcome | None, **fields: Any) -> RecipientRecord:
    return RecipientRecord(1, name, f"sip:{name}@x", outcome, **{"invited_at": 0, **fields})


def call(outcome: CallOutcome | None, *recipients: RecipientRecord, **fields: Any) -> CallRecord:
    return CallRecord("id", "", "", "", "", "", "", "", 0, outcome, recipients=list(recipients), **fields)


BY_ANA = call(CallOutcome.ANSWERED, answered_by="Ana")


@pytest.mark.parametrize(
    ("of", "sentence"),
    [
        (recipient("Ana", R.ANSWERED, answered_at=6_200_000), "Answered after 6.2 s"),
        (recipient("Ben", R.STOPPED), "Stopped: Ana answered"),
        (recipient("Ben", R.TOO_LATE, late_by=8_214), "Answered too late (8 ms after Ana)"),
        (recipient("Ben", R.TOO_LATE, late_by=214), "Answered too late (0.2 ms after Ana)"),
        (recipient("Ben", R.TOO_LATE), "Answered too late"),
        (recipient("Ben", R.DECLINED, status=603), "Declined"),
        (recipient("Ben", R.BUSY, status=486), "Busy"),
        (recipient("Ben", R.NO_ANSWER, ringing_at=1 * S, ended_at=21 * S), "No answer (rang 20 s)"),
        (recipient("Ben", R.NO_ANSWER, ended_at=21 * S), "No answer (never rang)"),
        (recipient("Ben", R.UNREACHABLE, ended_at=4 * S), "Not reachable (no reply in 4.0 s)"),
        (recipient("Ben", R.UNREACHABLE, status=408, ended_at=32 * S), "Not reachable (no reply in 32 s)"),
        (recipient("Ben", R.UNREACHABLE, status=503, reason="Down"), "Not reachable (503 Down)"),
        (recipient("Ben", R.UNREACHABLE, reason="connection refused"), "Not reachable (connection refused)"),
        (recipient("Ben", R.REFUSED, status=403, reason="Forbidden"), "Refused (403 Forbidden)"),
        (recipient("Ben", R.REDIRECTED, status=302, reason="sip:x@y"), "Forwarding ignored (302 sip:x@y)"),
        (recipient("Ben", R.CALLER_HUNG_UP), "Caller hung up"),
        (
            recipient("Ben", R.FAILED, reason="no usable codec"),
            "Answered, but could not be connected (no usable codec)",
        ),
        (recipient("Ben", R.SKIPPED, reason="off"), "Skipped (off)"),
        (recipient("Ben", R.SKIPPED), "Skipped"),
        (recipient("Ben", R.STEP_ENDED), "Stopped: somebody refused the call for everyone"),
        (
            recipient(
                "Ana", R.ANSWERED, answered_at=6_200_000, reason="could not be played to: no such file"
            ),
            "Answered after 6.2 s (could not be played to: no such file)",
        ),
        (recipient("Ben", R.STOPPED, invited_at=None), "Not called: Ana answered"),
        (recipient("Ben", R.STOPPED, answered_at=2 * S), "Answered after 2.0 s, but Ana took the call first"),
        (recipient("Ben", R.PRESSED_TOO_LATE, late_by=40_000), "Pressed 1 too late (40 ms after Ana)"),
        (recipient("Ben", R.PRESSED_TOO_LATE), "Pressed 1 too late"),
        (recipient("Ben", R.NOT_CONFIRMED, answered_at=2 * S), "Answered after 2.0 s, but did not press 1"),
        (
            recipient("Ben", R.NOT_CONFIRMED, answered_at=2 * S, reason="could not be spoken to: g729"),
            "Answered after 2.0 s, but did not press 1 (could not be spoken to: g729)",
        ),
        (recipient("Ben", R.NOT_ACCEPTED, answered_at=2 * S), "Answered after 2.0 s, but did not accept"),
        (
            recipient("Ben", R.CALLER_HUNG_UP, answered_at=2 * S),
            "Answered after 2.0 s, but the caller had hung up",
        ),
        (recipient("Ben", None, answered_at=2 * S), "Answered, asked whether to take the call"),
        (recipient("Ben", None), "Calling"),
        (recipient("Ben", None, ringing_at=1), "Ringing"),
    ],
)
def test_of_a_recipient(of: RecipientRecord, sentence: str) -> None:
    assert recipient_sentence(of, BY_ANA) == sentence


@pytest.mark.parametrize("outcome", [None, *R])
def test_every_outcome_of_a_recipient_has_words(outcome: RecipientOutcome | None) -> None:
    assert recipient_sentence(recipient("Ben", outcome), BY_ANA)


def answered(**fields: Any) -> CallRecord:
    times = {"answered_by": "Ana", "answered_at": 6_200_000, "ended_at": 190_200_000}
    return call(CallOutcome.ANSWERED, **{**times, **fields})


ANA, BEN, CARL = (recipient(name, None) for name in ("Ana", "Ben", "Carl"))


def out(outcome: RecipientOutcome, *names: str) -> list[RecipientRecord]:
    return [recipient(name, outcome) for name in names]


@pytest.mark.parametrize(
    ("of", "sentence"),
    [
        (answered(ended_by="caller"), "Ana answered after 6.2 s; talked 3 min 04 s; the caller hung up"),
        (answered(ended_by="Ana"), "Ana answered after 6.2 s; talked 3 min 04 s; Ana hung up"),
        (
            answered(ended_by="service", reason="the flow ended"),
            "Ana answered after 6.2 s; talked 3 min 04 s; the flow ended",
        ),
        (
            answered(ended_by="service", reason="no media for 60 s"),
            "Ana answered after 6.2 s; talked 3 min 04 s; ended by the service (no media for 60 s)",
        ),
        (
            call(
                CallOutcome.ABANDONED, recipient("Ana", R.CALLER_HUNG_UP, ringing_at=1), BEN, ended_at=7 * S
            ),
            "The caller hung up after 7.0 s; Ana had rung",
        ),
        (call(CallOutcome.ABANDONED, ended_at=7000), "The caller hung up after 7 ms; nobody had rung yet"),
        (call(CallOutcome.BUSY, *out(R.BUSY, "Ana", "Ben", "Carl")), "All 3 recipients were busy"),
        (call(CallOutcome.DECLINED, *out(R.DECLINED, "Ana", "Ben")), "Both recipients declined"),
        (call(CallOutcome.DECLINED, *out(R.DECLINED, "Ana")), "Ana declined"),
        (call(CallOutcome.NO_ANSWER, *out(R.NOT_CONFIRMED, "Ana", "Ben")), "Both recipients did not press 1"),
        (
            call(CallOutcome.NO_ANSWER, *out(R.NOT_CONFIRMED, "Ana"), *out(R.NOT_ACCEPTED, "Ben")),
            "Nobody answered: Ana did not press 1, Ben did not accept",
        ),
        (
            call(CallOutcome.NO_ANSWER, *out(R.NO_ANSWER, "Ana", "Ben"), ended_at=30 * S),
            "Nobody answered within 30 s",
        ),
        (
            call(CallOutcome.BUSY, *out(R.BUSY, "Ana"), *out(R.DECLINED, "Ben"), *out(R.UNREACHABLE, "Carl")),
            "Nobody answered: Ana was busy, Ben declined, Carl was not reachable",
        ),
        (call(CallOutcome.UNREACHABLE, status=480, reason="nobody"), "Nobody could be rung: 480 nobody"),
        (call(CallOutcome.FAILED, reason="no ports"), "The call could not be connected: no ports"),
        (call(CallOutcome.REFUSED, status=404, reason="Not Found"), "Refused: 404 Not Found"),
        (call(CallOutcome.INTERRUPTED), "The service was ended in the middle of this call"),
        (call(None, ANA, BEN, CARL), "Ringing Ana, Ben and Carl"),
        (call(None, ANA), "Ringing Ana"),
        (call(None), "Just begun"),
        (call(None, ANA, answered_by="Ana"), "Talking to Ana"),
    ],
)
def test_of_a_call(of: CallRecord, sentence: str) -> None:
    assert call_sentence(of) == sentence


@pytest.mark.parametrize("outcome", [None, *CallOutcome])
@pytest.mark.parametrize("of_recipients", [None, *R])
def test_every_pair_of_outcomes_has_words(
    outcome: CallOutcome | None, of_recipients: RecipientOutcome | None
) -> None:
    pair = [recipient("Ana", of_recipients), recipient("Ben", of_recipients)]
    assert call_sentence(call(outcome, *pair, answered_by="Ana"))


@pytest.mark.parametrize(
    ("microseconds", "words"),
    [
        (-5, "0.0 ms"),
        (400, "0.4 ms"),
        (8_214, "8 ms"),
        (999_499, "999 ms"),
        (999_500, "1.0 s"),
        (9_949_999, "9.9 s"),
        (9_950_000, "10 s"),
        (59_499_999, "59 s"),
        (59_500_001, "1 min 00 s"),
        (184 * S, "3 min 04 s"),
        (3_599_600_000, "1 h 00 min"),
        (90_000 * S, "25 h 00 min"),
    ],
)
def test_intervals(microseconds: int, words: str) -> None:
    assert interval(microseconds) == words
