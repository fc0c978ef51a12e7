"""`b2bua user` and `b2bua console --first-link`, and how the console comes by its database."""

from __future__ import annotations

import asyncio
import io
import sqlite3
from pathlib import Path

import pytest

from b2bua.__main__ import main
from b2bua.console import database
from b2bua.console.database import open_database
from b2bua.store import Store, StoreError, schema
from tests.b2bua.console.stage import CONFIGURATION, PASSWORD
from tests.rtp_relay.loop import turn


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "multiring.toml"
    path.write_text(CONFIGURATION + 'listen = "127.0.0.1:8123"\n')
    return str(path)


def user(file: str, *arguments: str, monkeypatch: pytest.MonkeyPatch, password: str = PASSWORD) -> int:
    monkeypatch.setattr("sys.stdin", io.StringIO(password + "\n"))
    return main(["user", *arguments, "--config", file])


def rows(file: str, query: str) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(Path(file).with_name("calls.sqlite"))
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def test_users_are_added_changed_listed_and_removed(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert user(file, "list", monkeypatch=monkeypatch) == 0
    assert "Nobody" in capsys.readouterr().out
    assert user(file, "add", "ana", "--role", "owner", monkeypatch=monkeypatch) == 0
    assert user(file, "add", "ben", monkeypatch=monkeypatch) == 0
    assert user(file, "change", "ben", "--role", "editor", "--off", monkeypatch=monkeypatch) == 0
    assert "ben is editor, and off." in capsys.readouterr().out
    assert user(file, "password", "ben", monkeypatch=monkeypatch, password="another one entirely") == 0
    assert user(file, "list", monkeypatch=monkeypatch) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()[-2:]] == [
        ["ana", "owner", "on", "never"],
        ["ben", "editor", "off", "never"],
    ]
    assert user(file, "remove", "ben", monkeypatch=monkeypatch) == 0
    told = rows(file, "SELECT action, via, subject FROM audit ORDER BY number")
    assert told == [
        (f"user.{action}", "command line", name)
        for action, name in (
            ("add", "ana"),
            ("add", "ben"),
            ("change", "ben"),
            ("password", "ben"),
            ("remove", "ben"),
        )
    ]


@pytest.mark.parametrize(
    ("arguments", "password", "words"),
    [
        (("add", "ana"), "short", "password: Use 10 to 256 characters"),
        (("add", "a b"), PASSWORD, "name: Use 1 to 64"),
        (("change", "nobody"), PASSWORD, "There is no user nobody."),
        (("remove", "nobody"), PASSWORD, "There is no user nobody."),
        (("remove", "boss"), PASSWORD, "the last owner"),
        (("add", "boss"), PASSWORD, "is there already"),
    ],
)
def test_what_cannot_be_is_refused(
    file: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    password: str,
    words: str,
) -> None:
    assert user(file, "add", "boss", "--role", "owner", monkeypatch=monkeypatch) == 0
    assert user(file, *arguments, monkeypatch=monkeypatch, password=password) == 1
    assert words in capsys.readouterr().err


def test_a_link_for_the_first_owner_and_none_after_him(
    file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["console", file, "--first-link"]) == 0
    link = capsys.readouterr().out.strip()
    assert link.startswith("http://127.0.0.1:8123/setup#code=")
    code = link.partition("#code=")[2]
    assert code not in str(rows(file, "SELECT * FROM console_setting")), "the database does not tell it"
    assert user(file, "add", "ana", "--role", "owner", monkeypatch=monkeypatch) == 0
    assert main(["console", file, "--first-link"]) == 1
    assert "There is an owner already" in capsys.readouterr().err


# The database.


def test_the_console_waits_for_the_core_to_make_the_tables(tmp_path: Path) -> None:
    path = str(tmp_path / "calls.sqlite")

    async def played() -> None:
        opening = asyncio.create_task(open_database(path, patience=30.0))
        await turn()
        assert not (tmp_path / "calls.sqlite").exists()
        await (await Store.open(path)).close()
        await (await opening).dispose()

    asyncio.run(played())


def test_it_makes_them_itself_when_nobody_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "_LOOK_AGAIN", 0.01)
    path = str(tmp_path / "var" / "calls.sqlite")

    async def played() -> None:
        await (await open_database(path, patience=0.05)).dispose()

    asyncio.run(played())
    found = sqlite3.connect(path)
    assert found.execute("SELECT version_num FROM alembic_version").fetchall() == [(schema.HEAD,)]
    found.close()


def test_a_place_that_cannot_be_written_to_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def played() -> None:
        with pytest.raises(StoreError):
            await open_database(str(tmp_path / "file" / "calls.sqlite"), patience=0.0)

    asyncio.run(played())
