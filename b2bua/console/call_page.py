"""Calls as JSON: a line of the log, a call's own page with its ladder, a row of an export."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final

from b2bua import records
from b2bua.calls.record import CallRecord, RecipientRecord, TraceEntry
from b2bua.calls.sentences import call_sentence, recipient_sentence
from b2bua.console.masking import Mask

CSV_HEADINGS: Final = (
    *("time", "caller", "caller name", "dialled", "number", "outcome", "answered by"),
    *("rang (s)", "talked (s)", "what happened", "recipients", "status", "id"),
)
# What a spreadsheet takes for a formula; a caller chooses his name himself.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")


def line(record: CallRecord, mask: Mask) -> dict[str, Any]:
    """A call of the log, recipients included."""
    made = records.as_json(record, with_trace=False)
    made["sentence"] = record.sentence or call_sentence(record)
    made["voicemail"] = bool(record.voicemail)  # where the file is concerns nobody
    for recipient, told in zip(record.recipients, made["recipients"], strict=True):
        told["sentence"] = recipient.sentence or recipient_sentence(recipient, record)
    masked: dict[str, Any] = mask.value(made)
    caller = record.caller.lstrip("+")
    if mask.is_on and mask.name(record.caller) != record.caller:
        for told in (masked, *masked["recipients"]):
            if caller in told["sip_call_id"]:  # some systems write the number into it
                told["sip_call_id"] = ""
    return masked


def page(record: CallRecord, mask: Mask, sees_all: bool) -> dict[str, Any]:
    """A call whole: also streams, how they sounded, and messages; their text for those who see all."""
    whole = records.as_json(record)
    media = mask.value({name: whole[name] for name in ("streams", "quality")})
    made: dict[str, Any] = line(record, mask) | media
    return made | {"messages": messages(record, mask, sees_all)}


def messages(record: CallRecord, mask: Mask, sees_all: bool) -> list[dict[str, Any]]:
    """The messages of a call for its ladder, in order."""
    seen: set[tuple[int, bool, bytes]] = set()
    made = []
    for entry in sorted(record.trace, key=lambda entry: entry.at):
        key = (entry.leg, entry.received, entry.data)
        made.append(_message(entry, key in seen, mask, sees_all))
        seen.add(key)
    return made


def _message(entry: TraceEntry, is_again: bool, mask: Mask, sees_all: bool) -> dict[str, Any]:
    read = records.summary(entry.data)
    return {
        "at": entry.at,
        "leg": entry.leg,
        "received": entry.received,
        "transport": entry.transport,
        "local": entry.local,
        "remote": entry.remote,
        "name": mask.text(read.name),
        "is_response": read.is_response,
        "cseq": read.cseq,
        "has_sdp": read.has_sdp,
        "reason": mask.text(read.reason),
        "is_again": is_again,
        "text": records.as_text(entry.data) if sees_all else None,
    }


# An export.


def csv_lines(found: Iterable[CallRecord], mask: Mask) -> str:
    """Rows of an export (RFC 4180), without the headings."""
    written = io.StringIO()
    writer = csv.writer(written)
    writer.writerows([_cell(value) for value in _row(record, mask)] for record in found)
    return written.getvalue()


def csv_heading() -> str:
    written = io.StringIO()
    csv.writer(written).writerow(CSV_HEADINGS)
    return written.getvalue()


def _row(record: CallRecord, mask: Mask) -> tuple[object, ...]:
    return (
        datetime.fromtimestamp(record.started_at / 1e6, UTC).isoformat(timespec="milliseconds"),
        mask.name(record.caller),
        mask.name(record.caller_name),
        record.dialled,
        record.number_name,
        record.outcome.value if record.outcome else "running",
        mask.text(record.answered_by or ""),
        _seconds(record.started_at, records.rang_until(record)),
        _seconds(record.answered_at, record.ended_at),
        mask.text(record.sentence or call_sentence(record)),
        mask.text("; ".join(_told(recipient, record) for recipient in record.recipients)),
        record.status or "",
        record.id,
    )


def _told(recipient: RecipientRecord, record: CallRecord) -> str:
    return f"{recipient.name}: {recipient.sentence or recipient_sentence(recipient, record)}"


def _seconds(start: int | None, end: int | None) -> str:
    return "" if start is None or end is None else f"{(end - start) / 1e6:.3f}"


def _cell(value: object) -> object:
    """Text that no spreadsheet takes for a formula; a phone number is none."""
    if not isinstance(value, str) or not value.startswith(_FORMULA) or value[1:].isdigit():
        return value
    return "'" + value
