"""How a call came out, in words for the people who use it: one sentence a call, one a recipient."""

from __future__ import annotations

from typing import Final

from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord

INTERRUPTED: Final = "The service was ended in the middle of this call"

THE_FLOW_ENDED: Final = "the flow ended"  # why a call is over that came to the end of its flow

_C = CallOutcome
_R = RecipientOutcome

# After a recipient's name; and after "All 3 recipients".
_DID: Final[dict[RecipientOutcome, tuple[str, str]]] = {
    _R.DECLINED: ("declined", "declined"),
    _R.BUSY: ("was busy", "were busy"),
    _R.NO_ANSWER: ("did not answer", "did not answer"),
    _R.UNREACHABLE: ("was not reachable", "were not reachable"),
    _R.REFUSED: ("refused the call", "refused the call"),
    _R.REDIRECTED: ("wanted it forwarded", "wanted it forwarded"),
    _R.FAILED: ("could not be connected", "could not be connected"),
    _R.SKIPPED: ("was skipped", "were skipped"),
    _R.NOT_CONFIRMED: ("did not press 1", "did not press 1"),
    _R.NOT_ACCEPTED: ("did not accept", "did not accept"),
    _R.STEP_ENDED: ("was stopped", "were stopped"),
}


def recipient_sentence(recipient: RecipientRecord, record: CallRecord) -> str:
    """What became of one recipient: "Stopped: Ana answered"; "No answer (rang 20 s)"."""
    winner = recipient.lost_to or record.answered_by or "somebody"
    match recipient.outcome:
        case None:
            return _so_far(recipient)
        case _R.ANSWERED:
            return _answered(recipient) + _in_brackets(recipient.reason)
        case _R.STOPPED:
            return _stopped(recipient, winner)
        case _R.NOT_CONFIRMED:
            return f"{_answered(recipient)}, but did not press 1{_in_brackets(recipient.reason)}"
        case _R.NOT_ACCEPTED:
            return f"{_answered(recipient)}, but did not accept{_in_brackets(recipient.reason)}"
        case _R.PRESSED_TOO_LATE if recipient.late_by is not None:
            return f"Pressed 1 too late ({interval(recipient.late_by)} after {winner})"
        case _R.PRESSED_TOO_LATE:
            return "Pressed 1 too late"
        case _R.TOO_LATE if recipient.late_by is not None:
            return f"Answered too late ({interval(recipient.late_by)} after {winner})"
        case _R.TOO_LATE:
            return "Answered too late"
        case _R.NO_ANSWER:
            return f"No answer ({_rang(recipient)})"
        case _R.UNREACHABLE:
            return f"Not reachable ({_why_unreachable(recipient)})"
        case _R.REFUSED:
            return f"Refused{_in_brackets(_status(recipient))}"
        case _R.REDIRECTED:
            return f"Forwarding ignored{_in_brackets(_status(recipient))}"
        case _R.FAILED:
            return f"Answered, but could not be connected{_in_brackets(recipient.reason)}"
        case _R.SKIPPED:
            return f"Skipped{_in_brackets(recipient.reason)}"
        case _R.STEP_ENDED:
            return f"Stopped: {recipient.lost_to or 'somebody'} refused the call for everyone"
        case _R.DECLINED:
            return "Declined"
        case _R.BUSY:
            return "Busy"
        case _R.CALLER_HUNG_UP if recipient.answered_at is not None:
            return f"{_answered(recipient)}, but the caller had hung up"
        case _R.CALLER_HUNG_UP if recipient.invited_at is None:
            return "Not called: the caller hung up"
        case _R.CALLER_HUNG_UP:
            return "Caller hung up"


def call_sentence(record: CallRecord) -> str:
    """What became of a call: "Ana answered after 6.2 s; talked 3 min 04 s; the caller hung up"."""
    match record.outcome:
        case None:
            return _now(record)
        case _C.ANSWERED:
            return f"{record.answered_by} answered{_answered_details(record)}"
        case _C.ABANDONED:
            return f"The caller hung up{_after(record.started_at, record.ended_at)}; {_who_rang(record)}"
        case _C.FAILED:
            return f"The call could not be connected{_colon(record.reason)}"
        case _C.REFUSED if record.status == 200:  # the flow had answered
            return f"Nobody was connected{_colon(record.reason)}"
        case _C.REFUSED:
            return f"Refused{_colon(_call_status(record))}"
        case _C.INTERRUPTED:
            return INTERRUPTED
        case _C.VOICEMAIL:
            message = f"he caller left a message of {interval(round(record.voicemail_seconds * 1e6))}"
            return f"{_nobody(record)}; t{message}" if record.recipients else f"T{message}"
        case _C.SERVED:
            who = "the caller hung up" if record.ended_by == "caller" else "the flow ended"
            return f"Nobody was rung; {who}{_after(record.started_at, record.ended_at)}"
        case _:  # busy, declined, no answer, not reachable
            return _nobody(record)


