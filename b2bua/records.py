"""Call records for people: the list as a table, a call on one page, its SIP messages as a ladder.

Pure text in, text out; times are shown in the zone that is handed in (the machine's own for None).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo
from typing import Any, Final, NamedTuple

import msgspec

from b2bua.calls.quality import directions
from b2bua.calls.record import CallOutcome, CallRecord, RecipientRecord, StreamRecord, TraceEntry
from b2bua.calls.sentences import call_sentence, interval, recipient_sentence

ID_SHOWN: Final = 10  # characters of a call's id: enough to tell a day's calls apart
_BAR_WIDTH: Final = 48
_COLUMN: Final = 27  # between two lines of a ladder
_TIME_WIDTH: Final = 10
_NOT_ONLY_RUNG: Final = (CallOutcome.VOICEMAIL, CallOutcome.SERVED, CallOutcome.REFUSED)
_PAUSE: Final = 1_000_000  # microseconds of silence that a ladder shows by a dotted line

_CSEQ = re.compile(rb"\r\ncseq[ \t]*:[ \t]*(\d+)[ \t]+(\S+)", re.IGNORECASE)
_SDP = re.compile(rb"\r\n(?:content-type|c)[ \t]*:[ \t]*application/sdp", re.IGNORECASE)
_REASON = re.compile(rb'\r\nreason[ \t]*:[^\r]*text="?([^"\r;]*)', re.IGNORECASE)
# Packets that were for nobody: of somebody who was heard by us alone, or whose keys were for us.
_AS_MEANT: Final = ("not joined", "played over", "digit kept", "direction closed")

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Columns as wide as what stands in them, two spaces apart."""
    cells = [tuple(headings), *(tuple(printable(cell) for cell in row) for row in rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def printable(text: str) -> str:
    """Text from the wire made harmless to a terminal: no control characters, on one line."""
    return _CONTROL.sub("·", text).replace("\n", " ").replace("\t", " ")


def moment(microseconds: int | None, zone: tzinfo | None = None) -> str:
    if microseconds is None:
        return ""
    return datetime.fromtimestamp(microseconds / 1e6, zone).strftime("%Y-%m-%d %H:%M:%S")


def call_table(records: Sequence[CallRecord], zone: tzinfo | None = None) -> str:
    """The list of calls, as they are handed in."""
    headings = ("TIME", "CALLER", "DIALLED", "OUTCOME", "RANG", "TALKED", "CALL")
    return table(headings, (_call_row(record, zone) for record in records))


def _call_row(record: CallRecord, zone: tzinfo | None) -> tuple[str, ...]:
    until = rang_until(record)
    return (
        moment(record.started_at, zone),
        record.caller or "anonymous",
        f"{record.dialled} {record.number_name}".rstrip(),
        _short_outcome(record),
        interval(until - record.started_at) if until else "",
        interval(record.ended_at - record.answered_at) if record.answered_at and record.ended_at else "",
        record.id[:ID_SHOWN],
    )


def rang_until(record: CallRecord) -> int | None:
    """When it rang no more: for whoever was let off to a mailbox, with the last phone that stopped; None: never."""
    if record.answered_at is not None or record.outcome not in _NOT_ONLY_RUNG:
        return record.answered_at or record.ended_at
    return max((each.ended_at for each in record.recipients if each.ended_at is not None), default=None)


def _short_outcome(record: CallRecord) -> str:
    if record.outcome is None:
        return "running"
    if record.outcome is CallOutcome.ANSWERED:
        return f"{record.answered_by} answered"
    return str(record.outcome.value)


# One call


def page(record: CallRecord, zone: tzinfo | None = None) -> str:
    """A call on one page: what happened, to whom, when, the media, the ladder."""
    parts = [_heading(record, zone)]
    if record.recipients:
        parts += [_recipients(record), timeline(record)]
    if record.streams:
        parts.append(_media(record))
        parts += _quality(record)
    if record.trace:
        parts.append(ladder(record))
    return "\n\n".join(parts)


def _heading(record: CallRecord, zone: tzinfo | None) -> str:
    name = f' "{record.caller_name}"' if record.caller_name else ""
    number = f"{record.number_name} ({record.dialled})" if record.number_name else record.dialled
    lines = [
        f"{record.sentence or call_sentence(record)}.",
        "",
        f"Call      {record.id}",
        f"Time      {moment(record.started_at, zone)}",
        f"Caller    {record.caller or 'anonymous'}{name}",
        f"Trunk     {record.trunk or 'none'}, {record.source}",
        f"Dialled   {number}",
        f"Call-ID   {record.sip_call_id}",
    ]
    if record.status is not None:
        lines.append(f"Status    {record.status}" + (f", {record.reason}" if record.reason else ""))
    if record.steps or record.flow_version:
        version = f", version {record.flow_version}" if record.flow_version else ""
        steps = f": {' → '.join(record.steps)}" if record.steps else ""
        lines.append(f"Flow      {record.flow}{version}{steps}")
    if record.voicemail:
        length = interval(round(record.voicemail_seconds * 1e6))
        lines.append(f"Message   {length} for {record.mailbox}, {record.voicemail}")
    if record.configuration:
        lines.append(f"Version   {record.configuration} of the configuration")
    return "\n".join(printable(line) for line in lines)


def _recipients(record: CallRecord) -> str:
    headings = ("RECIPIENT", "OUTCOME", "RANG AT", "ANSWERED", "ENDED", "STATUS", "ADDRESS")
    return table(headings, (_recipient_row(recipient, record) for recipient in record.recipients))


def _recipient_row(recipient: RecipientRecord, record: CallRecord) -> tuple[str, ...]:
    start = record.started_at
    return (
        recipient.name,
        recipient.sentence or recipient_sentence(recipient, record),
        _offset(recipient.ringing_at, start),
        _offset(recipient.answered_at, start),
        _offset(recipient.ended_at, start),
        "" if recipient.status is None else str(recipient.status),
        recipient.uri,
    )


def _offset(at: int | None, start: int) -> str:
    return "" if at is None else f"{(at - start) / 1e6:.3f} s"


def _media(record: CallRecord) -> str:
    headings = (
        "MEDIA FROM",
        "PACKETS",
        "LOST",
        "JITTER",
        "LONGEST GAP",
        "SENT",
        "STRANGERS",
        "PAYLOAD",
        "ADDRESS",
    )
    return table(headings, (_stream_row(stream, record) for stream in record.streams))


def _stream_row(stream: StreamRecord, record: CallRecord) -> tuple[str, ...]:
    received = max(stream.packets + stream.lost, 1)
    return (
        _party(record, stream.leg) + (f" #{stream.medium}" if stream.medium else ""),
        str(stream.packets),
        f"{stream.lost} ({stream.lost / received:.1%})",
        f"{stream.jitter:.1f} ms",
        f"{stream.longest_gap:.2f} s",
        str(stream.sent_packets),
        str(stream.strangers),
        "" if stream.payload_type < 0 else str(stream.payload_type),
        stream.far,
    )


def _quality(record: CallRecord) -> list[str]:
    """A line for each direction, and one for what was dropped on its way and why."""
    lines = [
        direction.sentence(printable(_party(record, direction.speaker)), printable(_party(record, direction.listener)))
        + (f" (medium {direction.medium})" if direction.medium else "")
        for direction in directions(record.streams)
    ]
    for stream in record.streams:
        drops = dict(stream.drops)
        drops |= {why: n for why, n in (("stranger", stream.strangers), ("malformed", stream.malformed)) if n}
        lost = {why: packets for why, packets in drops.items() if why not in _AS_MEANT}
        if lost:
            told = ", ".join(f"{why} {packets}" for why, packets in lost.items())
            lines.append(f"{printable(_party(record, stream.leg))}, packets dropped: {told}")
    return ["\n".join(lines)] if lines else []


def _party(record: CallRecord, leg: int) -> str:
    if leg == 0:
        return "caller"
    return next((recipient.name for recipient in record.recipients if recipient.leg == leg), f"leg {leg}")


def timeline(record: CallRecord) -> str:
    """A bar for each recipient: . called, - ringing, = talking. Talk is cut short, ringing is to scale."""
    start = record.started_at
    times = [at for each in record.recipients for at in (each.ringing_at, each.answered_at) if at is not None]
    times += [each.ended_at for each in record.recipients if each.ended_at and each.answered_at is None]
    if record.answered_at is not None:
        times.append(round(record.answered_at + (record.answered_at - start) * 0.2))
    until = max([*times, start + 1])
    width = max(len(recipient.name) for recipient in record.recipients)
    lines = [
        f"{printable(each.name).ljust(width)}  |{_bar(each, start, until)}|" for each in record.recipients
    ]
    scale = f"{' ' * width}  0{interval(until - start):>{_BAR_WIDTH + 1}}   . calling  - ringing  = talking"
    return "\n".join([*lines, scale])


def _bar(recipient: RecipientRecord, start: int, until: int) -> str:
    def place(at: int | None) -> int:
        return (
            _BAR_WIDTH
            if at is None
            else max(min(round((at - start) / (until - start) * _BAR_WIDTH), _BAR_WIDTH), 0)
        )

    if recipient.invited_at is None:
        return " " * _BAR_WIDTH
    marks = (
        (recipient.invited_at, "."),
        (recipient.ringing_at, "-"),
        (recipient.answered_at, "="),
        (recipient.ended_at, " "),
    )
    bar = " " * _BAR_WIDTH
    for at, mark in marks:
        if at is not None:
            begin = place(at)
            bar = bar[:begin] + mark * (_BAR_WIDTH - begin)
    return bar


# The ladder


class Message(NamedTuple):
    """What a ladder says of a message. cseq: "1 INVITE"; reason: the text of its Reason header."""

    is_response: bool
    name: str  # "INVITE", or "180 Ringing"
    cseq: str
    has_sdp: bool
    reason: str

    def label(self, room: int) -> str:
        """The fullest wording of at most room characters; the mark of an SDP is the last to go."""
        number, _, method = self.cseq.partition(" ")
        sdp = " SDP" if self.has_sdp else ""
        if self.is_response:
            wordings = [
                f"{self.name} ({method} {number})",
                f"{self.name} ({method})",
                f"{self.name[:3]} ({method})",
            ]
        else:
            wordings = [f"{self.name} {number}".rstrip()]
        label = next((each for each in wordings if len(each + sdp) <= room), wordings[-1]) + sdp
        return (f"{label}: {self.reason}" if self.reason else label)[:room]


def summary(data: bytes) -> Message:
    """Read no more of a message than its line in a ladder needs; anything at all is taken."""
    first = data.split(b"\r\n", 1)[0].decode("utf-8", "replace")
    version, _, rest = first.partition(" ")
    is_response = version.upper().startswith("SIP/")
    cseq = _CSEQ.search(data)
    reason = _REASON.search(data)
    return Message(
        is_response=is_response,
        name=printable(rest if is_response else version)[:40],
        cseq="" if cseq is None else f"{int(cseq[1])} {cseq[2].decode('ascii', 'replace')}",
        has_sdp=_SDP.search(data) is not None,
        reason="" if reason is None else printable(reason[1].decode("utf-8", "replace")),
    )


def ladder(record: CallRecord) -> str:
    """All messages of all legs in the order of time: the caller's line, ours, one for each recipient."""
    legs = sorted({0} | {entry.leg for entry in record.trace})
    positions = {leg: _COLUMN * (number + 1) for number, leg in enumerate(legs)} | {0: 0}
    width = _COLUMN * len(legs)
    names = {0: "caller"} | {leg: _party(record, leg) for leg in legs if leg}
    head = _put(" " * (width + 12), [(positions[leg], name[: _COLUMN - 2]) for leg, name in names.items()])
    lines = [" " * _TIME_WIDTH + _put(head, [(_COLUMN, "service")]).rstrip()]
    verticals = sorted({*positions.values(), _COLUMN})
    seen: set[tuple[int, bool, bytes]] = set()
    previous: int | None = None
    for entry in sorted(record.trace, key=lambda entry: entry.at):
        if previous is not None and entry.at - previous >= _PAUSE:
            lines.append(" " * _TIME_WIDTH + _rails(width, verticals, ":"))
        previous = entry.at
        key = (entry.leg, entry.received, entry.data)
        again = " (again)" if key in seen else ""
        seen.add(key)
        time = f"{max(entry.at - record.started_at, 0) / 1e6:.3f}".rjust(_TIME_WIDTH - 2) + "  "
        lines.append(time + _arrow(_rails(width, verticals, "|"), entry, positions[entry.leg], again))
    return "\n".join(printable(line) for line in lines)


def _rails(width: int, verticals: Sequence[int], mark: str) -> str:
    return _put(" " * (width + 1), [(position, mark) for position in verticals])


def _arrow(rails: str, entry: TraceEntry, party: int, again: str) -> str:
    left, right = (0, _COLUMN) if entry.leg == 0 else (_COLUMN, party)
    goes_right = entry.received == (entry.leg == 0)
    shaft = "-" * (right - left - 1)
    shaft = shaft[:-1] + ">" if goes_right else "<" + shaft[1:]
    room = right - left - 5 - len(again)
    return _put(rails, [(left + 1, shaft), (left + 3, summary(entry.data).label(room) + again)]).rstrip()


def _put(line: str, texts: Iterable[tuple[int, str]]) -> str:
    for position, text in texts:
        line = line[:position] + text + line[position + len(text) :]
    return line


def messages(record: CallRecord) -> str:
    """All messages in full, one after the other."""
    parts = []
    for entry in sorted(record.trace, key=lambda entry: entry.at):
        direction = "from" if entry.received else "to"
        route = f"{entry.remote} > {entry.local}" if entry.received else f"{entry.local} > {entry.remote}"
        at = f"{(entry.at - record.started_at) / 1e6:.6f} s"
        text = "\n".join(printable(line) for line in as_text(entry.data).split("\r\n"))
        head = f"--- {at}  {direction} {_party(record, entry.leg)}  {entry.transport} {route}"
        parts.append(f"{printable(head)}\n{text}")
    return "\n".join(parts)


def as_text(data: bytes) -> str:
    """A message as text; what is not UTF-8 is shown as \\xNN."""
    return data.decode("utf-8", "backslashreplace")


def as_json(record: CallRecord, with_trace: bool = True) -> dict[str, Any]:
    """A record as JSON values, under its fields' names; a message's bytes as text."""
    made: dict[str, Any] = msgspec.to_builtins(
        {name: getattr(record, name) for name in record.__slots__ if name not in ("trace", "streams")}
    )
    if with_trace:
        made["streams"] = msgspec.to_builtins(record.streams)
        made["quality"] = [
            each._asdict()
            | {"verdict": each.verdict}
            | {"sentence": each.sentence(_party(record, each.speaker), _party(record, each.listener))}
            for each in directions(record.streams)
        ]
        made["trace"] = [entry._replace(data=as_text(entry.data))._asdict() for entry in record.trace]  # type: ignore[arg-type]
    return made
