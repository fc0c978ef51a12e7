"""Numbers in the database: which flow the calls to each go through. Those of the file count before them."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from b2bua.store import schema
from b2bua.store.opening import open_engine
from b2bua.store.transaction import transaction


class NumberError(Exception):
    """A number is not kept so. field: which of its fields is to blame; the text says why, for a person.

    kind: "wrong" is a value that cannot be; "conflict" one that cannot be as things are; "absent": no such number.
    """

    def __init__(
        self, field: str, reason: str, kind: Literal["wrong", "conflict", "absent"] = "wrong"
    ) -> None:
        self.field = field
        self.kind = kind
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class KeptNumber:
    """One number as it is kept. trunks: those that may dial it; empty is all. Times are microseconds since 1970.

    A number that is off is refused as one that is not there, whatever "*" of the file says.
    """

    dialled: str
    name: str
    flow: str
    trunks: tuple[str, ...] = ()
    is_on: bool = True
    made_at: int = 0
    made_by: str = ""
    changed_at: int = 0
    changed_by: str = ""

    @property
    def settings(self) -> dict[str, Any]:
        """What of it a person sets, as JSON."""
        return {"name": self.name, "flow": self.flow, "trunks": list(self.trunks), "is_on": self.is_on}


class NumberStore:
    """The numbers of one database that is ready. clock: seconds since 1970. Everything may raise StoreError."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], float] = time.time) -> None:
        self._engine = engine
        self._clock = clock

    @classmethod
    async def open(cls, url: str, clock: Callable[[], float] = time.time) -> NumberStore:
        """Open a database, made or migrated where needed."""
        return cls(await open_engine(url), clock)

    async def close(self) -> None:
        await self._engine.dispose()

    async def all(self) -> list[KeptNumber]:
        """Every number, in the order of their digits."""
        async with self._connection() as connection:
            rows = await connection.execute(select(schema.number).order_by(schema.number.c.dialled))
            return [_number_of(row) for row in rows]

    async def number(self, dialled: str) -> KeptNumber:
        """One number. Raises NumberError when it is not there."""
        query = select(schema.number).where(schema.number.c.dialled == dialled)
        async with self._connection() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise _absent(dialled)
        return _number_of(row)

    async def add(self, number: KeptNumber, by: str) -> KeptNumber:
        """Keep a number that is not there yet. Raises NumberError when it is."""
        now = self._now()
        row = {"dialled": number.dialled, **_settings(number)}
        row |= {"made_at": now, "made_by": by, "changed_at": now, "changed_by": by}
        query = insert(schema.number).values(row).returning(*schema.number.c)
        async with self._connection() as connection:
            try:
                return _number_of((await connection.execute(query)).one())
            except IntegrityError as problem:
                reason = f"{number.dialled} is there already: change that one."
                raise NumberError("dialled", reason, "conflict") from problem

    async def change(self, number: KeptNumber, by: str, revision: int | None = None) -> KeptNumber:
        """Keep other settings of a number. revision: the changed_at that they were made from; None does not ask.

        Raises NumberError when the number is not there, or somebody has changed it meanwhile.
        """
        column = schema.number.c
        query = update(schema.number).where(column.dialled == number.dialled)
        if revision is not None:
            query = query.where(column.changed_at == revision)
        values = _settings(number) | {"changed_at": self._now(), "changed_by": by}
        async with self._connection() as connection:
            row = (await connection.execute(query.values(values).returning(*column))).first()
        if row is None:
            other = await self.number(number.dialled)
            reason = f"{other.changed_by} has changed {other.dialled} meanwhile: load it again."
            raise NumberError("revision", reason, "conflict")
        return _number_of(row)

    async def remove(self, dialled: str) -> KeptNumber:
        """Let a number go; gives what it was. Raises NumberError when it is not there."""
        query = delete(schema.number).where(schema.number.c.dialled == dialled).returning(*schema.number.c)
        async with self._connection() as connection:
            row = (await connection.execute(query)).first()
        if row is None:
            raise _absent(dialled)
        return _number_of(row)

    def _now(self) -> int:
        return int(self._clock() * 1e6)

    def _connection(self) -> AbstractAsyncContextManager[AsyncConnection]:
        return transaction(self._engine, "the numbers")


def _absent(dialled: str) -> NumberError:
    return NumberError("dialled", f"There is no number {dialled} in the database.", "absent")


def _settings(number: KeptNumber) -> dict[str, Any]:
    return number.settings | {"trunks": json.dumps(number.trunks)}


def _number_of(row: Any) -> KeptNumber:
    values = dict(row._mapping)
    return KeptNumber(**values | {"trunks": tuple(json.loads(values["trunks"]))})
