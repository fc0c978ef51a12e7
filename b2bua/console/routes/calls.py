"""The log of calls, one call, and what can be taken away of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response
from fastapi.responses import FileResponse, StreamingResponse
from pydantic import BaseModel, ConfigDict, Field

from b2bua.calls.record import CallRecord
from b2bua.console import shapes
from b2bua.console.access import AtDesk, Editor, Viewer, Visitor
from b2bua.console.answers import File, Json, attachment
from b2bua.console.call_list import GROUPS, Cursor, Wanted, all_pages, read_page
from b2bua.console.call_page import csv_heading, csv_lines, line, page
from b2bua.console.desk import Desk
from b2bua.console.refusal import Refusal, Wrong
from b2bua.control import ControlError, up_to_date
from b2bua.store import StoreError
from b2bua.traces import pcap, scenario

router = APIRouter(prefix="/api", tags=["calls"])

EXPORT_PAGE = 200  # calls that an export reads at a time
CORE_LIMIT = 2.0  # seconds that a page waits for what only the core knows
_LATEST = 1 << 62  # microseconds


class CallQuery(BaseModel):
    """Which calls; what is absent does not filter. Times are microseconds since 1970."""

    model_config = ConfigDict(extra="forbid")

    since: int | None = Field(default=None, ge=0, le=_LATEST, description="Begun then or later")
    until: int | None = Field(default=None, ge=0, le=_LATEST, description="Begun before that")
    outcome: str = Field(
        default="",
        max_length=300,
        description=f"Of these outcomes, or groups of them, with commas between: {', '.join(GROUPS)}",
    )
    number: str = Field(
        default="", max_length=64, description="To this number: as it is dialled, or its name"
    )
    caller: str = Field(
        default="", max_length=64, description="Of this caller; not for viewers with masked numbers"
    )
    answered_by: str = Field(default="", max_length=64, description="Answered by this recipient")
    ring_tests: bool = Field(default=False, description="Ring tests too")
    q: str = Field(default="", max_length=100, description="With this text in it, wherever")


class PageQuery(CallQuery):
    cursor: str = Field(default="", max_length=50, description="`next` of the page before")
    limit: int = Field(default=50, ge=1, le=200)


@router.get(
    "/calls", responses={200: {"model": shapes.CallsShape}}, summary="Calls, newest first, a page at a time"
)
async def calls(asked: Annotated[PageQuery, Query()], visitor: Viewer, desk: AtDesk) -> Response:
    wanted = _wanted(asked, visitor, asked.limit, asked.cursor)
    found = await read_page(desk.engine, wanted)
    now = await _as_they_are(desk, found.calls)
    return Json(
        {
            "calls": [line(record, visitor.mask) for record in now],
            "next": None if found.next is None else str(found.next),
            "searched_back_to": found.searched_back_to,
        }
    )


@router.get("/calls.csv", summary="All calls of a filter as comma-separated values")
async def export(asked: Annotated[CallQuery, Query()], visitor: Viewer, desk: AtDesk) -> Response:
    wanted = _wanted(asked, visitor, EXPORT_PAGE, "")
    await desk.audit.note(visitor.author, "calls.export", asked.model_dump_json(exclude_defaults=True))
    headers = {"Content-Disposition": attachment("calls.csv"), "Cache-Control": "no-store"}
    lines = _exported(desk, wanted, visitor)
    return StreamingResponse(lines, media_type="text/csv; charset=utf-8", headers=headers)


async def _exported(desk: Desk, wanted: Wanted, visitor: Visitor) -> AsyncIterator[str]:
    yield csv_heading()
    async for found in all_pages(desk.engine, wanted):
        yield csv_lines(found, visitor.mask)


@router.get(
    "/calls/{key}",
    responses={200: {"model": shapes.OneCallShape}},
    summary="One call: by its id, the beginning of it, or `last`",
)
async def one_call(key: str, visitor: Viewer, desk: AtDesk) -> Response:
    record = await _call(desk, key)
    made = page(record, visitor.mask, visitor.sees_all)
    return Json(made | {"downloads": _downloads(record, visitor)})


@router.get("/calls/{key}/pcap", summary="The SIP messages of a call, for Wireshark")
async def capture(key: str, visitor: Editor, desk: AtDesk) -> Response:
    record = await _call(desk, key)
    if not record.trace:
        raise Refusal(404, "No messages of this call are kept: see records.trace and records.keep_traces.")
    await desk.audit.note(visitor.author, "call.pcap", record.id)
    return File(pcap.capture(record.trace), f"{record.id}.pcap", pcap.MEDIA_TYPE)


@router.get("/calls/{key}/scenario", summary="One side of a call as a SIPp scenario")
async def sipp_scenario(
    key: str, visitor: Editor, desk: AtDesk, leg: Annotated[int, Query(ge=0, le=1000)] = 0
) -> Response:
    record = await _call(desk, key)
    try:
        text = scenario.render(record, leg)
    except scenario.ScenarioError as problem:
        raise Refusal(404, str(problem)) from problem
    await desk.audit.note(visitor.author, "call.scenario", record.id)
    return File(text, f"{record.id}-{leg}.xml", "application/xml")


@router.get("/calls/{key}/voicemail", summary="The message that the caller has left")
async def voicemail(key: str, visitor: Editor, desk: AtDesk) -> Response:
    record = await _call(desk, key)
    file = Path(record.voicemail)
    if not record.voicemail or not await asyncio.to_thread(_is_kept, file, desk.config.records.messages):
        raise Refusal(404, "There is no message of this call, or not any more.")
    await desk.audit.note(visitor.author, "call.voicemail", record.id)
    return FileResponse(
        file, media_type="audio/wav", filename=f"{record.id}.wav", content_disposition_type="inline"
    )


def _is_kept(file: Path, messages: str) -> bool:
    """Whether a file is there, and is one of our messages: nothing else is ever given out by that way."""
    return file.resolve().is_relative_to(Path(messages).resolve()) and file.is_file()


async def _call(desk: Desk, key: str) -> CallRecord:
    try:
        record = await desk.archive.call(key)
    except StoreError as problem:
        if problem.__cause__ is None:  # nothing failed: the beginning of an id fits more than one
            raise Refusal(409, str(problem)) from problem
        raise
    if record is None:
        raise Refusal(404, f"There is no call {key}.")
    return (await _as_they_are(desk, [record], with_messages=True))[0]


async def _as_they_are(
    desk: Desk, records: Sequence[CallRecord], with_messages: bool = False
) -> Sequence[CallRecord]:
    """The database has the beginnings of running calls: the core has the rest, while it is there."""
    running = [record.id for record in records if record.outcome is None]
    if not running:
        return records
    try:
        async with asyncio.timeout(CORE_LIMIT):
            answer = await desk.core.ask({"command": "records", "calls": running, "messages": with_messages})
        return up_to_date(records, answer)
    except (ControlError, TimeoutError):
        return records


def _downloads(record: CallRecord, visitor: Visitor) -> dict[str, Any]:
    """What this visitor may take away of a call, as there is any."""
    place = f"/api/calls/{record.id}"
    found: dict[str, Any] = {}
    if visitor.sees_all and record.voicemail:
        message = {"name": record.mailbox, "url": f"{place}/voicemail", "seconds": record.voicemail_seconds}
        found["recordings"] = [message]
    if not visitor.sees_all or not record.trace:
        return found
    sides = [(0, "caller"), *((each.leg, each.name) for each in record.recipients)]
    traced = {entry.leg for entry in record.trace}
    return found | {
        "pcap": f"{place}/pcap",
        "scenarios": [
            {"leg": leg, "name": name, "url": f"{place}/scenario?leg={leg}"}
            for leg, name in sides
            if leg in traced
        ],
    }


def _wanted(asked: CallQuery, visitor: Visitor, limit: int, cursor: str) -> Wanted:
    """Raises Refusal for a filter that cannot be, or that would tell a viewer what is masked for him."""
    if asked.caller and visitor.mask.is_on:
        raise Refusal(
            403, [Wrong("caller", "Numbers are masked for viewers: ask an editor to look for a caller.")]
        )
    try:
        at = Cursor.read(cursor) if cursor else None
    except ValueError as problem:
        raise Refusal(422, [Wrong("cursor", str(problem))]) from problem
    return Wanted(
        since=asked.since,
        until=asked.until,
        outcomes=_outcomes(asked.outcome),
        number=asked.number,
        caller=asked.caller,
        answered_by=asked.answered_by,
        text=asked.q.strip(),
        ring_tests=asked.ring_tests,
        may_search_callers=not visitor.mask.is_on,
        cursor=at,
        limit=limit,
    )


def _outcomes(text: str) -> tuple[str, ...]:
    words = [word.strip() for word in text.split(",") if word.strip()]
    for word in words:
        if word not in GROUPS:
            raise Refusal(422, [Wrong("outcome", f'"{word}" is none. Write some of: {", ".join(GROUPS)}.')])
    return tuple(outcome for word in words for outcome in GROUPS[word])
