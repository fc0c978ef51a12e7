"""The console's way to the database, which the core makes and writes; the console keeps its own tables there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from b2bua.store import StoreError, schema
from b2bua.store.opening import engine_for, file_of, make_ready

CORE_PATIENCE: Final = 10.0  # seconds in which the core, which starts as well, may make the tables
_LOOK_AGAIN: Final = 0.25


async def open_database(url: str, patience: float = CORE_PATIENCE) -> AsyncEngine:
    """An engine, when the tables are there: the core makes them; when it does not, they are made here.

    Two processes that make the same tables at once would stumble over each other, and the core is not to stumble.
    Raises StoreError.
    """
    engine = engine_for(url)
    until = time.monotonic() + patience
    while not await _is_ready(engine, url):
        # Not by asyncio.timeout: a connection that is cancelled while it opens leaves its thread behind.
        if time.monotonic() >= until:
            await make_ready(engine, url)
            break
        await asyncio.sleep(_LOOK_AGAIN)
    return engine


async def _is_ready(engine: AsyncEngine, url: str) -> bool:
    file = file_of(url)
    if file is not None and not file.exists():
        return False
    try:
        async with engine.connect() as connection:
            revision = (await connection.execute(text("SELECT version_num FROM alembic_version"))).scalar()
    except SQLAlchemyError:
        return False
    return bool(revision == schema.HEAD)


@asynccontextmanager
async def begun(engine: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """A transaction. Raises StoreError for whatever the database has against it."""
    try:
        async with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as problem:
        raise StoreError(
            f"the database cannot be used: {getattr(problem, 'orig', None) or problem}"
        ) from problem
