"""Who may use the console: users with passwords, their sessions, and tokens for programs.

What a browser or a program shows to be let in (a session's cookie, a token) is 256 random bits and is kept here as
SHA-256 only: whoever reads the database cannot log in with what stands there. Passwords are kept by argon2id.
"""

from __future__ import annotations

import enum
import hashlib
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from b2bua.console.database import begun
from b2bua.console.passwords import LENGTH, LENGTH_LIMIT, Passwords
from b2bua.store import schema

TOKEN_MARK: Final = "mrt_"  # so that a token that has leaked is seen for what it is
CODE_LIFE: Final = 86_400_000_000  # microseconds that the code of the first owner is good for
_SECOND: Final = 1_000_000
_USED_INTERVAL: Final = 60 * _SECOND  # a token's last use is noted no more often than that
_SEEN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_CODE: Final = "first-owner"  # of console_setting


class Role(enum.IntEnum):
    """What one may do; each may do what those before it may."""

    VIEWER = 1  # looks, with numbers masked
    EDITOR = 2  # changes flows, ends calls, sees numbers
    OWNER = 3  # people, settings, the audit

    @property
    def word(self) -> str:
        return self.name.lower()


ROLES: Final = {role.word: role for role in Role}


class PeopleError(Exception):
    """Something that cannot be done with a user or token; field is to blame. The text is for a person."""

    def __init__(self, field: str, text: str, is_conflict: bool = False) -> None:
        self.field = field
        self.is_conflict = is_conflict
        super().__init__(text)


@dataclass(frozen=True, slots=True)
class User:
    """Times are microseconds since 1970."""

    name: str
    role: Role
    is_on: bool
    made_at: int
    made_by: str
    seen_at: int | None

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "role": self.role.word,
            "is_on": self.is_on,
            "made_at": self.made_at,
            "made_by": self.made_by,
            "seen_at": self.seen_at,
        }


@dataclass(frozen=True, slots=True)
class Session:
    user: User
    csrf: str
    ends_at: int


@dataclass(frozen=True, slots=True)
class Token:
    number: int
    name: str
    role: Role
    made_at: int
    made_by: str
    used_at: int | None
    ends_at: int | None

    def as_json(self) -> dict[str, Any]:
        return {
            "number": self.number,
            "name": self.name,
            "role": self.role.word,
            "made_at": self.made_at,
            "made_by": self.made_by,
            "used_at": self.used_at,
            "ends_at": self.ends_at,
        }


