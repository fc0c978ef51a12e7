"""Call flows in the database: numbered versions that never change, and at most one draft beside them.

What was published last is what calls go through; to restore a version is to publish it again, under a new
number, so that numbers tell the order of things. Each operation is one statement: of two people who publish
at the same time one finds that there is no draft any more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import delete, func, insert, literal, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from b2bua.calls.flow import Flow
from b2bua.config import ConfigError
from b2bua.config.loading import flows_in
from b2bua.flows.writing import written
from b2bua.store import schema
from b2bua.store.opening import open_engine
from b2bua.store.transaction import transaction

DRAFT = 0


class FlowError(Exception):
    """There is no such flow or version, or it cannot be read. The text is for a person."""


@dataclass(frozen=True, slots=True)
class FlowVersion:
    """One version as it is kept. Times are microseconds since 1970; version 0 is the draft."""

    flow: str
    version: int
    body: str
    note: str
    made_at: int
    made_by: str
    published_at: int | None
    published_by: str

    @property
    def is_draft(self) -> bool:
        return self.version == DRAFT

    def value(self) -> Flow:
        """The flow itself. Raises FlowError when this release cannot read it."""
        try:
            (flow,) = flows_in(self.body.encode(), f"{self.flow}, {named(self.version)}").values()
        except (ConfigError, ValueError) as problem:
            raise FlowError(f"{self.flow}, {named(self.version)}, cannot be read: {problem}") from problem
        return replace(flow, version=self.version)


@dataclass(frozen=True, slots=True)
class PublishedFlows:
    """Flows by name, as last published; problems tells of those that cannot be used."""

    flows: dict[str, Flow]
    problems: tuple[str, ...]


class FlowVersions:
    """The flows of one database. ``async with await FlowVersions.open(url) as versions``."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._clock = clock

    @classmethod
    async def open(cls, url: str, clock: Callable[[], float] = time.time) -> FlowVersions:
        """Open a database, made or migrated where needed. clock: seconds since 1970. Raises StoreError."""
        return cls(await open_engine(url), clock)

    async def __aenter__(self) -> FlowVersions:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        await self._engine.dispose()

    async def names(self) -> list[str]:
        """All flows that have a draft or a version, by name."""
        column = schema.flow_version.c.flow
        async with self._connection() as connection:
            return list((await connection.execute(select(column).distinct().order_by(column))).scalars())

    async def versions(self, flow: str) -> list[FlowVersion]:
        """The draft, if there is one, then all versions, the last one first."""
        column = schema.flow_version.c
        query = select(schema.flow_version).where(column.flow == flow)
        query = query.order_by(column.version != DRAFT, column.version.desc())
        async with self._connection() as connection:
            return [_version_of(row) for row in await connection.execute(query)]

    async def version(self, flow: str, version: int) -> FlowVersion:
        """One version, DRAFT for the draft. Raises FlowError when it is not there."""
        async with self._connection() as connection:
            found = await _found(connection, flow, version)
        if found is None:
            raise FlowError(f"{flow} has no {named(version)}.")
        return found

    async def published(self, flow: str) -> FlowVersion | None:
        """What calls go through; None when nothing was published."""
        async with self._connection() as connection:
            latest = await _latest(connection, flow)
            return await _found(connection, flow, latest) if latest else None

    async def all_published(self) -> PublishedFlows:
        """Every flow as it was last published, for a service that starts or reloads."""
        column = schema.flow_version.c
        latest = (
            select(column.flow, func.max(column.version).label("version"))
            .where(column.version > DRAFT)
            .group_by(column.flow)
            .subquery()
        )
        query = select(schema.flow_version).join(
            latest, (column.flow == latest.c.flow) & (column.version == latest.c.version)
        )
        flows: dict[str, Flow] = {}
        problems: list[str] = []
        async with self._connection() as connection:
            for row in await connection.execute(query.order_by(column.flow)):
                try:
                    flows[row.flow] = _version_of(row).value()
                except FlowError as problem:
                    problems.append(str(problem))
        return PublishedFlows(flows, tuple(problems))

    async def save_draft(self, flow: Flow, by: str, note: str = "") -> None:
        """Keep a flow as its draft, in place of the draft that there may be."""
        column = schema.flow_version.c
        row = {"flow": flow.name, "version": DRAFT, "body": written(flow), "note": note}
        row |= {"made_at": self._now(), "made_by": by, "published_at": None, "published_by": ""}
        async with self._connection() as connection:
            await connection.execute(
                delete(schema.flow_version).where(column.flow == flow.name, column.version == DRAFT)
            )
            await connection.execute(insert(schema.flow_version).values(row))

    async def drop_draft(self, flow: str) -> None:
        """Let the draft go. Raises FlowError when there is none."""
        column = schema.flow_version.c
        query = delete(schema.flow_version).where(column.flow == flow, column.version == DRAFT)
        async with self._connection() as connection:
            if not (await connection.execute(query)).rowcount:
                raise FlowError(f"{flow} has no draft.")

    async def publish(self, flow: str, by: str, note: str = "") -> int:
        """Make the draft the next version. Gives its number. Raises FlowError when there is no draft.

        note: in place of the draft's own; "" keeps that.
        """
        column = schema.flow_version.c
        new = {"version": _next(flow), "published_at": self._now(), "published_by": by}
        query = (
            update(schema.flow_version)
            .where(column.flow == flow, column.version == DRAFT)
            .values(**new, **({"note": note} if note else {}))
            .returning(column.version)
        )
        async with self._connection() as connection:
            number = (await connection.execute(query)).scalar()
        if number is None:
            raise FlowError(f"{flow} has no draft to publish.")
        return int(number)

    async def restore(self, flow: str, version: int, by: str) -> int:
        """Publish an old version again. Gives the new number. Raises FlowError when it is not there."""
        column = schema.flow_version.c
        now = self._now()
        old = select(
            column.flow,
            _next(flow),
            column.body,
            literal(f"version {version} again"),
            literal(now),
            literal(by),
            literal(now),
            literal(by),
        ).where(column.flow == flow, column.version == version, column.version > DRAFT)
        names = [each.name for each in schema.flow_version.columns]
        query = insert(schema.flow_version).from_select(names, old).returning(column.version)
        async with self._connection() as connection:
            number = (await connection.execute(query)).scalar()
        if number is None:
            raise FlowError(f"{flow} has no {named(version)} to restore.")
        return int(number)

    def _now(self) -> int:
        return int(self._clock() * 1e6)

    def _connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return transaction(self._engine, "the flows")


def named(version: int) -> str:
    """A version as it is spoken of."""
    return "draft" if version == DRAFT else f"version {version}"


def _next(flow: str) -> Any:
    # An alias, or the statement that changes the table would be taken for the one that is looked into.
    others = schema.flow_version.alias()
    return select(func.max(others.c.version) + 1).where(others.c.flow == flow).scalar_subquery()


async def _latest(connection: AsyncConnection, flow: str) -> int | None:
    column = schema.flow_version.c
    found: int | None = (
        await connection.execute(select(func.max(column.version)).where(column.flow == flow))
    ).scalar()
    return found


async def _found(connection: AsyncConnection, flow: str, version: int) -> FlowVersion | None:
    column = schema.flow_version.c
    query = select(schema.flow_version).where(column.flow == flow, column.version == version)
    row = (await connection.execute(query)).first()
    return None if row is None else _version_of(row)


def _version_of(row: Any) -> FlowVersion:
    return FlowVersion(**row._mapping)
