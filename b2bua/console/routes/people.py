"""Users, tokens, the audit, and what is set in the console."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import Field, ValidationError

from b2bua.console import shapes
from b2bua.console.access import AtDesk, Editor, Owner, Viewer
from b2bua.console.answers import NO_STORE, Json
from b2bua.console.file_settings import file_settings
from b2bua.console.people import ROLES
from b2bua.console.preferences import Preferences, described
from b2bua.console.refusal import Refusal, Wrong, dotted
from b2bua.console.routes.session import Asked, LogIn, Name, Password

router = APIRouter(prefix="/api", tags=["people"])

RoleWord = Literal["owner", "editor", "viewer"]


class NewUser(LogIn):
    role: RoleWord


class UserChange(Asked):
    role: RoleWord | None = None
    is_on: bool | None = None
    password: Password | None = None


class NewToken(Asked):
    name: Name
    role: RoleWord
    days: float | None = Field(
        default=None, gt=0, le=3650, description="Good for so long; absent: until removed"
    )


@router.get("/users", responses={200: {"model": shapes.UsersShape}}, summary="Everybody who may log in")
async def users(visitor: Owner, desk: AtDesk) -> Response:
    return Json({"users": [user.as_json() for user in await desk.people.users()]})


@router.post(
    "/users", responses={201: {"model": shapes.UserShape}}, status_code=201, summary="Let somebody in"
)
async def add_user(asked: NewUser, visitor: Owner, desk: AtDesk) -> Response:
    user = await desk.people.add(asked.name, ROLES[asked.role], asked.password, visitor.name)
    await desk.audit.note(visitor.author, "user.add", user.name, None, user.as_json())
    return Json(user.as_json(), 201)


@router.patch(
    "/users/{name}",
    responses={200: {"model": shapes.UserShape}},
    summary="Change role or password, or turn off and on; ends his sessions",
)
async def change_user(name: str, asked: UserChange, visitor: Owner, desk: AtDesk) -> Response:
    before = await desk.people.user(name)
    if before is None:
        raise Refusal(404, f"There is no user {name}.")
    role = None if asked.role is None else ROLES[asked.role]
    user = await desk.people.change(name, role, asked.is_on, asked.password)
    after = user.as_json() | ({"password": "changed"} if asked.password is not None else {})
    await desk.audit.note(visitor.author, "user.change", name, before.as_json(), after)
    return Json(user.as_json())


@router.delete("/users/{name}", status_code=204, summary="Let somebody in no more; his tokens end, too")
async def remove_user(name: str, visitor: Owner, desk: AtDesk) -> Response:
    try:
        before = await desk.people.remove(name)
    except LookupError as problem:
        raise Refusal(404, str(problem)) from problem
    await desk.audit.note(visitor.author, "user.remove", name, before.as_json())
    return Response(status_code=204)


@router.get(
    "/tokens",
    responses={200: {"model": shapes.TokensShape}},
    summary="Tokens of programs, without their texts, which nobody knows",
)
async def tokens(visitor: Owner, desk: AtDesk) -> Response:
    return Json({"tokens": [token.as_json() for token in await desk.people.tokens()]})


@router.post(
    "/tokens",
    responses={201: {"model": shapes.NewTokenShape}},
    status_code=201,
    summary="A new token; its text is shown this once",
)
async def add_token(asked: NewToken, visitor: Owner, desk: AtDesk) -> Response:
    text, token = await desk.people.add_token(asked.name, ROLES[asked.role], visitor.name, asked.days)
    await desk.audit.note(visitor.author, "token.add", asked.name, None, token.as_json())
    return Json(token.as_json() | {"token": text}, 201, headers=NO_STORE)


@router.delete("/tokens/{number}", status_code=204, summary="A token is good no more")
async def remove_token(
    number: Annotated[int, Path(ge=0, le=1 << 62)], visitor: Owner, desk: AtDesk
) -> Response:
    try:
        token = await desk.people.remove_token(number)
    except LookupError as problem:
        raise Refusal(404, str(problem)) from problem
    await desk.audit.note(visitor.author, "token.remove", token.name, token.as_json())
    return Response(status_code=204)


@router.get(
    "/audit", responses={200: {"model": shapes.AuditShape}}, summary="Who changed what, the latest first"
)
async def audit(
    visitor: Owner,
    desk: AtDesk,
    cursor: Annotated[int | None, Query(ge=0, le=1 << 62)] = None,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
) -> Response:
    entries, following = await desk.audit.entries(limit, cursor)
    return Json({"entries": entries, "next": following})


@router.get("/settings", summary="What of the console is set in the console")
async def settings(visitor: Viewer, desk: AtDesk) -> Response:
    return Json({"settings": described(await desk.preferences.read())})


@router.get("/settings/file", summary="What stands in the configuration file, without its secrets")
async def settings_of_file(visitor: Editor, desk: AtDesk) -> Response:
    return Json({"file": desk.config.path, "tables": file_settings(desk.config)})


@router.put("/settings", summary="Change some of the settings")
async def change_settings(asked: dict[str, Any], visitor: Owner, desk: AtDesk) -> Response:
    before = await desk.preferences.read()
    try:
        after = Preferences.model_validate(before.model_dump() | asked)
    except ValidationError as problem:
        wrong = [Wrong(dotted(each["loc"]), f"{each['msg']}.") for each in problem.errors(include_url=False)]
        raise Refusal(422, wrong) from problem
    await desk.preferences.change(after, set(asked))
    changed = {name for name in asked if getattr(before, name) != getattr(after, name)}
    if changed:
        was = {name: getattr(before, name) for name in sorted(changed)}
        becomes = {name: getattr(after, name) for name in sorted(changed)}
        await desk.audit.note(visitor.author, "settings.change", ", ".join(sorted(changed)), was, becomes)
    return Json({"settings": described(after)})
