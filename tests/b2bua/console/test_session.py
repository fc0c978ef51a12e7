"""Logging in, staying in, and being kept out."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2bua.console.people import Role
from b2bua.console.throttle import BY_BOTH, WINDOW
from tests.b2bua.console.stage import PASSWORD, Stage, on_stage


def test_the_first_owner_is_made_by_the_link_and_only_once(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = stage.client()
        assert (await client.get("/api/setup")).json() == {"needed": True}
        code = await stage.desk.people.first_code()
        asked = {"code": code, "name": "ana", "password": PASSWORD}
        answer = await client.post("/api/setup", json=asked)
        assert answer.status_code == 200
        assert answer.json()["user"] == {"name": "ana", "role": "owner"}
        assert (await client.get("/api/users")).status_code == 200
        assert (await client.get("/api/setup")).json() == {"needed": False}
        again = await stage.client().post("/api/setup", json=asked | {"name": "eve"})
        assert again.status_code == 422
        assert await stage.actions() == ["user.add"]

    on_stage(tmp_path, play)


@pytest.mark.parametrize("later", [0.0, 86_401.0])
def test_a_wrong_or_old_code_makes_no_owner(tmp_path: Path, later: float) -> None:
    async def play(stage: Stage) -> None:
        code = await stage.desk.people.first_code()
        stage.clock.now += later
        given = code if later else code[:-1] + "!"
        answer = await stage.client().post(
            "/api/setup", json={"code": given, "name": "eve", "password": PASSWORD}
        )
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "code"
        assert await stage.desk.people.are_none()

    on_stage(tmp_path, play)


def test_a_newer_code_takes_the_place_of_an_older_one(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        old, new = await stage.desk.people.first_code(), await stage.desk.people.first_code()
        asked = {"name": "ana", "password": PASSWORD}
        assert (await stage.client().post("/api/setup", json=asked | {"code": old})).status_code == 422
        assert (await stage.client().post("/api/setup", json=asked | {"code": new})).status_code == 200

    on_stage(tmp_path, play)


def test_the_code_is_of_no_use_once_there_is_an_owner(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        code = await stage.desk.people.first_code()
        await stage.logged_in("owner")
        answer = await stage.client().post(
            "/api/setup", json={"code": code, "name": "eve", "password": PASSWORD}
        )
        assert answer.status_code == 409
        assert [user.name for user in await stage.desk.people.users()] == ["owner"]

    on_stage(tmp_path, play)


def test_a_cookie_is_for_this_console_alone(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.logged_in("owner")
        client = stage.client()
        answer = await client.post("/api/session", json={"name": "owner", "password": PASSWORD})
        cookie = answer.headers["set-cookie"].lower()
        assert "httponly" in cookie and "samesite=lax" in cookie and "path=/" in cookie
        assert "secure" not in cookie  # plain HTTP on loopback
        assert answer.headers["cache-control"] == "no-store"

    on_stage(tmp_path, play)


def test_behind_a_proxy_cookies_travel_by_https_only(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.desk.people.add("ana", Role.OWNER, PASSWORD, "a test")
        answer = await stage.client().post("/api/session", json={"name": "ana", "password": PASSWORD})
        assert "secure" in answer.headers["set-cookie"].lower()
        assert "max-age" in answer.headers["strict-transport-security"]

    on_stage(tmp_path, play, "behind_proxy = true\n")


def test_a_session_tells_who_is_there_until_it_ends(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        told = (await client.get("/api/session")).json()
        assert told["user"] == {"name": "editor", "role": "editor"}
        assert told["csrf"] == client.headers["X-CSRF-Token"]
        assert (await client.delete("/api/session")).status_code == 204
        assert (await client.get("/api/session")).status_code == 401

    on_stage(tmp_path, play)


def test_logging_out_ends_the_session_and_not_only_the_cookie(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        cookie = client.cookies["multiring_session"]
        await client.delete("/api/session")
        thief = stage.client(Cookie=f"multiring_session={cookie}")
        assert (await thief.get("/api/session")).status_code == 401

    on_stage(tmp_path, play)


def test_a_session_ends_by_the_clock(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("viewer")
        stage.clock.now += 12 * 3600 + 1
        assert (await client.get("/api/calls")).status_code == 401

    on_stage(tmp_path, play)


@pytest.mark.parametrize("token", ["", "wrong", None])
def test_a_change_without_the_csrf_token_is_refused(tmp_path: Path, token: str | None) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("owner")
        if token is None:
            other = await stage.logged_in("owner")  # of another session
            client.headers["X-CSRF-Token"] = other.headers["X-CSRF-Token"]
        else:
            client.headers["X-CSRF-Token"] = token
        new = {"name": "eve", "password": PASSWORD, "role": "owner"}
        assert (await client.post("/api/users", json=new)).status_code == 403
        assert (await client.get("/api/users")).status_code == 200
        assert len(await stage.desk.people.users()) == 1

    on_stage(tmp_path, play)


def test_nobody_is_logged_in_from_another_site(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.logged_in("owner")
        asked = {"name": "owner", "password": PASSWORD}
        strange = await stage.client(Origin="http://evil.example").post("/api/session", json=asked)
        assert strange.status_code == 403
        assert (
            await stage.client(Origin="http://console").post("/api/session", json=asked)
        ).status_code == 200

    on_stage(tmp_path, play)


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_what_a_form_of_another_site_can_send_is_not_heard(tmp_path: Path, kind: str) -> None:
    async def play(stage: Stage) -> None:
        client = stage.client()
        answer = await client.post(
            "/api/session", content=b'{"name": "a", "password": "b"}', headers={"Content-Type": kind}
        )
        assert answer.status_code == 415

    on_stage(tmp_path, play)


def test_guessing_has_to_wait(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.logged_in("owner")
        guesser = stage.client("198.51.100.7")
        for _ in range(BY_BOTH):
            wrong = await guesser.post("/api/session", json={"name": "owner", "password": "wrong"})
            assert wrong.status_code == 401
        right = {"name": "owner", "password": PASSWORD}
        answer = await guesser.post("/api/session", json=right)
        assert answer.status_code == 429
        assert 0 < int(answer.headers["retry-after"]) <= WINDOW
        assert (await stage.client("198.51.100.8").post("/api/session", json=right)).status_code == 200

    on_stage(tmp_path, play)


def test_nobody_learns_which_names_there_are(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.logged_in("owner")
        known = await stage.client().post("/api/session", json={"name": "owner", "password": "wrong"})
        unknown = await stage.client().post("/api/session", json={"name": "nobody", "password": "wrong"})
        assert (known.status_code, known.json()) == (unknown.status_code, unknown.json()) != (200, {})

    on_stage(tmp_path, play)


def test_one_who_is_off_cannot_log_in_and_is_out_at_once(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        owner, viewer = await stage.logged_in("owner"), await stage.logged_in("viewer")
        assert (await owner.patch("/api/users/viewer", json={"is_on": False})).status_code == 200
        assert (await viewer.get("/api/calls")).status_code == 401
        again = await stage.client().post("/api/session", json={"name": "viewer", "password": PASSWORD})
        assert again.status_code == 401

    on_stage(tmp_path, play)


def test_a_new_password_ends_all_other_sessions(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        here, there = await stage.logged_in("viewer"), await stage.logged_in("viewer")
        wrong = await here.put("/api/session/password", json={"old": "wrong", "new": "another one entirely"})
        assert wrong.json()["errors"][0]["field"] == "old"
        answer = await here.put(
            "/api/session/password", json={"old": PASSWORD, "new": "another one entirely"}
        )
        assert answer.status_code == 200
        assert (await here.get("/api/calls")).status_code == 200
        assert (await there.get("/api/calls")).status_code == 401
        assert "user.password" in await stage.actions()

    on_stage(tmp_path, play)


@pytest.mark.parametrize("password", ["short", "aaaaaaaaaaaaaaaa"])
def test_a_password_that_is_guessed_is_refused(tmp_path: Path, password: str) -> None:
    async def play(stage: Stage) -> None:
        owner = await stage.logged_in("owner")
        answer = await owner.post("/api/users", json={"name": "ben", "password": password, "role": "viewer"})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == "password"

    on_stage(tmp_path, play)


def test_pages_lead_to_the_log_in_and_back(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        client = stage.client()
        assert (await client.get("/calls")).headers["location"] == "/setup"
        viewer = await stage.logged_in("viewer")
        answer = await client.get("/calls/4f2a?x=1")
        assert (answer.status_code, answer.headers["location"]) == (
            303,
            "/login?next=%2Fcalls%2F4f2a%3Fx%3D1",
        )
        page = await viewer.get("/calls/4f2a")
        assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert (await client.get("/login")).status_code == 200

    on_stage(tmp_path, play)
