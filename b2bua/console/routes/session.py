"""Logging in and out, and making the first owner."""

from __future__ import annotations

import math
import time
from typing import Annotated, Any

import structlog
from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from b2bua.console import shapes
from b2bua.console.access import COOKIE, AtDesk, Viewer, address_of
from b2bua.console.answers import NO_STORE, Json
from b2bua.console.audit import Author
from b2bua.console.desk import Desk
from b2bua.console.passwords import LENGTH_LIMIT
from b2bua.console.people import PeopleError, Session, User
from b2bua.console.refusal import Refusal, Wrong

router = APIRouter(prefix="/api", tags=["session"])
log = structlog.get_logger("console")

Name = Annotated[str, Field(min_length=1, max_length=64)]
Password = Annotated[str, Field(min_length=1, max_length=LENGTH_LIMIT)]


class Asked(BaseModel):
    """A body of the API: nothing that is not known, and no type for another."""

    model_config = ConfigDict(strict=True, extra="forbid")


class LogIn(Asked):
    name: Name
    password: Password


class SetUp(LogIn):
    code: str = Field(min_length=1, max_length=100)


class NewPassword(Asked):
    old: Password
    new: Password


@router.get("/setup", summary="Whether the first owner is still to be made")
async def setup_needed(desk: AtDesk) -> Response:
    return Json({"needed": await desk.people.are_none()}, headers=NO_STORE)


@router.post(
    "/setup",
    responses={200: {"model": shapes.SessionShape}},
    summary="Make the first owner, with the code of the one-time link",
)
async def set_up(asked: SetUp, desk: AtDesk, request: Request) -> Response:
    _refuse_strangers(request)
    address = address_of(request)
    _refuse_haste(desk, "", address)
    try:
        user = await desk.people.make_first(asked.code, asked.name, asked.password)
    except PeopleError as problem:
        if problem.field == "code":
            desk.throttle.failed("", address, time.monotonic())
        raise
    await desk.audit.note(Author(user.name, "session", address), "user.add", user.name, None, user.as_json())
    log.info("the first owner was made", name=user.name, address=address)
    return await _begun(desk, request, user)


@router.post("/session", responses={200: {"model": shapes.SessionShape}}, summary="Log in")
async def log_in(asked: LogIn, desk: AtDesk, request: Request) -> Response:
    _refuse_strangers(request)
    address = address_of(request)
    _refuse_haste(desk, asked.name, address)
    # Counted before it is known whether it fails: tries that come at the same time count as well.
    desk.throttle.failed(asked.name, address, time.monotonic())
    made = await desk.people.log_in(asked.name, asked.password, address, desk.config.console.session)
    if made is None:
        log.warning("a log-in was refused", name=asked.name, address=address)
        raise Refusal(401, "Name and password do not belong together.")
    desk.throttle.succeeded(asked.name, address)
    cookie, session = made
    author = Author(session.user.name, "session", address)
    await desk.audit.note(author, "session.begin", session.user.name)
    return _with_cookie(request, cookie, session, desk)


@router.get(
    "/session",
    responses={200: {"model": shapes.SessionShape}},
    summary="Who is logged in, and the CSRF token",
)
async def session(visitor: Viewer, desk: AtDesk) -> Response:
    if visitor.session is not None:
        return Json(told(visitor.session), headers=NO_STORE)
    user = {"name": visitor.name, "role": visitor.role.word, "via": visitor.author.via}
    return Json({"user": user, "csrf": "", "ends_at": None}, headers=NO_STORE)


@router.delete("/session", status_code=204, summary="Log out")
async def log_out(visitor: Viewer, desk: AtDesk, request: Request) -> Response:
    await desk.people.log_out(request.cookies.get(COOKIE, ""))
    answer = Response(status_code=204)
    answer.delete_cookie(COOKIE, secure=_is_secret(request, desk), httponly=True, samesite="lax")
    return answer


@router.put(
    "/session/password",
    responses={200: {"model": shapes.SessionShape}},
    summary="Change one's own password; all other sessions of one's own end",
)
async def change_password(asked: NewPassword, visitor: Viewer, desk: AtDesk, request: Request) -> Response:
    if visitor.session is None:
        raise Refusal(403, "A token has no password.")
    name, address = visitor.name, visitor.author.address
    _refuse_haste(desk, name, address)
    desk.throttle.failed(name, address, time.monotonic())  # beforehand, as when he logs in
    if not await desk.people.has_password(name, asked.old):
        raise Refusal(422, [Wrong("old", "is not your password.")])
    desk.throttle.succeeded(name, address)
    try:
        user = await desk.people.change(name, password=asked.new)
    except PeopleError as problem:
        raise Refusal(422, [Wrong("new", str(problem))]) from problem
    await desk.audit.note(visitor.author, "user.password", name)
    return await _begun(desk, request, user)


async def _begun(desk: Desk, request: Request, user: User) -> Response:
    life = desk.config.console.session
    cookie, session = await desk.people.begin_session(user, address_of(request), life)
    return _with_cookie(request, cookie, session, desk)


def told(session: Session) -> dict[str, Any]:
    """Who is logged in, as a page is told of it."""
    user = {"name": session.user.name, "role": session.user.role.word}
    return {"user": user, "csrf": session.csrf, "ends_at": session.ends_at}


def _with_cookie(request: Request, cookie: str, session: Session, desk: Desk) -> Response:
    answer = Json(told(session), headers=NO_STORE)
    answer.set_cookie(
        COOKIE,
        cookie,
        max_age=int(desk.config.console.session),
        secure=_is_secret(request, desk),
        httponly=True,
        samesite="lax",
    )
    return answer


def _is_secret(request: Request, desk: Desk) -> bool:
    return request.url.scheme == "https" or desk.config.console.is_behind_proxy


def _refuse_strangers(request: Request) -> None:
    """Another site must not log its visitor in here under a name of its own (there is no CSRF token yet)."""
    origin = request.headers.get("origin")
    if origin is None:
        return
    if origin.partition("://")[2] != request.headers.get("host", ""):
        raise Refusal(403, f"{origin} is another site.")


def _refuse_haste(desk: Desk, name: str, address: str) -> None:
    wait = desk.throttle.wait(name, address, time.monotonic())
    if wait > 0:
        seconds = math.ceil(wait)
        text = f"Too many tries. Wait {-(-seconds // 60)} minutes, or ask an owner for a new password."
        raise Refusal(429, text, {"Retry-After": str(seconds)})
