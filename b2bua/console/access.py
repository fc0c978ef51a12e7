"""Who asks, and whether he may: what each route depends on.

A browser shows its session's cookie, and with everything that changes something the session's CSRF token in a header,
which no other site can know. A program shows a token as `Authorization: Bearer mrt_…`, which no browser sends by
itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import Depends, Request

from b2bua.console.audit import Author
from b2bua.console.desk import Desk
from b2bua.console.masking import Mask
from b2bua.console.people import Role, Session
from b2bua.console.refusal import Refusal

COOKIE: Final = "multiring_session"
CSRF_HEADER: Final = "X-CSRF-Token"
_HARMLESS: Final = ("GET", "HEAD", "OPTIONS")
_LOG_IN: Final = "Log in first, or send a token as Authorization: Bearer mrt_…."


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who asks. session: None for a program with a token. mask: what he does not get to see."""

    author: Author
    role: Role
    mask: Mask
    session: Session | None

    @property
    def name(self) -> str:
        return self.author.who

    @property
    def sees_all(self) -> bool:
        """Editors and owners; whole messages and files have numbers in places that nobody can mask."""
        return self.role >= Role.EDITOR


def desk_of(request: Request) -> Desk:
    desk: Desk = request.app.state.desk
    return desk


def address_of(request: Request) -> str:
    return request.client.host if request.client is not None else ""


async def visitor_of(request: Request) -> Visitor:
    """Who asks. Raises Refusal 401 when nobody knows him, 403 for a change without the CSRF token."""
    desk = desk_of(request)
    await desk.refresh()
    given = request.headers.get("authorization", "")
    if given:
        return await _program(desk, request, given)
    session = await desk.people.session(request.cookies.get(COOKIE, ""))
    if session is None:
        raise Refusal(401, _LOG_IN)
    if request.method not in _HARMLESS:
        token = request.headers.get(CSRF_HEADER, "")
        if not secrets.compare_digest(token.encode(), session.csrf.encode()):
            raise Refusal(403, f"The header {CSRF_HEADER} is missing or old: load the page again.")
    author = Author(session.user.name, "session", address_of(request))
    return Visitor(author, session.user.role, await desk.mask_for(session.user.role), session)


async def _program(desk: Desk, request: Request, given: str) -> Visitor:
    scheme, _, text = given.partition(" ")
    token = await desk.people.token(text.strip()) if scheme.lower() == "bearer" else None
    if token is None:
        raise Refusal(401, "This token is not good, or not any more.", {"WWW-Authenticate": "Bearer"})
    author = Author(token.made_by, f"token {token.name}", address_of(request))
    return Visitor(author, token.role, await desk.mask_for(token.role), None)


def needs(role: Role) -> Callable[[Request], Awaitable[Visitor]]:
    """A dependency that lets in who has this role or a higher one."""

    async def visitor(request: Request) -> Visitor:
        found = await visitor_of(request)
        if found.role < role:
            raise Refusal(403, f"Only {_plural(role)} may do this; you are {_article(found.role)}.")
        return found

    visitor.role = role  # type: ignore[attr-defined]  # for the test that every route has one
    return visitor


def _plural(role: Role) -> str:
    return {Role.VIEWER: "viewers, editors and owners", Role.EDITOR: "editors and owners"}.get(role, "owners")


def _article(role: Role) -> str:
    return f"{'a' if role is Role.VIEWER else 'an'} {role.word}"


AtDesk = Annotated[Desk, Depends(desk_of)]
Viewer = Annotated[Visitor, Depends(needs(Role.VIEWER))]
Editor = Annotated[Visitor, Depends(needs(Role.EDITOR))]
Owner = Annotated[Visitor, Depends(needs(Role.OWNER))]
