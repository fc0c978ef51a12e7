"""Who changed what, when, from where: one row a change, never altered."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncEngine

from b2bua.console.database import begun
from b2bua.store import schema


@dataclass(frozen=True, slots=True)
class Author:
    """Who does something. via: "session", "token NAME" or "command line"; address: where he asks from."""

    who: str
    via: str
    address: str


class Audit:
    """The record of changes. now: microseconds since 1970."""

    def __init__(self, engine: AsyncEngine, now: Callable[[], int]) -> None:
        self._engine = engine
        self._now = now

    async def note(
        self, author: Author, action: str, subject: str, before: Any = None, after: Any = None
    ) -> None:
        """A change that was made. before, after: JSON values. Raises StoreError."""
        row = {"at": self._now(), "who": author.who, "via": author.via, "address": author.address}
        row |= {
            "action": action,
            "subject": subject,
            "before": json.dumps(before),
            "after": json.dumps(after),
        }
        async with begun(self._engine) as connection:
            await connection.execute(insert(schema.audit).values(row))

    async def entries(self, limit: int, before: int | None = None) -> tuple[list[dict[str, Any]], int | None]:
        """The latest entries, those numbered below `before`; and where the next page begins. Raises StoreError."""
        table = schema.audit
        query = select(table).order_by(table.c.number.desc()).limit(limit + 1)
        if before is not None:
            query = query.where(table.c.number < before)
        async with begun(self._engine) as connection:
            rows = (await connection.execute(query)).all()
        entries = [dict(row._mapping) for row in rows[:limit]]
        for entry in entries:
            entry["before"], entry["after"] = json.loads(entry["before"]), json.loads(entry["after"])
        return entries, entries[-1]["number"] if len(rows) > limit else None
