"""Reading call records: a list by filters, or one call whole. May run beside a Store, in another process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, func, or_, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from b2bua.calls.record import CallRecord
from b2bua.store import schema
from b2bua.store.opening import StoreError, engine_for, file_of, said
from b2bua.store.rows import call_of, recipient_of, stream_of, unpack_trace


@dataclass(frozen=True, slots=True)
class CallFilter:
    """Which calls to list, newest first; what is empty does not filter.

    since, until: microseconds since 1970, of the start; until is not included.
    outcome: as CallOutcome's value, or "running".
    text: found anywhere in numbers, names, the sentence or an id.
    page: from 1.
    """

    since: int | None = None
    until: int | None = None
    caller: str = ""
    dialled: str = ""
    outcome: str = ""
    answered_by: str = ""
    text: str = ""
    limit: int = 20
    page: int = 1


class Archive:
    """The reader of call records. ``async with Archive(url) as archive``."""

    def __init__(self, url: str) -> None:
        """url: a SQLAlchemy URL or a path. Raises StoreError when it can be no database."""
        file = file_of(url)
        if file is not None and not file.exists():
            raise StoreError(
                f"there is no database {file}: has the service run yet, with this configuration?"
            )
        self._url = url
        self._engine: AsyncEngine = engine_for(url)

    async def __aenter__(self) -> Archive:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._engine.dispose()

    async def calls(self, wanted: CallFilter = CallFilter()) -> list[CallRecord]:
        """The calls of one page, with their recipients, without streams and trace."""
        call = schema.call
        query = _filtered(select(call), wanted).order_by(call.c.started_at.desc(), call.c.number.desc())
        query = query.limit(wanted.limit).offset((max(wanted.page, 1) - 1) * wanted.limit)
        try:
            async with self._engine.connect() as connection:
                records = {row.number: call_of(row) for row in await connection.execute(query)}
                await _add_recipients(connection, records)
        except SQLAlchemyError as problem:
            raise StoreError(f"{self._url} cannot be read: {said(problem)}") from problem
        return list(records.values())

    async def count(self, wanted: CallFilter = CallFilter()) -> int:
        """How many calls the filter lets through, on all pages."""
        try:
            async with self._engine.connect() as connection:
                query = _filtered(select(func.count()).select_from(schema.call), wanted)
                return int((await connection.execute(query)).scalar_one())
        except SQLAlchemyError as problem:
            raise StoreError(f"{self._url} cannot be read: {said(problem)}") from problem

    async def call(self, key: str) -> CallRecord | None:
        """One call whole: by its id or the beginning of it, by its SIP Call-ID, or "last"; None for none.

        Raises StoreError when a beginning fits more than one.
        """
        try:
            async with self._engine.connect() as connection:
                found = await _found(connection, key)
                if found is None:
                    return None
                record = call_of(found)
                await _add_recipients(connection, {found.number: record})
                await _add_streams(connection, found.number, record)
                await _add_trace(connection, found.number, record)
        except SQLAlchemyError as problem:
            raise StoreError(f"{self._url} cannot be read: {said(problem)}") from problem
        return record


async def _found(connection: AsyncConnection, key: str) -> Any:
    call = schema.call
    if key == "last":
        return (await connection.execute(select(call).order_by(call.c.started_at.desc()).limit(1))).first()
    exact = (await connection.execute(select(call).where(call.c.id == key))).first()
    if exact is not None or not key:
        return exact
    query = select(call).where(or_(call.c.id.startswith(key, autoescape=True), call.c.sip_call_id == key))
    rows = (await connection.execute(query.order_by(call.c.started_at.desc()).limit(4))).all()
    if len(rows) > 1:
        ids = ", ".join(row.id for row in rows[:3])
        raise StoreError(f"{key} may be {ids}{' or others' if len(rows) > 3 else ''}: write more of it.")
    return rows[0] if rows else None


def _filtered(query: Select[Any], wanted: CallFilter) -> Select[Any]:
    call = schema.call.c
    if wanted.since is not None:
        query = query.where(call.started_at >= wanted.since)
    if wanted.until is not None:
        query = query.where(call.started_at < wanted.until)
    if wanted.outcome == "running":
        query = query.where(call.outcome.is_(None))
    for column, value in (
        (call.caller, wanted.caller),
        (call.dialled, wanted.dialled),
        (call.answered_by, wanted.answered_by),
        (call.outcome, "" if wanted.outcome == "running" else wanted.outcome),
    ):
        if value:
            query = query.where(column == value)
    if wanted.text:
        searched = (
            call.caller,
            call.caller_name,
            call.dialled,
            call.number_name,
            call.answered_by,
            call.sentence,
            call.id,
            call.sip_call_id,
        )
        query = query.where(or_(*(column.icontains(wanted.text, autoescape=True) for column in searched)))
    return query


async def _add_recipients(connection: AsyncConnection, records: dict[int, CallRecord]) -> None:
    column = schema.recipient.c
    query = select(schema.recipient).where(column.call_number.in_(records))
    for row in await connection.execute(query.order_by(column.call_number, column.leg)):
        records[row.call_number].recipients.append(recipient_of(row))


async def _add_streams(connection: AsyncConnection, number: int, record: CallRecord) -> None:
    column = schema.stream.c
    query = select(schema.stream).where(column.call_number == number).order_by(column.leg, column.medium)
    record.streams.extend(stream_of(row) for row in await connection.execute(query))


async def _add_trace(connection: AsyncConnection, number: int, record: CallRecord) -> None:
    query = select(schema.trace.c.body).where(schema.trace.c.call_number == number)
    body = (await connection.execute(query)).scalar()
    if body is not None:
        record.trace = unpack_trace(body)
