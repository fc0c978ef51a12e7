"""What is described is what is answered: every model against real answers."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from fastapi.routing import APIRoute
from pydantic import BaseModel

from b2bua.console.application import api_routes
from tests.b2bua.console.stage import FLOW, PASSWORD, Stage, call, on_stage

NEW = {"name": "ben", "password": PASSWORD, "role": "viewer"}
# In an order in which each finds what it needs.
REQUESTS: tuple[tuple[str, str, Any], ...] = (
    ("GET", "/api/session", None),
    ("GET", "/api/calls", None),
    ("GET", "/api/calls/last", None),
    ("POST", "/api/live/4f2a/hangup", {}),
    ("POST", "/api/flows/main/lint", {"flow": FLOW}),
    ("PUT", "/api/flows/main/draft", {"flow": FLOW}),
    ("POST", "/api/flows/main/publish", {}),
    ("POST", "/api/flows/main/restore", {"version": 1}),
    ("GET", "/api/flows/main/diff", None),
    ("POST", "/api/numbers", {"dialled": "+15550177", "flow": "main"}),
    ("PUT", "/api/numbers/+15550177", {"is_on": False}),
    ("GET", "/api/numbers", None),
    ("DELETE", "/api/numbers/+15550177", None),
    ("GET", "/api/flows", None),
    ("GET", "/api/flows/main", None),
    ("GET", "/api/summary?since=0", None),
    ("GET", "/api/users", None),
    ("POST", "/api/users", NEW),
    ("PATCH", "/api/users/ben", {}),
    ("POST", "/api/tokens", {"name": "crm", "role": "viewer"}),
    ("GET", "/api/tokens", None),
    ("GET", "/api/audit", None),
)


def described() -> dict[tuple[str, str], tuple[APIRoute, type[BaseModel]]]:
    """Routes by method and path that say what they answer with."""
    found: dict[tuple[str, str], tuple[APIRoute, type[BaseModel]]] = {}
    for route in api_routes():
        for status, said in route.responses.items():
            if int(status) < 300 and "model" in said:
                found |= {(method, route.path): (route, said["model"]) for method in route.methods or ()}
    return found


def model_of(method: str, path: str) -> type[BaseModel]:
    plain = path.partition("?")[0]
    fitting = [
        model
        for (of_method, _), (route, model) in described().items()
        if of_method == method and re.fullmatch(route.path_regex, plain)
    ]
    return fitting[0]


def test_every_answer_is_as_it_is_described(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(1)])
        stage.core_answers["hangup"] = {"call": "4f2a"}
        await stage.core()
        client = await stage.logged_in("owner")
        for method, path, body in REQUESTS:
            answer = await client.request(method, path, json=body)
            assert answer.status_code < 300, (path, answer.text)
            model_of(method, path).model_validate(answer.json())

    on_stage(tmp_path, play)


def test_every_description_was_held_against_an_answer() -> None:
    held = {model_of(method, path) for method, path, _ in REQUESTS}
    assert {model for _, model in described().values()} == held
