"""Ringing a recipient now, to see whether his phone does what it is to do."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, Response
from pydantic import Field

from b2bua.calls.flow import Dial, DialRecipient
from b2bua.calls.record import RING_TEST
from b2bua.config.flow_facts import speech_is_installed
from b2bua.console.access import AtDesk, Editor
from b2bua.console.answers import Json
from b2bua.console.core import CoreAway
from b2bua.console.flow_form import Unreadable, flow_of
from b2bua.console.refusal import Refusal, Wrong, dotted
from b2bua.console.routes.session import Asked
from b2bua.control import ControlError
from b2bua.flows.writing import written
from b2bua.ring_test import NAME, flow_for, report

router = APIRouter(prefix="/api/ring-test", tags=["ring test"])

_PLACE: Final = ("dial", "ring", "recipients", 0)  # of the recipient in the flow that he is read with


class RingTest(Asked):
    recipient: dict[str, Any] = Field(description="As in a dial step of a flow")


@router.post("", status_code=202, summary="Ring a recipient now, and ask him to press 1")
async def ring(asked: RingTest, visitor: Editor, desk: AtDesk) -> Response:
    config = desk.config
    recipient = _recipient(asked.recipient)
    flow = flow_for(recipient, speech_is_installed(), config.media.tones)
    errors = [each for each in await desk.flows.remarks(config, flow) if each.severity == "error"]
    if errors:
        raise Refusal(422, [Wrong(_field(each.field), f"{each.text} {each.remedy}") for each in errors])
    try:
        answer = await desk.core.ask({"command": "ring_test", "toml": written(flow)})
    except CoreAway:
        raise
    except ControlError as problem:
        raise Refusal(409, f"{problem}.") from problem
    await desk.audit.note(
        visitor.author, "ring_test", recipient.name, None, {"destination": recipient.destination}
    )
    return Json({"call": answer["call"]}, 202)


@router.get("/{call}", summary="What has come of a ring test; outcome is null while it rings")
async def outcome(call: str, visitor: Editor, desk: AtDesk) -> Response:
    record = await desk.archive.call(call)
    if record is not None and record.trunk != RING_TEST:
        raise Refusal(404, f"{call} is no ring test.")
    if record is None or record.outcome is None:
        return Json({"call": call, "outcome": None})
    return Json(report(record).as_json())


def _recipient(table: dict[str, Any]) -> DialRecipient:
    """Read as in any flow; so he is to be rung even if he is off there."""
    step = {"nobody_answered": "end", "recipients": [table | {"enabled": True}]}
    try:
        flow = flow_of(NAME, {"first": "ring", "dial": {"ring": step}, "hang_up": {"end": {}}})
    except Unreadable as problem:
        wrong = [
            Wrong(dotted(("recipient", *each.path[len(_PLACE) :])), f"{each.problem} {each.remedy}".rstrip())
            for each in problem.mistakes
        ]
        raise Refusal(422, wrong) from problem
    dial = flow.steps["ring"]
    assert isinstance(dial, Dial)
    return dial.recipients[0]


def _field(path: tuple[str | int, ...]) -> str:
    """A remark's field, as a path within what was asked."""
    return dotted(("recipient", *path[2:])) if path[:2] == ("recipients", 0) else "recipient"
