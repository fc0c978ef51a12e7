"""Call records as rows, and back."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Literal, NamedTuple

import msgspec
from sqlalchemy import ClauseElement, Dialect, Table, bindparam, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from b2bua.calls.record import (
    CallOutcome,
    CallRecord,
    NotedTrace,
    RecipientOutcome,
    RecipientRecord,
    StreamRecord,
    TraceEntry,
)
from b2bua.store import schema
from sip_stack.trace import Traced

TraceKind = Literal["full", "ladder", "off"]
Row = tuple[Any, ...]


class _Noted(msgspec.Struct):
    """A NotedTrace in msgpack: a map, which tells it from the array of a list of entries."""

    offset: float
    places: Mapping[str, str]
    messages: Sequence[Traced]


_encode_trace = msgspec.msgpack.Encoder().encode
_decode_entries = msgspec.msgpack.Decoder(list[TraceEntry]).decode
_decode_noted = msgspec.msgpack.Decoder(_Noted).decode
_MAP_MARKS: Final = range(0x80, 0x90)  # of msgpack: "fixmap", a map of up to fifteen
# Level 1 costs half of level 6 and loses an eighth of the room.
_COMPRESSION: Final = 1
_ZLIB_MARK: Final = 0x78  # RFC 1950 §2.2: deflate, 32 KiB window; no msgpack array or map begins so

# Compressing the trace is half of what a call's record costs. With that many calls in one batch time is
# dearer than room (six times as much), and traces are kept as they are.
BUSY_BATCH: Final = 25

_CALL_COLUMNS: Final = tuple(column.name for column in schema.call.columns if column.name != "number")
# What a call's record says from its first moment on. Most indexes are of these: left alone at the call's end, so are
# they.
_FROM_THE_START: Final = frozenset((
    "id", "trunk", "source", "caller", "caller_name", "dialled", "number_name", "started_at",
))  # fmt: skip
_OUTCOME = _CALL_COLUMNS.index("outcome")
_REASON = _CALL_COLUMNS.index("reason")


class Rows(NamedTuple):
    """What one batch writes, by table, in the order of the statements' parameters."""

    calls: list[Row]
    recipients: list[Row]
    streams: list[Row]
    traces: list[Row]


class Statements(NamedTuple):
    """SQL in the driver's own words, its parameters by position, made once for a dialect."""

    call: str
    recipient: str
    stream: str
    trace: str


def statements(dialect: Dialect) -> Statements:
    """A call's row may be there since it began; rows of the other tables are written once only."""
    return Statements(
        _upsert(dialect),
        _insertion(dialect, schema.recipient),
        _insertion(dialect, schema.stream),
        _insertion(dialect, schema.trace),
    )


def _make(dialect: Dialect, table: Table) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if dialect.name == "postgresql" else sqlite.insert(table)


def _upsert(dialect: Dialect) -> str:
    insertion = _make(dialect, schema.call).values(dict.fromkeys(_CALL_COLUMNS))
    changed = {column: insertion.excluded[column] for column in _CALL_COLUMNS if column not in _FROM_THE_START}
    statement = insertion.on_conflict_do_update(index_elements=["id"], set_=changed)
    return _compiled(statement, dialect, _CALL_COLUMNS)


def _insertion(dialect: Dialect, table: Table) -> str:
    """Insert a row under its call's number, which is looked up by the id: the last parameter."""
    columns = [column for column in table.columns if column.name != "call_number"]
    given = [bindparam(column.name, type_=column.type) for column in columns]
    call = schema.call.c
    chosen = select(call.number, *given).where(call.id == bindparam("id", type_=call.id.type))
    names = [column.name for column in columns]
    statement = _make(dialect, table).from_select(["call_number", *names], chosen).on_conflict_do_nothing()
    return _compiled(statement, dialect, [*names, "id"])


def _compiled(statement: ClauseElement, dialect: Dialect, parameters: Sequence[str]) -> str:
    compiled = statement.compile(dialect=dialect, column_keys=list(parameters))
    assert isinstance(compiled, SQLCompiler)
    assert list(compiled.positiontup or ()) == list(parameters), "rows are made in this order"
    return str(compiled)


def rows_of(begun: Iterable[CallRecord], finished: Iterable[CallRecord], kind: TraceKind) -> Rows:
    """Runs in a thread beside the loop: reads the records, changes nothing."""
    rows = Rows([], [], [], [])
    for record in begun:
        rows.calls.append(_begun_row(record))
    finished = list(finished)
    for record in finished:
        _add_finished(rows, record, kind, len(finished) < BUSY_BATCH)
    return rows


