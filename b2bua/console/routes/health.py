"""Whether everything is alive, and with which settings."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response

from b2bua.config import ConfigError, load
from b2bua.console.access import AtDesk, Owner, Viewer
from b2bua.console.answers import Json
from b2bua.console.core import CoreAway
from b2bua.console.desk import Desk, product_version
from b2bua.console.refusal import Refusal, Wrong
from b2bua.control import ControlError

router = APIRouter(tags=["health"])


@router.get("/healthz", summary="Whether the console itself is alive; for a proxy")
async def alive() -> Response:
    return Json({"console": "alive"})


@router.get("/api/health", summary="Core, relay, console and database")
async def health(visitor: Viewer, desk: AtDesk) -> Response:
    config = desk.config
    try:
        core = {"there": True, "reason": ""} | await desk.core.ask({"command": "status"})
    except ControlError as problem:
        core = {"there": False, "reason": str(problem)}
    return Json(
        {
            "core": core,
            "relay": _relay(core, desk),
            "console": {
                "version": product_version(),
                "started_at": desk.started_at,
                "configuration": config.version,
                "configuration_problem": desk.configuration_problem,
            },
            "listen": [_place(each.name, str(each.advertised)) for each in config.sip.listeners],
            "warnings": [str(finding) for finding in config.findings] if visitor.sees_all else [],
        }
    )


def _place(name: str, advertised: str) -> str:
    """Where it listens, and what peers are told instead, if that is another address."""
    return name if f":{advertised}:" in name or f":[{advertised}]:" in name else f"{name}, as {advertised}"


def _relay(core: dict[str, Any], desk: Desk) -> dict[str, Any]:
    media = desk.config.media
    form = core.get("relay", "not known") if core["there"] else "not known"
    return {
        "there": core["there"] and form != "not there",
        "form": form,
        "ports": list(media.ports),
        "interfaces": [
            {"name": each.name, "address": each.address, "advertised": each.advertised}
            for each in media.interfaces
        ],
    }


@router.post("/api/reload", summary="The core takes up its changed configuration file")
async def reload(visitor: Owner, desk: AtDesk) -> Response:
    try:
        load(desk.config.path)
    except ConfigError as problem:
        wrong = [
            Wrong(f"line {each.line}: {each.setting}", f"{each.problem} {each.remedy}")
            for each in problem.findings
        ]
        raise Refusal(409, wrong) from problem
    try:
        answer = await desk.core.ask({"command": "reload"})
    except CoreAway:
        raise
    except ControlError as problem:
        raise Refusal(409, str(problem)) from problem
    await desk.audit.note(visitor.author, "configuration.reload", str(answer.get("configuration", "")))
    return Json({"configuration": answer.get("configuration")})
