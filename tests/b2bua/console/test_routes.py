"""Of all routes: who may use them, that they refuse rubbish, and that they are described."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest

from b2bua.console.application import api_routes, role_of
from tests.b2bua.console.stage import Stage, on_stage

PUBLIC: Final = {("GET", "/api/setup"), ("POST", "/api/setup"), ("POST", "/api/session"), ("GET", "/healthz")}
ROLES: Final = {
    ("GET", "/api/session"): "viewer",
    ("DELETE", "/api/session"): "viewer",
    ("PUT", "/api/session/password"): "viewer",
    ("GET", "/api/calls"): "viewer",
    ("GET", "/api/calls.csv"): "viewer",
    ("GET", "/api/calls/{key}"): "viewer",
    ("GET", "/api/calls/{key}/pcap"): "editor",
    ("GET", "/api/calls/{key}/scenario"): "editor",
    ("GET", "/api/calls/{key}/voicemail"): "editor",
    ("GET", "/api/live"): "viewer",
    ("POST", "/api/live/{call}/hangup"): "editor",
    ("GET", "/api/flows"): "viewer",
    ("POST", "/api/flows/import"): "editor",
    ("GET", "/api/flows/{name}"): "viewer",
    ("POST", "/api/flows/{name}/lint"): "viewer",
    ("POST", "/api/flows/{name}/simulate"): "viewer",
    ("PUT", "/api/flows/{name}/draft"): "editor",
    ("DELETE", "/api/flows/{name}/draft"): "editor",
    ("POST", "/api/flows/{name}/publish"): "editor",
    ("POST", "/api/flows/{name}/restore"): "editor",
    ("GET", "/api/flows/{name}/diff"): "viewer",
    ("GET", "/api/flows/{name}/toml"): "viewer",
    ("POST", "/api/ring-test"): "editor",
    ("GET", "/api/ring-test/{call}"): "editor",
    ("GET", "/api/numbers"): "viewer",
    ("POST", "/api/numbers"): "editor",
    ("PUT", "/api/numbers/{dialled}"): "editor",
    ("DELETE", "/api/numbers/{dialled}"): "editor",
    ("GET", "/api/recipients"): "viewer",
    ("GET", "/api/trunks"): "viewer",
    ("GET", "/api/vocabulary"): "viewer",
    ("GET", "/api/prompts"): "viewer",
    ("POST", "/api/prompts"): "editor",
    ("GET", "/api/prompts/{name}"): "viewer",
    ("DELETE", "/api/prompts/{name}"): "editor",
    ("GET", "/api/speech"): "editor",
    ("GET", "/api/statistics"): "viewer",
    ("GET", "/api/summary"): "viewer",
    ("GET", "/api/health"): "viewer",
    ("POST", "/api/reload"): "owner",
    ("GET", "/api/users"): "owner",
    ("POST", "/api/users"): "owner",
    ("PATCH", "/api/users/{name}"): "owner",
    ("DELETE", "/api/users/{name}"): "owner",
    ("GET", "/api/tokens"): "owner",
    ("POST", "/api/tokens"): "owner",
    ("DELETE", "/api/tokens/{number}"): "owner",
    ("GET", "/api/audit"): "owner",
    ("GET", "/api/settings"): "viewer",
    ("GET", "/api/settings/file"): "editor",
    ("PUT", "/api/settings"): "owner",
}
BODIES: Final[dict[tuple[str, str], Any]] = {
    ("PUT", "/api/session/password"): {"old": "x", "new": "y"},
    ("POST", "/api/flows/import"): {"toml": ""},
    ("POST", "/api/flows/{name}/lint"): {"flow": {}},
    ("POST", "/api/flows/{name}/simulate"): {"flow": {}},
    ("PUT", "/api/flows/{name}/draft"): {"flow": {}},
    ("POST", "/api/flows/{name}/publish"): {},
    ("POST", "/api/flows/{name}/restore"): {"version": 1},
    ("POST", "/api/ring-test"): {"recipient": {}},
    ("POST", "/api/numbers"): {"dialled": "100", "flow": "main"},
    ("PUT", "/api/numbers/{dialled}"): {},
    ("POST", "/api/users"): {"name": "x", "password": "y", "role": "viewer"},
    ("PATCH", "/api/users/{name}"): {},
    ("POST", "/api/tokens"): {"name": "x", "role": "viewer"},
    ("PUT", "/api/settings"): {},
}
ORDER: Final = ("", "viewer", "editor", "owner")


def test_every_route_has_the_role_that_it_is_to_have() -> None:
    """A new route stands here with its role, or this fails."""
    found = {(method, route.path): role_of(route) for route in api_routes() for method in route.methods or ()}
    assert found == ROLES | dict.fromkeys(PUBLIC, "")


@pytest.mark.parametrize("who", ORDER)
def test_nobody_gets_further_than_his_role(tmp_path: Path, who: str) -> None:
    async def play(stage: Stage) -> None:
        for (method, path), role in ROLES.items():
            if ORDER.index(who) >= ORDER.index(role):
                continue
            client = await stage.logged_in(who) if who else stage.client()
            where = re.sub(r"\{number\}", "1", re.sub(r"\{(?!number)\w+\}", "main", path))
            body = BODIES.get((method, path))
            answer = await client.request(method, where, json=body)
            assert answer.status_code == (403 if who else 401) or (method, path) == (
                "POST",
                "/api/prompts",
            ), path
            if (method, path) != ("POST", "/api/prompts"):
                assert answer.json()["errors"][0]["reason"]

    on_stage(tmp_path, play)


def test_files_are_taken_from_editors_only(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        viewer = await stage.logged_in("viewer")
        for client, status in ((viewer, 403), (stage.client(), 401)):
            answer = await client.post("/api/prompts", files={"file": ("a.wav", b"RIFF")})
            assert answer.status_code == status

    on_stage(tmp_path, play)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"name": 1}', b"\xff", b'{"a": NaN}'])
def test_rubbish_is_refused_in_the_same_form_everywhere(tmp_path: Path, body: bytes) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("owner")
        for method, path in BODIES:
            if path in ("/api/settings",):
                continue
            where = re.sub(r"\{\w+\}", "main", path)
            answer = await client.request(
                method, where, content=body, headers={"Content-Type": "application/json"}
            )
            assert 400 <= answer.status_code < 500, (path, answer.text)
            assert all(set(error) == {"field", "reason"} for error in answer.json()["errors"])

    on_stage(tmp_path, play)


def test_what_is_not_there_is_said_in_that_form_too(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("owner")
        for method, path, status in (
            ("GET", "/api/nothing", 404),
            ("PUT", "/api/calls", 405),
            ("GET", "/scripts/nothing.js", 404),
            ("GET", "/../people.py", 404),
            ("GET", "/..%2fpeople.py", 404),
        ):
            answer = await client.request(method, path, json={} if method == "PUT" else None)
            assert answer.status_code == status, path
            assert answer.json()["errors"][0]["reason"]

    on_stage(tmp_path, play)


def test_every_answer_has_the_security_headers(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("viewer")
        for path in ("/", "/login", "/api/calls", "/api/nothing", "/healthz", "/api/docs"):
            headers = (await client.get(path)).headers
            policy = headers["content-security-policy"]
            assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
            assert "unsafe" not in policy and "http" not in policy
            assert headers["x-content-type-options"] == "nosniff"
            assert headers["referrer-policy"] == "same-origin"
            assert "strict-transport-security" not in headers  # plain HTTP on loopback
            if path.startswith("/api/calls"):
                assert headers["cache-control"] == "no-store"

    on_stage(tmp_path, play)


def test_a_body_that_is_too_long_is_refused(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        long = {"toml": "#" * (2 << 20)}
        assert (await client.post("/api/flows/import", json=long)).status_code == 413

    on_stage(tmp_path, play)


def test_the_description_names_every_route_its_role_and_no_other_host(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        described = (await stage.client().get("/api/openapi.json")).json()
        found = {
            (method.upper(), path): operation["x-role"]
            for path, operations in described["paths"].items()
            for method, operation in operations.items()
        }
        assert found == ROLES | dict.fromkeys(PUBLIC, "anybody")
        assert all(
            each["summary"] for operations in described["paths"].values() for each in operations.values()
        )
        page = await stage.client().get("/api/docs")
        assert page.headers["content-type"].startswith("text/html")
        assert "http://" not in page.text and "https://" not in page.text

    on_stage(tmp_path, play)


def test_a_page_that_has_not_changed_is_not_sent_again(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = stage.client()
        first = await client.get("/scripts/api.js")
        assert first.headers["content-type"] == "text/javascript; charset=utf-8"
        again = await client.get("/scripts/api.js", headers={"If-None-Match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b"")

    on_stage(tmp_path, play)


def test_a_bug_is_told_without_its_insides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("viewer")

        async def broken(*_: object) -> None:
            raise RuntimeError("secret")

        monkeypatch.setattr(stage.desk.archive, "call", broken)
        answer = await client.get("/api/calls/last")
        assert answer.status_code == 500
        assert "secret" not in answer.text and answer.json()["errors"]

    on_stage(tmp_path, play)