def _begun_row(record: CallRecord) -> Row:
    """A call that runs on has no outcome here, even if it gets one while this is being written.

    Whom it rings, or who talks, stands in its reason, for should it never be finished: a row for each of them now, and
    again at the end, would cost some 20 us a call, this less than half of one.
    """
    row = list(_call_row(record))
    row[_OUTCOME] = None
    if record.answered_by is not None:
        others = [each.name for each in record.recipients if each.leg != record.answered_leg]
        row[_REASON] = f"was talking with {record.answered_by}" + (f"; also rang {', '.join(others)}" if others else "")
    elif record.recipients and not record.reason:
        row[_REASON] = f"was ringing {', '.join([each.name for each in record.recipients])}"
    return tuple(row)


def _add_finished(rows: Rows, record: CallRecord, kind: TraceKind, compressed: bool) -> None:
    rows.calls.append(_call_row(record))
    for one in record.recipients:
        rows.recipients.append(_recipient_row(record.id, one))
    for stream in record.streams:
        rows.streams.append(_stream_row(record.id, stream))
    if kind != "off" and record.trace:
        rows.traces.append((pack_trace(record.trace, kind, compressed), record.id))


def _call_row(record: CallRecord) -> Row:
    outcome = record.outcome
    return (
        record.id,
        record.trunk,
        record.source,
        record.caller,
        record.caller_name,
        record.dialled,
        record.number_name,
        record.sip_call_id,
        record.started_at,
        None if outcome is None else outcome._value_,
        record.sentence,
        record.answered_by,
        record.answered_leg,
        record.ringing_at,
        record.answered_at,
        record.ended_at,
        record.ended_by,
        record.status,
        record.reason,
        record.configuration,
        record.flow,
        record.flow_version,
        " ".join(record.steps) if record.steps else "",
        record.mailbox,
        record.voicemail,
        record.voicemail_seconds,
    )


def _recipient_row(call_id: str, recipient: RecipientRecord) -> Row:
    outcome = recipient.outcome
    return (
        recipient.leg,
        recipient.name,
        recipient.uri,
        None if outcome is None else outcome._value_,
        recipient.sentence,
        recipient.status,
        recipient.reason,
        recipient.sip_call_id,
        recipient.invited_at,
        recipient.ringing_at,
        recipient.answered_at,
        recipient.ended_at,
        recipient.late_by,
        call_id,
    )


def _stream_row(call_id: str, stream: StreamRecord) -> Row:
    return (
        stream.leg,
        stream.medium,
        stream.packets,
        stream.octets,
        stream.lost,
        stream.jitter,
        stream.ssrc,
        stream.payload_type,
        stream.sent_packets,
        stream.strangers,
        stream.longest_gap,
        stream.far,
        stream.ssrc_changes,
        stream.malformed,
        stream.rtcp_packets,
        stream.owed,
        stream.silent,
        msgspec.json.encode(stream.drops).decode() if stream.drops else "",
        stream.codec,
        stream.heard_by,
        stream.round_trip,
        stream.reported_lost,
        stream.reported_jitter,
        stream.mos,
        stream.is_one_way,
        call_id,
    )


def pack_trace(entries: Sequence[TraceEntry], kind: TraceKind = "full", compressed: bool = True) -> bytes:
    """All messages of a call in one blob of msgpack. "ladder" leaves the bodies out.

    What the stack has noted is kept as it is, and made into entries by whoever reads it.
    """
    if kind == "ladder":
        packed = _encode_trace([entry._replace(data=_without_body(entry.data)) for entry in entries])
    elif isinstance(entries, NotedTrace):
        packed = _encode_trace(_Noted(entries.offset, entries.places, entries.messages))
    else:
        packed = _encode_trace(entries)
    return zlib.compress(packed, _COMPRESSION) if compressed else packed


def unpack_trace(body: bytes) -> list[TraceEntry]:
    packed = zlib.decompress(body) if body[0] == _ZLIB_MARK else body
    if packed[0] not in _MAP_MARKS:
        return _decode_entries(packed)
    noted = _decode_noted(packed)
    return list(NotedTrace(noted.messages, noted.offset, noted.places))


def _without_body(message: bytes) -> bytes:
    headers, separator, _ = message.partition(b"\r\n\r\n")
    return headers + separator


def call_of(row: Any) -> CallRecord:
    """A CallRecord of a row of schema.call, with no recipients, streams or trace yet."""
    fields = dict(row._mapping)
    del fields["number"]
    outcome, steps = fields.pop("outcome"), fields.pop("steps")
    return CallRecord(
        outcome=None if outcome is None else CallOutcome(outcome), steps=steps.split(), **fields
    )


def recipient_of(row: Any) -> RecipientRecord:
    fields = dict(row._mapping)
    del fields["call_number"]
    outcome = fields.pop("outcome")
    return RecipientRecord(outcome=None if outcome is None else RecipientOutcome(outcome), **fields)


def stream_of(row: Any) -> StreamRecord:
    fields = dict(row._mapping)
    del fields["call_number"]
    drops = fields.pop("drops")
    return StreamRecord(drops=msgspec.json.decode(drops, type=dict[str, int]) if drops else {}, **fields)
