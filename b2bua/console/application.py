"""The console as one ASGI application: API, pages, and how everything that goes wrong is said."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse
from starlette.types import Message

from b2bua.config.mistakes import said_plainly
from b2bua.console.access import COOKIE, desk_of, visitor_of
from b2bua.console.answers import Json
from b2bua.console.desk import Desk, product_version
from b2bua.console.gate import Gate
from b2bua.console.people import PeopleError
from b2bua.console.refusal import Refusal, Wrong, dotted
from b2bua.console.routes import (
    calls,
    directory,
    flows,
    health,
    live,
    numbers,
    people,
    prompts,
    ring_test,
    session,
    simulation,
    statistics,
)
from b2bua.console.shelf import Shelf, Shelved
from b2bua.control import ControlError
from b2bua.flows.numbers import NumberError
from b2bua.flows.versions import FlowError
from b2bua.store import StoreError

ROUTERS: Final = (
    session,
    calls,
    live,
    flows,
    simulation,
    ring_test,
    numbers,
    directory,
    prompts,
    statistics,
    health,
    people,
)
_GATES: Final = ("login", "setup")
_PAGES: Final = {"": "calls"} | {
    name: name for name in ("calls", "flows", "live", "numbers", "people", "settings", "statistics", "trunks")
}
_PAGES_OF_ONE: Final = {"calls": "call", "flows": "flow"}
_DESCRIPTION: Final = (
    "Everything that the pages of the console do goes through here. Send a token as `Authorization: Bearer mrt_…`; "
    "or log in by POST /api/session, keep its cookie, and send its `csrf` as X-CSRF-Token with each change. Fields "
    "that end in `_at`, `since` and `until` are microseconds since 1970, UTC."
)

log = structlog.get_logger("console")


class ErrorItem(BaseModel):
    field: str
    reason: str


class Errors(BaseModel):
    """What is said with every status from 400 on."""

    errors: list[ErrorItem]


def application(desk: Desk, shelf: Shelf | None = None) -> Gate:
    """The whole console. desk stays the caller's to close."""
    app = FastAPI(
        title="Multiring",
        version=product_version(),
        description=_DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,  # FastAPI's own pages load scripts from another host
        redoc_url=None,
        responses={status: {"model": Errors} for status in (401, 403, 404, 409, 422, 503)},
    )
    app.state.desk = desk
    app.state.shelf = shelf = shelf or Shelf()
    app.add_middleware(Shelved, shelf=shelf)
    shelf.edition()  # reads all files, so that the first page need not wait for it
    for route in api_routes():
        _name_role(route)
    for each in ROUTERS:
        app.include_router(each.router)
    app.add_api_route("/api/docs", _reference, include_in_schema=False)
    app.add_api_route("/{path:path}", _page, methods=["GET", "HEAD"], include_in_schema=False)
    for kind, answer in _ANSWERS.items():
        app.add_exception_handler(kind, answer)
    console = desk.config.console
    return Gate(app, is_secret=bool(console.certificate) or console.is_behind_proxy, knows=visitor_of)


async def warm_up(app: Gate) -> None:
    """Ask for what is not there: all routes are looked at, which FastAPI prepares when they first are (0.2 s)."""

    async def nothing() -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def unheard(_: Message) -> None:
        return None

    scope: dict[str, object] = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http",
        "path": "/nothing.txt", "raw_path": b"/nothing.txt", "root_path": "", "query_string": b"", "headers": [],
        "client": None, "server": None,
    }  # fmt: skip
    await app(scope, nothing, unheard)


def api_routes() -> list[APIRoute]:
    """All routes of the API."""
    return [route for each in ROUTERS for route in each.router.routes if isinstance(route, APIRoute)]


def _name_role(route: APIRoute) -> None:
    """Say in the description of the API who may use a route."""
    role = role_of(route)
    route.openapi_extra = {"x-role": role} if role else {"x-role": "anybody", "security": []}


def role_of(route: APIRoute) -> str:
    """The least role that a route lets in; "" for anybody."""
    for dependency in route.dependant.dependencies:
        role = getattr(dependency.call, "role", None)
        if role is not None:
            return str(role.word)
    return ""


# Pages.