class People:
    """All users, sessions and tokens. now: microseconds since 1970. Everything may raise StoreError."""

    def __init__(self, engine: AsyncEngine, passwords: Passwords, now: Callable[[], int]) -> None:
        self._engine = engine
        self._passwords = passwords
        self._now = now

    # The first owner.

    async def are_none(self) -> bool:
        """Whether nobody can log in yet, because nobody is there."""
        async with begun(self._engine) as connection:
            found = await connection.execute(select(schema.console_user.c.name).limit(1))
            return found.first() is None

    async def first_code(self) -> str:
        """A new code with which the first owner is made; an earlier one is good no more."""
        code = secrets.token_urlsafe(18)
        value = f"{_digest(code)} {self._now() + CODE_LIFE}"
        async with begun(self._engine) as connection:
            await set_value(connection, _CODE, value)
        return code

    async def make_first(self, code: str, name: str, password: str) -> User:
        """The first owner, for whoever has the code. PeopleError when it is wrong, or somebody is there."""
        _check(name, password)
        kept = await self._passwords.hashed(password)
        setting = schema.console_setting
        async with begun(self._engine) as connection:
            value = await connection.scalar(select(setting.c.value).where(setting.c.name == _CODE)) or " 0"
            digest, _, ends_at = value.partition(" ")
            if not secrets.compare_digest(digest, _digest(code)) or int(ends_at) < self._now():
                remedy = "Take the link from the log, or `b2bua console --first-link`."
                raise PeopleError("code", f"is not good, or not any more. {remedy}")
            # Taking the code back comes first: of two who use it at once, one finds it gone.
            taken = await connection.execute(
                delete(setting).where(setting.c.name == _CODE, setting.c.value == value)
            )
            if not taken.rowcount or await connection.scalar(select(func.count(schema.console_user.c.name))):
                raise PeopleError("code", "was used: there is an owner already.", is_conflict=True)
            return await self._insert(connection, name, Role.OWNER, kept, name)

    # Users.

    async def users(self) -> list[User]:
        user = schema.console_user
        async with begun(self._engine) as connection:
            return [_user_of(row) for row in await connection.execute(select(user).order_by(user.c.name))]

    async def user(self, name: str) -> User | None:
        user = schema.console_user
        async with begun(self._engine) as connection:
            row = (await connection.execute(select(user).where(user.c.name == name))).first()
        return None if row is None else _user_of(row)

    async def add(self, name: str, role: Role, password: str, by: str) -> User:
        _check(name, password)
        kept = await self._passwords.hashed(password)
        async with begun(self._engine) as connection:
            return await self._insert(connection, name, role, kept, by)

    async def change(
        self, name: str, role: Role | None = None, is_on: bool | None = None, password: str | None = None
    ) -> User:
        """What is None stays. Ends the user's sessions. LookupError when he is not there."""
        values: dict[str, Any] = {}
        if password is not None:
            _check(name, password)
            values["password"] = await self._passwords.hashed(password)
        if role is not None:
            values["role"] = role.word
        if is_on is not None:
            values["is_on"] = is_on
        user = schema.console_user
        async with begun(self._engine) as connection:
            before = await _found(connection, name)
            if values:
                await connection.execute(update(user).where(user.c.name == name).values(values))
            after = await _found(connection, name)
            await _end_sessions(connection, before)
        return after

    async def remove(self, name: str) -> User:
        """Gives who he was; his tokens end, too. LookupError when he is not there; PeopleError for the last owner."""
        user, token = schema.console_user, schema.console_token
        async with begun(self._engine) as connection:
            before = await _found(connection, name)
            await connection.execute(delete(user).where(user.c.name == name))
            await _end_sessions(connection, before)
            # Or they would be good again for the next one of his name.
            await connection.execute(delete(token).where(token.c.made_by == name))
        return before

    async def _insert(self, connection: AsyncConnection, name: str, role: Role, kept: str, by: str) -> User:
        made = User(name, role, True, self._now(), by, None)
        row = made.as_json() | {"password": kept}
        try:
            await connection.execute(insert(schema.console_user).values(row))
        except IntegrityError as problem:
            raise PeopleError("name", f'"{name}" is there already.', is_conflict=True) from problem
        return made

    # Sessions.

    async def log_in(self, name: str, password: str, address: str, life: float) -> tuple[str, Session] | None:
        """A new session and what its cookie says; None when name and password do not belong together."""
        user = schema.console_user
        async with begun(self._engine) as connection:
            row = (await connection.execute(select(user).where(user.c.name == name))).first()
        is_known = row is not None and row.is_on
        if not await self._passwords.is_right(
            password, row.password if row is not None and is_known else None
        ):
            return None
        assert row is not None
        if self._passwords.is_outdated(row.password):
            kept = await self._passwords.hashed(password)
            async with begun(self._engine) as connection:
                await connection.execute(update(user).where(user.c.name == name).values(password=kept))
        return await self.begin_session(_user_of(row), address, life)

    async def begin_session(self, user: User, address: str, life: float) -> tuple[str, Session]:
        """A session of life seconds; gives what its cookie says, too."""
        cookie, csrf, now = secrets.token_urlsafe(32), secrets.token_urlsafe(32), self._now()
        session = Session(user, csrf, now + int(life * _SECOND))
        table = schema.console_session
        row = {"key": _digest(cookie), "user": user.name, "csrf": csrf, "address": address}
        async with begun(self._engine) as connection:
            await connection.execute(delete(table).where(table.c.ends_at < now))
            await connection.execute(insert(table).values(row | {"made_at": now, "ends_at": session.ends_at}))
            seen = update(schema.console_user).where(schema.console_user.c.name == user.name)
            await connection.execute(seen.values(seen_at=now))
        return cookie, session

    async def session(self, cookie: str) -> Session | None:
        """The session that a cookie belongs to, while it lasts and its user may log in."""
        session, user = schema.console_session, schema.console_user
        query = (
            select(user, session.c.csrf, session.c.ends_at)
            .join(session, session.c.user == user.c.name)
            .where(session.c.key == _digest(cookie), session.c.ends_at >= self._now(), user.c.is_on)
        )
        async with begun(self._engine) as connection:
            row = (await connection.execute(query)).first()
        return None if row is None else Session(_user_of(row), row.csrf, row.ends_at)

    async def log_out(self, cookie: str) -> None:
        table = schema.console_session
        async with begun(self._engine) as connection:
            await connection.execute(delete(table).where(table.c.key == _digest(cookie)))

    async def has_password(self, name: str, password: str) -> bool:
        user = schema.console_user
        async with begun(self._engine) as connection:
            kept = await connection.scalar(select(user.c.password).where(user.c.name == name, user.c.is_on))
        return await self._passwords.is_right(password, kept)

    # Tokens.

    async def tokens(self) -> list[Token]:
        table = schema.console_token
        async with begun(self._engine) as connection:
            return [
                _token_of(row) for row in await connection.execute(select(table).order_by(table.c.number))
            ]

    async def add_token(self, name: str, role: Role, by: str, days: float | None) -> tuple[str, Token]:
        """A new token; the text of it is given here and never again."""
        text, now = TOKEN_MARK + secrets.token_urlsafe(32), self._now()
        ends_at = None if days is None else now + int(days * 86400 * _SECOND)
        row = {"key": _digest(text), "name": name, "role": role.word, "made_at": now, "made_by": by}
        query = insert(schema.console_token).values(row | {"used_at": None, "ends_at": ends_at})
        async with begun(self._engine) as connection:
            number = await connection.scalar(query.returning(schema.console_token.c.number))
        assert number is not None
        return text, Token(number, name, role, now, by, None, ends_at)

    async def token(self, text: str) -> Token | None:
        """The token of this text, while it is good: until its end, and while whoever made it may log in, with no
        more than his own role. Its use is noted."""
        table, user, now = schema.console_token, schema.console_user, self._now()
        query = (
            select(table, user.c.role.label("makers_role"))
            .join(user, user.c.name == table.c.made_by)
            .where(table.c.key == _digest(text), user.c.is_on)
        )
        async with begun(self._engine) as connection:
            row = (await connection.execute(query)).first()
            if row is None or (row.ends_at is not None and row.ends_at < now):
                return None
            if row.used_at is None or now - row.used_at >= _USED_INTERVAL:
                used = update(table).where(table.c.number == row.number).values(used_at=now)
                await connection.execute(used)
        token = _token_of(row)
        return replace(token, role=min(token.role, ROLES[row.makers_role]))

    async def remove_token(self, number: int) -> Token:
        """LookupError when it is not there."""
        table = schema.console_token
        async with begun(self._engine) as connection:
            query = delete(table).where(table.c.number == number).returning(table)
            row = (await connection.execute(query)).first()
        if row is None:
            raise LookupError(f"There is no token {number}.")
        return _token_of(row)


