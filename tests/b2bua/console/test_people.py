"""Users, tokens, settings and the audit, as an owner has them."""

from __future__ import annotations

from pathlib import Path

from b2bua.console.people import TOKEN_MARK
from tests.b2bua.console.stage import PASSWORD, Stage, on_stage


def kept(place: Path) -> bytes:
    """All that is in the files of the database."""
    return b"".join(path.read_bytes() for path in place.glob("calls.sqlite*"))


def test_an_owner_lets_people_in_changes_and_removes_them(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        owner = await stage.logged_in("owner")
        new = {"name": "ben", "password": PASSWORD, "role": "viewer"}
        assert (await owner.post("/api/users", json=new)).status_code == 201
        assert (await owner.post("/api/users", json=new)).status_code == 409
        assert (await owner.patch("/api/users/ben", json={"role": "editor"})).json()["role"] == "editor"
        assert (await owner.patch("/api/users/nobody", json={})).status_code == 404
        assert [each["name"] for each in (await owner.get("/api/users")).json()["users"]] == ["ben", "owner"]
        assert (await owner.delete("/api/users/ben")).status_code == 204
        assert (await owner.delete("/api/users/ben")).status_code == 404
        assert await stage.actions() == ["session.begin", "user.add", "user.change", "user.remove"]

    on_stage(tmp_path, play)


def test_there_is_always_an_owner(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        owner = await stage.logged_in("owner")
        for change in ({"role": "editor"}, {"is_on": False}):
            assert (await owner.patch("/api/users/owner", json=change)).status_code == 409
        assert (await owner.delete("/api/users/owner")).status_code == 409
        assert (await owner.get("/api/users")).status_code == 200
        await owner.post("/api/users", json={"name": "ben", "password": PASSWORD, "role": "owner"})
        assert (await owner.delete("/api/users/owner")).status_code == 204
        assert (await owner.get("/api/users")).status_code == 401

    on_stage(tmp_path, play)


def test_a_new_role_counts_from_the_next_request_on(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        owner, editor = await stage.logged_in("owner"), await stage.logged_in("editor")
        await owner.patch("/api/users/editor", json={"role": "viewer"})
        assert (await editor.post("/api/reload", json={})).status_code == 401  # he must log in again
        again = await stage.logged_in("editor")
        assert (await again.post("/api/flows/main/publish", json={})).status_code == 403

    on_stage(tmp_path, play)


def test_passwords_and_keys_are_in_no_answer_and_in_no_table(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        owner = await stage.logged_in("owner")
        token = (await owner.post("/api/tokens", json={"name": "crm", "role": "viewer"})).json()["token"]
        cookie = owner.cookies["multiring_session"]
        await owner.patch("/api/users/owner", json={"password": "another one entirely"})
        owner = stage.client(Authorization=f"Bearer {token}")
        content = kept(tmp_path)
        for secret in (PASSWORD, "another one entirely", token, cookie):
            assert secret.encode() not in content
        assert b"$argon2id$" in content

    on_stage(tmp_path, play)


def test_a_program_has_a_token_and_needs_no_csrf(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        owner = await stage.logged_in("owner")
        made = (await owner.post("/api/tokens", json={"name": "crm", "role": "owner", "days": 2})).json()
        assert made["token"].startswith(TOKEN_MARK)
        program = stage.client(Authorization=f"Bearer {made['token']}")
        assert (await program.get("/api/calls")).status_code == 200
        new = {"name": "ben", "password": PASSWORD, "role": "viewer"}
        assert (await program.post("/api/users", json=new)).status_code == 201
        entry = (await owner.get("/api/audit")).json()["entries"][0]
        assert (entry["who"], entry["via"], entry["action"]) == ("owner", "token crm", "user.add")
        (listed,) = (await owner.get("/api/tokens")).json()["tokens"]
        assert "token" not in listed and listed["used_at"] is not None
        stage.clock.now += 2 * 86_400 + 1
        assert (await program.get("/api/calls")).status_code == 401

    on_stage(tmp_path, play)


def test_a_token_ends_when_it_is_removed(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        owner = await stage.logged_in("owner")
        made = (await owner.post("/api/tokens", json={"name": "crm", "role": "viewer"})).json()
        program = stage.client(Authorization=f"Bearer {made['token']}")
        assert (await program.get("/api/calls")).status_code == 200
        assert (await owner.delete(f"/api/tokens/{made['number']}")).status_code == 204
        assert (await program.get("/api/calls")).status_code == 401
        assert (await owner.delete(f"/api/tokens/{made['number']}")).status_code == 404

    on_stage(tmp_path, play)


def test_a_token_may_no_more_than_whoever_made_it(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        owner = await stage.logged_in("owner")
        await owner.post("/api/users", json={"name": "ben", "password": PASSWORD, "role": "owner"})
        text, _ = await stage.desk.people.add_token(
            "crm", (await stage.desk.people.users())[0].role, "ben", None
        )
        program = stage.client(Authorization=f"Bearer {text}")
        assert (await program.get("/api/users")).status_code == 200
        await owner.patch("/api/users/ben", json={"role": "viewer"})
        assert (await program.get("/api/users")).status_code == 403
        await owner.patch("/api/users/ben", json={"is_on": False})
        assert (await program.get("/api/calls")).status_code == 401

    on_stage(tmp_path, play)


def test_other_kinds_of_authorization_are_refused(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        for given in ("Basic b3duZXI6eA==", "Bearer", "Bearer x"):
            assert (await stage.client(Authorization=given).get("/api/calls")).status_code == 401

    on_stage(tmp_path, play)


def test_settings_change_and_are_told_in_the_audit(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        owner, viewer = await stage.logged_in("owner"), await stage.logged_in("viewer")
        answer = await owner.put("/api/settings", json={"title": "Acme calls", "learn_days": 7})
        values = {each["name"]: each["value"] for each in answer.json()["settings"]}
        assert (values["title"], values["learn_days"], values["mask_for_viewers"]) == ("Acme calls", 7, True)
        assert (await viewer.get("/api/settings")).json() == answer.json()
        for wrong in (
            {"learn_days": 0},
            {"time_zone": "Mars/Olympus"},
            {"nothing": 1},
            {"mask_for_viewers": "yes"},
        ):
            refused = await owner.put("/api/settings", json=wrong)
            assert refused.status_code == 422
            assert refused.json()["errors"][0]["field"] == next(iter(wrong))
        entry = (await owner.get("/api/audit")).json()["entries"][0]
        assert entry["action"] == "settings.change"
        assert entry["before"] == {"learn_days": 30, "title": "Multiring"}
        assert entry["after"] == {"learn_days": 7, "title": "Acme calls"}
        stage.desk.preferences._known = None  # as after a restart
        assert (await viewer.get("/api/settings")).json() == answer.json()

    on_stage(tmp_path, play)


def test_the_audit_comes_in_pages(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        owner = await stage.logged_in("owner")
        for days in range(1, 8):
            await owner.put("/api/settings", json={"learn_days": days})
        first = (await owner.get("/api/audit?limit=5")).json()
        rest = (await owner.get(f"/api/audit?limit=5&cursor={first['next']}")).json()
        numbers = [each["number"] for each in first["entries"] + rest["entries"]]
        assert numbers == sorted(numbers, reverse=True) and len(numbers) == 8
        assert rest["next"] is None
        assert first["entries"][0]["address"] == "192.0.2.200"

    on_stage(tmp_path, play)
