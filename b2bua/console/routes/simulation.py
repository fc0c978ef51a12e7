"""What a flow would do with a call, before anybody is rung."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response
from pydantic import Field

from b2bua.calls.flow import Dial, Flow
from b2bua.config import Config
from b2bua.console.access import AtDesk, Viewer, Visitor
from b2bua.console.answers import Json
from b2bua.console.call_page import line, messages
from b2bua.console.desk import Desk
from b2bua.console.flow_form import Unreadable, flow_of
from b2bua.console.refusal import Refusal, Wrong
from b2bua.console.routes.flows import FlowName, FlowTable
from b2bua.console.routes.session import Asked
from b2bua.simulate import Scene, Simulation, simulate

router = APIRouter(prefix="/api/flows", tags=["flows"])

_TEXT: Final = r"^[^\x00-\x1f\x7f\"<>]*$"  # what may stand in a From header as it is
Seconds = Annotated[float, Field(ge=0, le=3600, allow_inf_nan=False)]
_one_at_a_time = asyncio.Semaphore(
    1
)  # a minute of a call costs some 50 ms, beside whatever else this machine does


class SceneAsked(Asked):
    """Who calls, when, and what everybody does."""

    caller: str = Field(default="", max_length=32, pattern=r"^[0-9A-Za-z+*#._-]*$")
    caller_name: str = Field(default="", max_length=64, pattern=_TEXT)
    number: str = Field(
        default="", max_length=64, description="That he dials; the first that leads to the flow"
    )
    at: str = Field(default="", max_length=40, description='"Tue 18:05", or as ISO 8601 has it; now')
    recipients: dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=80)]] = Field(
        default={},
        max_length=64,
        description="Name to what he does: answers:6, voicemail:20, busy, declines:3, unreachable, ignores, "
        "redirects:2; after it, with commas, presses=1@2, silent, talks=30",
    )
    keys: list[tuple[Seconds, Annotated[str, Field(pattern=r"^[0-9*#]$")]]] = Field(
        default=[], max_length=100, description="That the caller presses: [seconds, key]", strict=False
    )
    hangs_up_after: Seconds = Field(
        default=0.0, description="Seconds from the start of the call; 0: never early"
    )
    talks: Seconds = Field(
        default=10.0, description="Seconds of conversation after which the caller hangs up"
    )
    speaks: Seconds = Field(default=10.0, description="Seconds that a message of his lasts")
    sticky_to: str = Field(
        default="",
        max_length=64,
        description="Who has talked to this caller a minute before, for turns that remember",
    )


class Trial(FlowTable):
    scene: SceneAsked = SceneAsked()


@router.post(
    "/{name}/simulate", summary="Try a call, on a virtual clock, with the code that real calls go through"
)
async def try_call(name: FlowName, asked: Trial, visitor: Viewer, desk: AtDesk) -> Response:
    try:
        flow = flow_of(name, asked.flow)
    except Unreadable as problem:
        raise Refusal(422, [each.as_wrong() for each in problem.mistakes]) from problem
    known = {each.name for step in flow.steps.values() if isinstance(step, Dial) for each in step.recipients}
    strangers = [name for name in asked.scene.recipients if name not in known]
    if asked.scene.sticky_to and asked.scene.sticky_to not in known:
        raise Refusal(422, [Wrong("scene.sticky_to", "is nobody whom this flow rings.")])
    if strangers:
        raise Refusal(
            422, [Wrong(f"scene.recipients.{name}", "is nobody whom this flow rings.") for name in strangers]
        )
    now = await _now(desk)
    try:
        scene = Scene.from_json(asked.scene.model_dump(), now)
        async with _one_at_a_time:
            found = await asyncio.to_thread(_simulated, flow, desk.config, scene)
    except ValueError as problem:
        raise Refusal(422, [_wrong(str(problem))]) from problem
    return Json(_told(found, visitor))


def _simulated(flow: Flow, config: Config, scene: Scene) -> Simulation:
    return simulate(flow, config, scene)


def _told(found: Simulation, visitor: Visitor) -> dict[str, Any]:
    made: dict[str, Any] = visitor.mask.value({**found.as_json(), "record": None})
    record = line(found.record, visitor.mask)
    return made | {"record": record, "messages": messages(found.record, visitor.mask, visitor.sees_all)}


def _wrong(text: str) -> Wrong:
    """The field stands before the first colon, where there is one: "recipients.Ana: …"."""
    field, found, reason = text.partition(": ")
    named = bool(found) and field.partition(".")[0] in SceneAsked.model_fields
    return Wrong(f"scene.{field}" if named else "scene", reason if named else text)


async def _now(desk: Desk) -> datetime:
    zone = (await desk.preferences.read()).time_zone
    return datetime.fromtimestamp(desk.clock(), UTC).astimezone(ZoneInfo(zone) if zone else None)
