"""What a webhook is told: an event of a call, and the JSON that is made of it."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import msgspec

from b2bua import records
from b2bua.calls.record import CallRecord, readable

ENDED: Final = "call.ended"
EVENTS: Final = ("call.started", "recipient.ringing", "recipient.answered", "call.answered", ENDED)

_encode = msgspec.json.Encoder().encode


class Happened(NamedTuple):
    """One event. at: microseconds since 1970; sequence: from 1, of the call, 0 of the end of a
    call that was cut off with its process; leg: the recipient's, 0 for none.

    The record is the call's own and goes on to be filled: only what does not change any more may be read of it.
    """

    event: str
    at: int
    sequence: int
    leg: int
    record: CallRecord

    @property
    def key(self) -> str:
        """The same however often, and after whatever restart, this is sent: what a receiver tells repeats by."""
        return f"{self.record.id}-{'ended' if self.event == ENDED else self.sequence}"


def body_of(happened: Happened) -> bytes:
    """The JSON that is posted; times are microseconds since 1970, UTC."""
    record = happened.record
    body: dict[str, Any] = {
        "key": happened.key,
        "event": happened.event,
        "call": record.id,
        "sequence": happened.sequence,
        "at": happened.at,
        "started_at": record.started_at,
        "trunk": record.trunk,
        "caller": record.caller,
        "caller_name": record.caller_name,
        "dialled": record.dialled,
        "number_name": record.number_name,
    }
    if happened.leg:
        body["recipient"] = _recipient(happened)
    if happened.event == ENDED:
        body["record"] = records.as_json(record, with_trace=False)
    return _encode(body)


def _recipient(happened: Happened) -> dict[str, Any] | None:
    """Who it is; None of a call whose recipients were lost with the process that rang them."""
    for each in happened.record.recipients:
        if each.leg == happened.leg:
            # The address may be one that a redirect gave: readable only once the record is complete.
            return {"leg": each.leg, "name": each.name, "uri": readable(each.uri)}
    return None
