"""What there is to choose from: recipients, trunks, and the words of a flow."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import Any
from zoneinfo import available_timezones

from fastapi import APIRouter, Response

from b2bua.calls.flow import CALLER, TRACKING, VARIABLES, Dial, DialRecipient, Flow
from b2bua.config import Config
from b2bua.config.flow_building import KINDS
from b2bua.config.flow_facts import speech_is_installed
from b2bua.config.reaching import reached
from b2bua.console.access import AtDesk, Viewer
from b2bua.console.answers import Json
from b2bua.console.figures import recipient_json
from b2bua.console.flow_editing import Kept
from b2bua.flows.versions import FlowError

router = APIRouter(prefix="/api", tags=["directory"])

# Countries whose ringing tone the relay makes; a test compares them with its own.
TONES = (
    *("at", "au", "be", "br", "ca", "ch", "de", "dk", "es", "fi"),
    *("fr", "gb", "ie", "it", "nl", "no", "nz", "pl", "pt", "se", "us"),
)


@router.get("/recipients", summary="Everybody whom flows ring, and how he has fared lately")
async def recipients(visitor: Viewer, desk: AtDesk) -> Response:
    config = desk.config
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for name, flow in _all_flows(config, await desk.flows.all_kept(config)):
        for recipient in _everybody(reached(flow, config.trunks)):
            key = (recipient.name, recipient.destination)
            told = found.setdefault(key, _recipient(recipient) | {"flows": [], "uri": _uri(recipient)})
            if name not in told["flows"]:
                told["flows"].append(name)
    figures = await desk.figures.by_uri()
    for told in found.values():
        known = figures.get(told.pop("uri"))
        told["figures"] = None if known is None else recipient_json(known)
    return Json(
        {"recipients": visitor.mask.value(sorted(found.values(), key=lambda each: each["name"].casefold()))}
    )


def _all_flows(config: Config, kept: list[Kept]) -> Iterator[tuple[str, Flow]]:
    """Published flows and drafts, and those of numbers that have recipients of their own."""
    for each in kept:
        if each.in_file is not None:
            yield each.name, each.in_file
            continue
        for version in (each.published, each.draft):
            try:
                if version is not None:
                    yield each.name, version.value()
            except FlowError:
                continue
    for number in config.numbers.values():
        if number.flow is not None and not number.flow_name:
            yield number.name or number.dialled, number.flow


def _everybody(flow: Flow) -> Iterator[DialRecipient]:
    for step in flow.steps.values():
        if isinstance(step, Dial):
            yield from step.recipients


def _uri(recipient: DialRecipient) -> str:
    return recipient.way.uri if recipient.way is not None else recipient.destination


def _recipient(recipient: DialRecipient) -> dict[str, Any]:
    return {
        "name": recipient.name,
        "type": recipient.type.value,
        "destination": recipient.destination,
        "trunk": recipient.trunk,
        "extension": recipient.extension,
    }


@router.get("/trunks", summary="Trunks, and the calls that run through them")
async def trunks(visitor: Viewer, desk: AtDesk) -> Response:
    running = None if desk.live.absence else [call["trunk"] for call in desk.live.running.calls.values()]
    found = [
        {
            "name": trunk.name,
            "sources": [str(network) for network in trunk.sources],
            "address": trunk.address,
            "takes_calls": bool(trunk.address),
            "sends_calls": bool(trunk.sources),
            "allowed_prefixes": list(trunk.allowed_prefixes),
            "caller_id": trunk.recipe.from_user,
            "own_numbers_only": trunk.own_numbers_only,
            "answer_limit": trunk.answer_limit,
            "running": None if running is None else running.count(trunk.name),
        }
        for trunk in desk.config.trunks.values()
    ]
    return Json({"trunks": visitor.mask.value(found)})


@router.get("/vocabulary", summary="The words that a flow may use here")
async def vocabulary(visitor: Viewer, desk: AtDesk) -> Response:
    config = desk.config
    return Json(
        {
            "kinds": list(KINDS.values()),
            "variables": list(VARIABLES),
            "caller_ids": [CALLER, TRACKING],
            "tones": list(TONES),
            "trunks": [
                {
                    "name": trunk.name,
                    "takes_calls": bool(trunk.address),
                    "allowed_prefixes": list(trunk.allowed_prefixes),
                }
                for trunk in config.trunks.values()
            ],
            "interfaces": [interface.name for interface in config.media.interfaces],
            "time_zones": _time_zones(),
            "ring_time": (await desk.preferences.read()).ring_time,
            "speech": speech_is_installed(),
            "recipients_limit": config.limits.recipients,
        }
    )


@functools.cache
def _time_zones() -> list[str]:
    """Of this machine: looking through its files takes longer than all the rest here."""
    return sorted(zone for zone in available_timezones() if "/" in zone or zone == "UTC")