async def _reference(request: Request) -> Response:
    return _shelf(request).page("reference.html")


async def _page(request: Request, path: str) -> Response:
    if path == "api" or path.startswith("api/"):
        raise Refusal(404, f"There is no /{path}. /api/docs has all that there is.")
    if "." in path.rpartition("/")[2]:
        return _file(request, path)
    if path in _GATES:
        return _shelf(request).page("login.html")
    desk = desk_of(request)
    known = await desk.people.session(request.cookies.get(COOKIE, ""))
    if known is None:
        gate = "/setup" if await desk.people.are_none() else f"/login?next={quote(_here(request), safe='')}"
        return RedirectResponse(gate, 303, {"Cache-Control": "no-store"})
    title = (await desk.preferences.read()).title
    return _shelf(request).page(
        "index.html", _module_of(path), json.dumps(session.told(known) | {"title": title})
    )


def _module_of(path: str) -> str:
    """The module of the page that a path shows, as main.js has it; "" where there is none."""
    place, _, rest = path.partition("/")
    name = (_PAGES_OF_ONE if rest else _PAGES).get(place)
    return f"scripts/pages/{name}.js" if name else ""


def _here(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _file(request: Request, name: str) -> Response:
    found = _shelf(request).answer(request, name)
    if found is None:
        raise Refusal(404, f"There is no page /{name}.")
    return found


def _shelf(request: Request) -> Shelf:
    shelf: Shelf = request.app.state.shelf
    return shelf


# What goes wrong.


async def _refused(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, Refusal)
    return Json(problem.body, problem.status, headers=problem.headers)


async def _misread(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, RequestValidationError)
    found: Sequence[Any] = problem.errors()
    if any(each["type"] == "json_invalid" for each in found):
        return _said(400, [Wrong("", "The body is no JSON.")])
    return _said(422, [_wrong(each) for each in found])


def _wrong(error: Any) -> Wrong:
    """The field below body or query, and what is wrong with it in the words of the configuration."""
    field = dotted(error["loc"][1:])
    if error["type"] == "extra_forbidden":
        return Wrong(field, "is not known here.")
    if error["type"] == "missing":
        return Wrong(field, "is missing.")
    _, text, remedy = said_plainly(error | {"loc": tuple(error["loc"][1:])})
    return Wrong(field, f"{error['msg']}." if "docs/" in remedy else f"{text} {remedy}")


async def _wrong_person(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, PeopleError)
    return _said(409 if problem.is_conflict else 422, [Wrong(problem.field, str(problem))])


async def _wrong_number(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, NumberError)
    status = {"wrong": 422, "conflict": 409, "absent": 404}[problem.kind]
    return _said(status, [Wrong(problem.field, str(problem))])


async def _unusable_flow(_: Request, problem: Exception) -> Response:
    return _said(409, [Wrong("", str(problem))])


async def _away(_: Request, problem: Exception) -> Response:
    return _said(503, [Wrong("", str(problem))])


async def _no_database(request: Request, problem: Exception) -> Response:
    log.error("the database cannot be used", path=request.url.path, problem=str(problem))
    remedy = "Is its disk full, or is it locked? The console's log says more."
    return _said(503, [Wrong("", f"The database cannot be used now. {remedy}")])


async def _unknown(_: Request, problem: Exception) -> Response:
    assert isinstance(problem, HTTPException)
    return Json(
        Refusal(problem.status_code, f"{problem.detail}.").body,
        problem.status_code,
        headers=dict(problem.headers or {}),
    )


async def _bug(request: Request, _: Exception) -> Response:
    """Starlette has it logged, with all that led to it; the browser need not know."""
    return _said(500, [Wrong("", "The console has failed in this; its log says how. Calls go on.")])


def _said(status: int, wrong: Sequence[Wrong]) -> Response:
    return Json(Refusal(status, wrong).body, status)


_ANSWERS: Final[dict[type[Exception], Callable[[Request, Exception], Awaitable[Response]]]] = {
    Refusal: _refused,
    RequestValidationError: _misread,
    PeopleError: _wrong_person,
    NumberError: _wrong_number,
    FlowError: _unusable_flow,
    ControlError: _away,
    StoreError: _no_database,
    HTTPException: _unknown,
    Exception: _bug,
}
