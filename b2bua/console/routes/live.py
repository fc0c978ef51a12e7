"""Calls as they happen, and ending one."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from b2bua.console import shapes
from b2bua.console.access import AtDesk, Editor, Viewer, visitor_of
from b2bua.console.answers import NO_STORE, Json
from b2bua.console.core import CoreAway
from b2bua.console.refusal import Refusal
from b2bua.control import ControlError

router = APIRouter(prefix="/api", tags=["live"])


@router.get("/live", summary="Calls as they ring, are answered and end: server-sent events")
async def live(visitor: Viewer, desk: AtDesk, request: Request) -> Response:
    async def may_still() -> bool:
        """Whether the session has not ended, and whoever it is may still see what he sees."""
        try:
            return (await visitor_of(request)).mask is visitor.mask
        except Refusal:
            return False

    if desk.live.is_full(visitor.name):
        raise Refusal(429, "You look at this in too many places: close some.", {"Retry-After": "5"})
    events = desk.live.stream(visitor.mask, may_still, visitor.name)
    # A proxy that gathers what it passes on would make the wallboard late.
    headers = NO_STORE | {"X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


@router.post(
    "/live/{call}/hangup",
    responses={202: {"model": shapes.EndedShape}},
    status_code=202,
    summary="End a running call on all sides",
)
async def hang_up(call: str, visitor: Editor, desk: AtDesk) -> Response:
    try:
        answer = await desk.core.ask({"command": "hangup", "call": call})
    except CoreAway:
        raise
    except ControlError as problem:
        raise Refusal(404, f"{call}: {problem}.") from problem
    await desk.audit.note(visitor.author, "call.hangup", answer["call"])
    return Json({"call": answer["call"]}, 202)
