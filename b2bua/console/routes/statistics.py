"""Figures over many calls."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Response
from sqlalchemy import and_, func, select

from b2bua import statistics as tables
from b2bua.calls.record import RING_TEST, CallOutcome
from b2bua.console import shapes
from b2bua.console.access import AtDesk, Viewer
from b2bua.console.answers import Json
from b2bua.console.call_list import GROUPS
from b2bua.console.database import begun
from b2bua.console.desk import Desk
from b2bua.console.figures import Counting
from b2bua.console.refusal import Refusal, Wrong
from b2bua.store import schema
from b2bua.store.statistics import Selection

router = APIRouter(prefix="/api", tags=["statistics"])

Moment = Annotated[int | None, Query(ge=0, le=1 << 62, description="Microseconds since 1970")]
_DAY = 86_400_000_000


@router.get(
    "/statistics",
    responses={
        202: {"description": "The log is being counted: `counting` says how many calls are left, ask again"}
    },
    summary="By number, hour of the day and recipient; the last 30 days by default",
)
async def statistics(
    visitor: Viewer,
    desk: AtDesk,
    since: Moment = None,
    until: Moment = None,
    number: Annotated[str, Query(max_length=64, description="As it is dialled, or its name")] = "",
) -> Response:
    until = desk.now() if until is None else until
    since = until - 30 * _DAY if since is None else since
    if since >= until:
        raise Refusal(422, [Wrong("since", "is not before until.")])
    try:
        of, found = await desk.figures.of(Selection(since, until, number))
    except Counting as counting:
        return Json({"counting": counting.behind._asdict()}, 202, headers={"Retry-After": "1"})
    return Json({"since": of.since, "until": of.until, **visitor.mask.value(tables.as_json(found))})


@router.get(
    "/summary",
    responses={200: {"model": shapes.SummaryShape}},
    summary="How calls came out, since midnight by default",
)
async def summary(visitor: Viewer, desk: AtDesk, since: Moment = None) -> Response:
    since = await midnight(desk) if since is None else since
    call = schema.call.c
    begun_since = and_(call.started_at >= since, call.trunk != RING_TEST)
    outcomes = select(call.outcome, func.count()).where(begun_since).group_by(call.outcome)
    waited = (call.answered_at - call.started_at).label("waited")
    waits = select(waited).where(begun_since, call.answered_at.is_not(None)).order_by(waited)
    async with begun(desk.engine) as connection:
        counts = {row.outcome: row[1] for row in await connection.execute(outcomes)}
        of = await connection.scalar(select(func.count(call.answered_at)).where(begun_since)) or 0
        ranks = [await connection.scalar(waits.offset(rank).limit(1)) for rank in _ranks(of)]
    counts.pop(None, None)
    calls, answered = sum(counts.values()), counts.get(CallOutcome.ANSWERED.value, 0)
    missed = sum(counts.get(outcome, 0) for outcome in GROUPS["missed"])
    abandoned = counts.get(CallOutcome.ABANDONED.value, 0)
    return Json(
        {
            "since": since,
            "calls": calls,
            "answered": answered,
            "missed": missed,
            "abandoned": abandoned,
            "other": calls - answered - missed - abandoned,
            "answer_rate": answered / calls if calls else None,
            "time_to_answer": {"of": of, "median": ranks[0], "p95": ranks[1]} if of else None,
        }
    )


def _ranks(of: int) -> tuple[int, int]:
    """Nearest ranks of one half and of 95 in a hundred, from 0."""
    return (of + 1) // 2 - 1, (of * 95 + 99) // 100 - 1


async def midnight(desk: Desk) -> int:
    """Microseconds since 1970 of the beginning of today, in the zone that is preferred."""
    zone = (await desk.preferences.read()).time_zone
    now = datetime.fromtimestamp(desk.clock(), ZoneInfo(zone) if zone else None)
    return int(now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp() * 1e6)
