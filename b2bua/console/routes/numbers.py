"""Dialled numbers: all that there are, and those of the database added, changed and removed."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Response
from pydantic import Field
from sqlalchemy import func, select

from b2bua.calls.flow import Dial, Flow
from b2bua.calls.record import RING_TEST
from b2bua.config import DialledNumber
from b2bua.console import shapes
from b2bua.console.access import AtDesk, Editor, Viewer
from b2bua.console.answers import Json
from b2bua.console.database import begun
from b2bua.console.desk import Desk
from b2bua.console.flow_editing import Kept
from b2bua.console.routes.session import Asked
from b2bua.console.routes.statistics import midnight
from b2bua.control import ControlError
from b2bua.flows.numbers import KeptNumber
from b2bua.flows.versions import FlowError
from b2bua.store import schema

router = APIRouter(prefix="/api/numbers", tags=["numbers"])

NOT_TAKEN: Final = "It is kept, but the core was not told: {} Calls go by it when the core is told or starts."

Dialled = Annotated[str, Path(max_length=64)]
Name = Annotated[str, Field(max_length=64, description="What it is for; shown in records")]
FlowName = Annotated[
    str, Field(min_length=1, max_length=32, description="The call flow that its calls go through")
]
Trunks = Annotated[list[str], Field(max_length=100, description="Those that may dial it; empty is all")]
IsOn = Annotated[bool, Field(description="Calls to it are taken")]


class NewNumber(Asked):
    dialled: str = Field(min_length=1, max_length=64, description="As the trunk sends it: +15550100")
    name: Name = ""
    flow: FlowName
    trunks: Trunks = []
    is_on: IsOn = True


class NumberChange(Asked):
    name: Name | None = None
    flow: FlowName | None = None
    trunks: Trunks | None = None
    is_on: IsOn | None = None
    revision: int | None = Field(default=None, description="`revision` of the number that this was made from")


@router.get(
    "",
    responses={200: {"model": shapes.NumbersShape}},
    summary="Dialled numbers, and whom their calls go to",
)
async def numbers(visitor: Viewer, desk: AtDesk) -> Response:
    config = desk.config
    flows = {each.name: _published(each) for each in await desk.flows.all_kept(config)}
    today = await _calls_since(desk, await midnight(desk))
    kept = {each.dialled: each for each in desk.kept_numbers}
    found = [
        _number(number, flows, None if number.in_file else kept.get(number.dialled))
        | {"calls_today": today.get(number.dialled, 0)}
        for number in config.numbers.values()
    ]
    overruled = [
        {"dialled": each.dialled, "name": each.name, "flow": each.flow}
        for each in desk.kept_numbers
        if config.numbers[each.dialled].in_file
    ]
    return Json(visitor.mask.value({"numbers": found, "overruled": overruled}) | {"file": config.path})


@router.post(
    "",
    responses={201: {"model": shapes.NumberKeptShape}},
    status_code=201,
    summary="A new number, which calls come to from now on",
)
async def add(asked: NewNumber, visitor: Editor, desk: AtDesk) -> Response:
    number = KeptNumber(asked.dialled, asked.name.strip(), asked.flow, tuple(asked.trunks), asked.is_on)
    made = await desk.numbers.add(desk.config, number, visitor.name)
    await desk.audit.note(visitor.author, "number.add", made.dialled, None, made.settings)
    return Json(_kept_json(made) | await _put_to_use(desk), 201)


@router.put(
    "/{dialled}",
    responses={200: {"model": shapes.NumberKeptShape}},
    summary="Change what is given of a number; the rest stays",
)
async def change(dialled: Dialled, asked: NumberChange, visitor: Editor, desk: AtDesk) -> Response:
    given = asked.model_dump(exclude_none=True, exclude={"revision"})
    if "trunks" in given:
        given["trunks"] = tuple(given["trunks"])
    if "name" in given:
        given["name"] = given["name"].strip()
    known = next((each for each in desk.kept_numbers if each.dialled == dialled), KeptNumber(dialled, "", ""))
    number = replace(known, **given)
    before, after = await desk.numbers.change(desk.config, number, visitor.name, asked.revision)
    if after.settings != before.settings:
        await desk.audit.note(visitor.author, "number.change", dialled, before.settings, after.settings)
    return Json(_kept_json(after) | await _put_to_use(desk))


@router.delete(
    "/{dialled}",
    responses={200: {"model": shapes.ToldShape}},
    summary="Let a number go; calls to it are refused from now on",
)
async def remove(dialled: Dialled, visitor: Editor, desk: AtDesk) -> Response:
    before = await desk.numbers.remove(desk.config, dialled)
    await desk.audit.note(visitor.author, "number.remove", dialled, before.settings)
    return Json(await _put_to_use(desk))


async def _put_to_use(desk: Desk) -> dict[str, Any]:
    """Let console and core know of a change; whether the core has heard it."""
    await desk.refresh(at_once=True)
    try:
        await desk.core.ask({"command": "flows"})
    except ControlError as problem:
        return {"taken": False, "reason": NOT_TAKEN.format(problem)}
    return {"taken": True, "reason": ""}


def _kept_json(number: KeptNumber) -> dict[str, Any]:
    return {"dialled": number.dialled, **number.settings, "revision": number.changed_at}


def _number(number: DialledNumber, flows: dict[str, Flow | None], kept: KeptNumber | None) -> dict[str, Any]:
    flow, state = _flow_of(number, flows)
    dials = [step for step in flow.steps.values() if isinstance(step, Dial)] if flow is not None else []
    return {
        "dialled": number.dialled,
        "name": number.name,
        "flow": number.flow_name or None,
        "flow_state": state,
        "trunks": sorted(number.trunks),
        "recipients": list(dict.fromkeys(each.name for dial in dials for each in dial.rung)),
        "in_file": number.in_file,
        "is_on": number.is_on,
        "revision": kept and kept.changed_at,
        "changed_by": kept and kept.changed_by,
    }


def _published(kept: Kept) -> Flow | None:
    """What calls to a flow's numbers go through; None when it was never published, or cannot be read."""
    try:
        return None if kept.published is None else kept.published.value()
    except FlowError:
        return None


def _flow_of(number: DialledNumber, flows: dict[str, Flow | None]) -> tuple[Flow | None, str]:
    if number.flow is not None:
        return number.flow, "file" if number.flow_name else "own"
    found = flows.get(number.flow_name)
    return found, "missing" if found is None else "published"


async def _calls_since(desk: Desk, since: int) -> dict[str, int]:
    """Calls that began since then, by the number that was dialled."""
    call = schema.call.c
    query = (
        select(call.dialled, func.count())
        .where(call.started_at >= since, call.trunk != RING_TEST)
        .group_by(call.dialled)
    )
    async with begun(desk.engine) as connection:
        return {row.dialled: row[1] for row in await connection.execute(query)}
