"""Opening a database: tables made or brought up to date, SQLite set up for one writer and many readers."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from b2bua.store import schema

# Milliseconds that a statement waits, in the database's own thread, for another process to let go.
_BUSY_TIMEOUT = 2000


class StoreError(Exception):
    """The database cannot be used. The text is for a person."""


def said(problem: Exception) -> str:
    """What the database has said: without the statement, and the values in it, that SQLAlchemy puts around it."""
    return str(getattr(problem, "orig", None) or problem)


def engine_for(url: str) -> AsyncEngine:
    """An engine for a SQLAlchemy URL, or for a path, which is a SQLite file. Raises StoreError."""
    try:
        engine = create_async_engine(parsed(url))
    except (SQLAlchemyError, ImportError) as problem:
        raise StoreError(f"{url}: no driver for this kind of database ({problem}).") from problem
    if engine.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "do_connect", _refuse_what_cannot_be_opened)
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
    return engine


def parsed(url: str) -> URL:
    try:
        return make_url(url if "://" in url else f"sqlite+aiosqlite:///{Path(url).absolute()}")
    except ArgumentError as problem:
        raise StoreError(f"{url} is neither a path nor the URL of a database.") from problem


def file_of(url: str) -> Path | None:
    """The SQLite file that a URL or path means; None for another database or one in memory."""
    made = parsed(url)
    if made.get_backend_name() != "sqlite" or made.database in (None, "", ":memory:"):
        return None
    return Path(str(made.database))


def _refuse_what_cannot_be_opened(
    _dialect: object, _record: object, arguments: list[Any], _options: object
) -> None:
    """Before aiosqlite tries: it would say "unable to open database file" and not why, and its thread, which ends some
    time later, would call on a loop that may be closed by then, with a traceback.

    The file is asked about and never opened here: closing it would let go of all locks that this process has on it
    (sqlite.org/howtocorrupt.html §2.2), and another process would take away the log that we write to.
    """
    file = Path(str(arguments[0]))
    if arguments[0] == ":memory:" or str(file).startswith("file:"):
        return
    try:
        is_there, is_directory = file.exists(), file.is_dir()
    except OSError as problem:  # the way to it is closed
        raise sqlite3.OperationalError(problem.strerror) from problem
    if is_directory:
        raise sqlite3.OperationalError("it is a directory")
    if is_there and not os.access(file, os.R_OK):
        raise sqlite3.OperationalError("permission denied")
    if not is_there and not os.access(file.parent, os.W_OK | os.X_OK):
        raise sqlite3.OperationalError(f"it cannot be made in {file.parent}")


def _set_up_sqlite(connection: Any, _record: object) -> None:
    cursor = connection.cursor()
    cursor.execute(f"PRAGMA busy_timeout={_BUSY_TIMEOUT}")
    cursor.execute("PRAGMA journal_mode=WAL")
    # In WAL mode this loses no committed row when the process dies, only perhaps when the power does.
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.execute("PRAGMA cache_size=-8000")
    cursor.execute("PRAGMA journal_size_limit=67108864")
    cursor.close()


async def open_engine(url: str) -> AsyncEngine:
    """An engine for a database that is made or migrated where needed. Raises StoreError."""
    engine = engine_for(url)
    await make_ready(engine, url)
    return engine


async def make_ready(engine: AsyncEngine, url: str) -> None:
    """Make or migrate the database of an engine; one that cannot be used is disposed of. Raises StoreError."""
    try:
        file = file_of(url)
        if file is not None:
            file.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        await prepare(engine)
    except (SQLAlchemyError, OSError) as problem:
        await engine.dispose()
        raise StoreError(f"{url} cannot be opened: {said(problem)}") from problem
    except StoreError:
        await engine.dispose()
        raise


async def prepare(engine: AsyncEngine) -> None:
    """Make the tables, or migrate them. Raises StoreError.

    alembic is imported only when there is something to migrate: it takes longer to import than the
    rest of the start together.
    """
    async with engine.begin() as connection:
        revision = await connection.run_sync(_revision)
        if revision is None:
            await connection.run_sync(_create)
        elif revision != schema.HEAD:
            await connection.run_sync(_migrate)


def _revision(connection: Connection) -> str | None:
    """The database's revision; None when it is empty, "" when it has tables of no known revision."""
    tables = set(inspect(connection).get_table_names())
    if "alembic_version" in tables:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar() or ""
    return "" if tables & set(schema.metadata.tables) else None


def _create(connection: Connection) -> None:
    schema.metadata.create_all(connection)
    # As alembic itself would have it, so that it can take over at the first migration.
    key = "CONSTRAINT alembic_version_pkc PRIMARY KEY"
    connection.execute(text(f"CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL {key})"))
    connection.execute(text("INSERT INTO alembic_version VALUES (:revision)"), {"revision": schema.HEAD})


def _migrate(connection: Connection) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parents[1] / "migrations"))
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, "head")
    except CommandError as problem:
        reason = f"its tables are of a revision that this version does not know ({problem})"
        raise StoreError(f"the database cannot be brought up to date: {reason}.") from problem
