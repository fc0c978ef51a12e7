"""One transaction of a database, whose troubles are told as ours."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from b2bua.store.opening import StoreError, said


@asynccontextmanager
async def transaction(engine: AsyncEngine, what: str) -> AsyncIterator[AsyncConnection]:
    """Committed at the end, rolled back by an exception. what: is kept there, for the text of a StoreError."""
    try:
        async with engine.begin() as connection:
            yield connection
    except SQLAlchemyError as problem:
        raise StoreError(f"{what} in {engine.url} cannot be used: {said(problem)}") from problem
