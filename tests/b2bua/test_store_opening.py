"""A database that is opened, made, or brought up to date; and the ways in which that fails."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from b2bua.store import Archive, Store, StoreError, schema, writing
from b2bua.store.opening import open_engine, said
from tests.b2bua.stored import (
    answered,
    listed,
    opened,
    rows,
    run,
    running,
)


def test_there_is_nothing_to_read_before_the_service_has_run(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="has the service run"):
        Archive(str(tmp_path / "none.sqlite"))
    assert not (tmp_path / "none.sqlite").exists()


@pytest.mark.parametrize("url", ["nonsense://x", "oracle://u:p@h/x"])
def test_a_database_without_a_driver(url: str) -> None:
    with pytest.raises(StoreError, match="no driver"):
        asyncio.run(Store.open(url))


def test_a_place_where_no_file_can_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be opened"):
        asyncio.run(Store.open(str(tmp_path / "file" / "calls.sqlite")))
    with pytest.raises(StoreError, match="cannot be opened: it is a directory"):
        asyncio.run(open_engine(str(tmp_path)))
    (tmp_path / "text").write_text("no database" * 1000)
    with pytest.raises(StoreError, match="cannot be opened"):
        asyncio.run(Store.open(str(tmp_path / "text")))


def test_no_thread_is_left_of_a_database_that_cannot_be_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would call on our loop when that may be closed, and print a traceback into the command's answer."""
    monkeypatch.setattr("aiosqlite.connect", lambda *_, **__: pytest.fail("its thread would be started"))
    monkeypatch.setattr("os.access", lambda *_: False)
    for file in (tmp_path, tmp_path / "none.sqlite"):
        with pytest.raises(StoreError, match=r"it is a directory|cannot be made in"):
            asyncio.run(open_engine(str(file)))


def test_who_opens_the_database_again_lets_go_of_no_lock(tmp_path: Path) -> None:
    """Else another process, which reads and goes, believes to be the last one and takes the log away that we write to:
    what is written after that is lost.
    """
    file = tmp_path / "calls.sqlite"
    reader = """
import sqlite3, sys
connection = sqlite3.connect(sys.argv[1])
print(*connection.execute("select count(*) from call").fetchone())
connection.close()
"""

    async def counted() -> int:
        command = [sys.executable, "-c", reader, str(file)]
        return int((await asyncio.to_thread(subprocess.run, command, check=True, capture_output=True)).stdout)

    async def scene() -> None:
        store = await Store.open(str(file), flush_interval=0.01)
        other = await open_engine(str(file))  # within the same process: flows, numbers, turns
        async with other.connect():
            assert await counted() == 0
            store.begin(running(1))
            store.finish(answered(1))
            async with asyncio.timeout(20):
                while not store.written:
                    await store._pause(0.01)
            assert await counted() == 1
        await other.dispose()
        await store.close()

    asyncio.run(scene())


def test_a_database_of_a_later_version_is_refused(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        await (await opened(path)).close()
        connection = sqlite3.connect(path)
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
        connection.close()
        with pytest.raises(StoreError, match="9999"):
            await opened(path)

    run(scenario, tmp_path)


def test_migrations_and_tables_agree(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.config import Config
    from alembic.migration import MigrationContext
    from alembic.script import ScriptDirectory
    from sqlalchemy import create_engine

    from b2bua.store.opening import _migrate

    engine = create_engine(f"sqlite:///{tmp_path / 'migrated.sqlite'}")
    with engine.begin() as connection:
        _migrate(connection)
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
        migrated = [
            tuple(row)
            for row in connection.exec_driver_sql(
                "SELECT name, type FROM sqlite_master WHERE name LIKE 'ix_%'"
            )
        ]
    engine.dispose()
    asyncio.run(_open_and_close(tmp_path / "made.sqlite"))
    made = rows(tmp_path / "made.sqlite", "SELECT name, type FROM sqlite_master WHERE name LIKE 'ix_%'")
    assert sorted(migrated) == sorted(made)
    config = Config()
    config.set_main_option("script_location", str(Path(writing.__file__).parents[1] / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


def test_streams_of_before_have_no_quality(tmp_path: Path) -> None:
    """A database of 0004: the columns that 0005 adds say that nothing is known."""
    from alembic import command
    from alembic.config import Config

    path = tmp_path / "calls.sqlite"
    config = Config()
    config.set_main_option("script_location", str(Path(writing.__file__).parents[1] / "migrations"))
    config.set_main_option("sqlalchemy.url", f"sqlite:///{path}")

    def migrated(revision: str) -> None:
        from sqlalchemy import create_engine

        engine = create_engine(f"sqlite:///{path}")
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
        engine.dispose()

    migrated("0004")
    connection = sqlite3.connect(path)
    connection.execute("INSERT INTO stream VALUES (1, 0, 0, 9, 9, 0, 1.5, 7, 0, 9, 0, 0.1, 'far')")
    connection.commit()
    connection.close()
    migrated("0005")
    assert rows(path, "SELECT packets, drops, heard_by, mos, owed FROM stream") == [(9, "", None, None, 0.0)]


async def _open_and_close(path: Path) -> None:
    await (await opened(path)).close()


def test_a_database_without_a_revision_is_migrated_from_the_start(tmp_path: Path) -> None:
    """An alembic_version table that is empty: the first migration was cut short."""
    connection = sqlite3.connect(tmp_path / "calls.sqlite")
    connection.execute("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)")
    connection.commit()
    connection.close()

    async def scenario(path: Path) -> None:
        store = await opened(path)
        store.finish(answered(1))
        await store.close()
        assert len(await listed(path)) == 1

    run(scenario, tmp_path)


def test_opening_does_not_import_alembic(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\nfrom b2bua.store import Store\n"
        "async def run():\n    await (await Store.open(sys.argv[1])).close()\n"
        "asyncio.run(run())\nassert 'alembic' not in sys.modules\n"
    )
    for _ in range(2):
        subprocess.run([sys.executable, "-c", program, str(tmp_path / "x.sqlite")], check=True)


def test_what_a_database_says_is_told_without_the_statement_and_its_values() -> None:
    full = Exception("database or disk is full")
    problem = OperationalError("UPDATE call SET caller = ?", {"caller": "+15550123"}, full)
    assert said(problem) == "database or disk is full"
    assert said(OSError("no such place")) == "no such place"