async def set_value(connection: AsyncConnection, name: str, value: str) -> None:
    """Keep a value of console_setting in place of what there may be."""
    make = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    statement = make(schema.console_setting).values(name=name, value=value)
    changed = {"value": statement.excluded["value"]}
    await connection.execute(statement.on_conflict_do_update(index_elements=["name"], set_=changed))


async def _found(connection: AsyncConnection, name: str) -> User:
    user = schema.console_user
    row = (await connection.execute(select(user).where(user.c.name == name))).first()
    if row is None:
        raise LookupError(f"There is no user {name}.")
    return _user_of(row)


async def _end_sessions(connection: AsyncConnection, before: User) -> None:
    """After a change of a user, or his end. Raises PeopleError when there is no owner any more, which undoes it."""
    user, session = schema.console_user.c, schema.console_session
    owners = select(func.count(user.name)).where(user.role == Role.OWNER.word, user.is_on)
    if before.role is Role.OWNER and before.is_on and not await connection.scalar(owners):
        text = "this is the last owner: make another one first."
        raise PeopleError("role", text, is_conflict=True)
    await connection.execute(delete(session).where(session.c.user == before.name))


def _check(name: str, password: str) -> None:
    if not _SEEN_NAME.fullmatch(name):
        raise PeopleError(
            "name", "Use 1 to 64 letters, digits and . _ @ -, beginning with a letter or digit."
        )
    if not LENGTH <= len(password) <= LENGTH_LIMIT:
        raise PeopleError("password", f"Use {LENGTH} to {LENGTH_LIMIT} characters; several words are good.")
    if password.casefold() in (name.casefold() * 4, "multiring multiring") or len(set(password)) < 4:
        raise PeopleError("password", "is too easily guessed.")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _user_of(row: Any) -> User:
    return User(row.name, ROLES[row.role], bool(row.is_on), row.made_at, row.made_by, row.seen_at)


def _token_of(row: Any) -> Token:
    return Token(row.number, row.name, ROLES[row.role], row.made_at, row.made_by, row.used_at, row.ends_at)