def interval(microseconds: int) -> str:
    """A length of time as people say it: 0.4 ms, 8 ms, 6.2 s, 20 s, 3 min 04 s, 1 h 02 min."""
    if microseconds < 1_000:
        return f"{max(microseconds, 0) / 1000:.1f} ms"
    if microseconds < 999_500:
        return f"{microseconds / 1000:.0f} ms"
    if microseconds < 9_950_000:
        return f"{microseconds / 1e6:.1f} s"
    seconds = round(microseconds / 1e6)
    if seconds < 60:
        return f"{seconds} s"
    minutes, seconds = divmod(seconds, 60)
    if minutes < 60:
        return f"{minutes} min {seconds:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def _so_far(recipient: RecipientRecord) -> str:
    if recipient.answered_at is not None:
        return "Answered, asked whether to take the call"
    return "Ringing" if recipient.ringing_at is not None else "Calling"


def _answered(recipient: RecipientRecord) -> str:
    return "Answered" + _after(recipient.invited_at, recipient.answered_at)


def _stopped(recipient: RecipientRecord, winner: str) -> str:
    if recipient.answered_at is not None:
        return f"{_answered(recipient)}, but {winner} took the call first"
    return f"{'Not called' if recipient.invited_at is None else 'Stopped'}: {winner} answered"


def _now(record: CallRecord) -> str:
    if record.answered_by is not None:
        return f"Talking to {record.answered_by}"
    names = _joined([recipient.name for recipient in record.recipients if recipient.outcome is None])
    return f"Ringing {names}" if names else "Just begun"


def _answered_details(record: CallRecord) -> str:
    text = _after(record.started_at, record.answered_at)
    if record.answered_at is not None and record.ended_at is not None:
        text += f"; talked {interval(_talk_ended(record, record.ended_at) - record.answered_at)}"
    match record.ended_by:
        case "":
            return text
        case "caller":
            return f"{text}; the caller hung up"
        case "service" if record.reason.startswith(THE_FLOW_ENDED):
            return f"{text}; {record.reason}"
        case "service":
            return f"{text}; ended by the service{_in_brackets(record.reason)}"
        case name:
            return f"{text}; {name} hung up"


def _talk_ended(record: CallRecord, ended_at: int) -> int:
    """When whoever answered hung up: the flow may have had something more for the caller."""
    ends = [recipient.ended_at for recipient in record.recipients if recipient.leg == record.answered_leg]
    return next((end for end in ends if end is not None), ended_at)


def _who_rang(record: CallRecord) -> str:
    rang = [recipient.name for recipient in record.recipients if recipient.ringing_at is not None]
    return f"{_joined(rang)} had rung" if rang else "nobody had rung yet"


def _nobody(record: CallRecord) -> str:
    """No recipient took the call: all for one reason, or each for its own."""
    ended = [recipient for recipient in record.recipients if recipient.outcome in _DID]
    outcomes = {recipient.outcome for recipient in ended}
    if not ended:
        return f"Nobody could be rung{_colon(_call_status(record))}"
    if len(ended) == 1:
        return f"{ended[0].name} {_did(ended[0])}{_within(record, outcomes)}"
    if outcomes == {_R.NO_ANSWER}:
        return f"Nobody answered{_within(record, outcomes)}"
    if len(outcomes) == 1:
        who = "Both recipients" if len(ended) == 2 else f"All {len(ended)} recipients"
        return f"{who} {_did(ended[0], all_of_them=True)}"
    return "Nobody answered: " + ", ".join(f"{recipient.name} {_did(recipient)}" for recipient in ended)


def _did(recipient: RecipientRecord, all_of_them: bool = False) -> str:
    assert recipient.outcome is not None
    return _DID[recipient.outcome][all_of_them]


def _within(record: CallRecord, outcomes: set[RecipientOutcome | None]) -> str:
    if outcomes != {_R.NO_ANSWER} or record.ended_at is None:
        return ""
    rang = [recipient.ended_at for recipient in record.recipients if recipient.ended_at is not None]
    return f" within {interval(max(rang, default=record.ended_at) - record.started_at)}"


def _rang(recipient: RecipientRecord) -> str:
    if recipient.ringing_at is None:
        return "never rang"
    if recipient.ended_at is None:
        return "rang"
    return f"rang {interval(recipient.ended_at - recipient.ringing_at)}"


def _why_unreachable(recipient: RecipientRecord) -> str:
    if recipient.status is not None and recipient.status != 408:
        return _status(recipient)
    if recipient.status is None and recipient.reason:
        return recipient.reason
    if recipient.invited_at is None or recipient.ended_at is None:
        return "no reply"
    return f"no reply in {interval(recipient.ended_at - recipient.invited_at)}"


def _status(recipient: RecipientRecord) -> str:
    if recipient.status is None:
        return recipient.reason
    return f"{recipient.status} {recipient.reason}".rstrip()


def _call_status(record: CallRecord) -> str:
    if record.status in (None, 200):  # the flow had answered
        return record.reason
    return f"{record.status} {record.reason}".rstrip()


def _after(start: int | None, end: int | None) -> str:
    return "" if start is None or end is None else f" after {interval(end - start)}"


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _colon(text: str) -> str:
    return f": {text}" if text else ""


def _joined(names: list[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
