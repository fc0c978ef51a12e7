"""What somebody would try who means harm: strangers, people who may only look, and editors who want more."""

from __future__ import annotations

import asyncio
import re
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from b2bua.console import live, sounds
from b2bua.console.gate import STRANGERS_LIMIT
from b2bua.console.masking import Mask
from b2bua.console.people import Role
from b2bua.console.shelf import PAGES
from b2bua.console.sounds import SoundError, seconds_of
from b2bua.console.throttle import BY_BOTH
from tests.b2bua.console.stage import CONFIGURATION, FLOW, PASSWORD, Stage, call, on_stage
from tests.b2bua.console.test_sounds import audio

# Strangers.


def test_a_long_body_of_a_stranger_is_not_read(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        taken = 0

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal taken
            for _ in range(1000):
                taken += 1024
                yield b" " * 1024

        stranger = stage.client()
        for path, kind in (("/api/session", "application/json"), ("/api/prompts", "multipart/form-data; boundary=x")):
            taken = 0
            answer = await stranger.post(path, content=pieces(), headers={"Content-Type": kind})
            assert 400 <= answer.status_code < 500
            assert taken <= 2 * STRANGERS_LIMIT
        said = {"Content-Type": "application/json", "Content-Length": str(STRANGERS_LIMIT + 1)}
        answer = await stranger.post("/api/users", content=b" " * (STRANGERS_LIMIT + 1), headers=said)
        assert answer.status_code == 401

    on_stage(tmp_path, play)


def test_a_long_body_of_another_site_is_not_read(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        owner = await stage.logged_in("owner")
        owner.headers["X-CSRF-Token"] = "wrong"
        answer = await owner.post("/api/flows/import", json={"toml": "#" * (2 * STRANGERS_LIMIT)})
        assert answer.status_code == 403
        assert "CSRF" in answer.text

    on_stage(tmp_path, play)


@pytest.mark.parametrize("path", ["/a%00.js", f"/{'a' * 5000}.js", f"/{'a/' * 3000}b.js"])
def test_what_can_be_no_name_of_a_file_is_no_bug(tmp_path: Path, path: str) -> None:
    async def play(stage: Stage) -> None:
        assert (await stage.client().get(path)).status_code == 404

    on_stage(tmp_path, play)


# Numbers that no database takes.


def test_numbers_that_are_too_large_are_refused(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        owner = await stage.logged_in("owner")
        many = "9" * 19
        assert (await owner.get("/api/calls", params={"cursor": f"{many}-1"})).status_code == 422
        assert (await owner.delete(f"/api/tokens/{many}9")).status_code == 422
        assert (await owner.get("/api/audit", params={"cursor": many})).status_code == 422

    on_stage(tmp_path, play)


# People.


def test_guessing_ones_old_password_all_at_once_has_to_wait_too(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        thief = await stage.logged_in("viewer")
        tries = [
            thief.put("/api/session/password", json={"old": f"guess {index}", "new": "another one entirely"})
            for index in range(3 * BY_BOTH)
        ]
        statuses = [answer.status_code for answer in await asyncio.gather(*tries)]
        assert statuses.count(422) <= BY_BOTH
        assert set(statuses) == {422, 429}

    on_stage(tmp_path, play)


def test_tokens_of_one_who_is_gone_are_not_good_for_the_next_of_his_name(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        people = stage.desk.people
        owner = await stage.logged_in("owner")
        await people.add("ben", Role.OWNER, PASSWORD, "owner")
        text, _ = await people.add_token("ben's program", Role.OWNER, "ben", None)
        assert (await owner.delete("/api/users/ben")).status_code == 204
        assert (await owner.get("/api/tokens")).json() == {"tokens": []}
        await people.add("ben", Role.OWNER, PASSWORD, "owner")
        assert await people.token(text) is None

    on_stage(tmp_path, play)


def test_what_is_taken_away_of_a_call_is_in_the_audit(tmp_path: Path) -> None:
    message = tmp_path / "messages" / "a.wav"
    message.parent.mkdir()
    message.write_bytes(audio())

    async def play(stage: Stage) -> None:
        await stage.write([call(1, voicemail=str(message), mailbox="main", voicemail_seconds=0.5)])
        editor = await stage.logged_in("editor")
        for what in ("pcap", "scenario", "voicemail"):
            assert (await editor.get(f"/api/calls/last/{what}")).status_code == 200
        rest = await editor.get("/api/calls/last/voicemail", headers={"Range": "bytes=1-"})
        assert rest.status_code == 206
        assert (await stage.actions())[1:] == ["call.pcap", "call.scenario", *["call.voicemail"] * 2]

    on_stage(tmp_path, play)


def test_a_viewer_finds_a_number_nowhere(tmp_path: Path) -> None:
    """Whatever field of a call it is in."""

    async def play(stage: Stage) -> None:
        number = "+15557001234"
        record = call(1, caller=number, sip_call_id=f"{number[1:]}-7@192.0.2.9")
        for each in (record, *record.recipients):
            for name in {"caller_name", "sentence", "reason", "answered_by", "name", "uri", "mailbox"}:
                if isinstance(getattr(each, name, None), str):
                    setattr(each, name, f"for {number}, (555) 700-1234 or sip:{number}@192.0.2.9")
        await stage.write([record])
        editor, viewer = await stage.logged_in("editor"), await stage.logged_in("viewer")
        for path in ("/api/calls", "/api/calls/last", "/api/calls.csv", "/api/statistics"):
            assert "7001" in (await editor.get(path)).text, path
            told = (await viewer.get(path)).text
            assert "7001" not in told and "700-1" not in told, path

    on_stage(tmp_path, play)


# Live streams.


def test_a_stream_ends_with_the_session_however_much_there_is_to_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def play(stage: Stage) -> None:
        async def may_still() -> bool:
            return False

        monkeypatch.setattr(live, "HEARTBEAT", 0.0)
        stream = stage.desk.live.stream(Mask(), may_still, "ana")
        assert b"snapshot" in await anext(stream)
        for _ in range(10):
            stage.desk.live._publish("relay", {})
        with pytest.raises(StopAsyncIteration):
            await anext(stream)

    on_stage(tmp_path, play)


def test_nobody_takes_all_streams_for_himself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(stage: Stage) -> None:
        async def may_still() -> bool:
            return True

        monkeypatch.setattr(live, "STREAMS_OF_ONE", 2)
        viewer = await stage.logged_in("viewer")
        streams = [stage.desk.live.stream(Mask(), may_still, "viewer") for _ in range(2)]
        for stream in streams:
            await anext(stream)
        answer = await viewer.get("/api/live")
        assert answer.status_code == 429 and "Retry-After" in answer.headers
        assert not stage.desk.live.is_full("somebody else")
        for stream in streams:
            await stream.aclose()  # type: ignore[attr-defined]
        assert not stage.desk.live.is_full("viewer")

    on_stage(tmp_path, play)


# Flows.


@pytest.mark.parametrize(
    "toml",
    [
        ".".join(["a"] * 50_000) + " = 1",
        f"[{'.'.join(['a'] * 50_000)}]",
        "a = { " + ".".join(['"\\""'] * 50_000) + " = 1 }",
        "a = " + "[" * 100_000,
        "a = {" * 100_000,
    ],
)
def test_toml_that_would_keep_the_console_busy_is_refused_at_once(tmp_path: Path, toml: str) -> None:
    async def play(stage: Stage) -> None:
        editor = await stage.logged_in("editor")
        answer = await editor.post("/api/flows/import", json={"toml": toml})
        assert answer.status_code == 422
        assert "too deep" in answer.json()["errors"][0]["reason"]

    on_stage(tmp_path, play)


def test_a_flow_has_an_end(tmp_path: Path) -> None:
    """What looks for rings, and for the longest way, keeps the way to each step."""

    async def play(stage: Stage) -> None:
        viewer = await stage.logged_in("viewer")
        steps = {f"s{index}": {"prompt": {"tone": "us"}, "played": f"s{index + 1}"} for index in range(10_000)}
        flow = {"first": "s0", "play": steps, "hang_up": {"s10000": {}}}
        answer = await viewer.post("/api/flows/main/lint", json={"flow": flow})
        assert [remark["field"] for remark in answer.json()["remarks"]] == ["play"]

    on_stage(tmp_path, play)


def test_rubbish_draws_no_more_remarks_than_anybody_reads(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        viewer = await stage.logged_in("viewer")
        flow = {"first": "x", **{f"k{index}": 1 for index in range(5_000)}}
        answer = await viewer.post("/api/flows/main/lint", json={"flow": flow})
        assert len(answer.json()["remarks"]) == 100

    on_stage(tmp_path, play)


def test_nobody_learns_which_files_there_are(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        viewer = await stage.logged_in("viewer")
        outside = tmp_path.parent / f"{tmp_path.name}-secret.wav"
        outside.write_bytes(audio())
        (tmp_path / "prompts").mkdir()
        (tmp_path / "prompts" / "link.wav").symlink_to(outside)
        for there in (str(outside), f"../{outside.name}", "prompts/link.wav"):
            found = [await _remarks(viewer, there), await _remarks(viewer, f"{there}-not")]
            missing = [text.replace(f"{there}-not", there) for text in found[1]]
            assert found[0] == missing or there == "prompts/link.wav"
            assert "not among the files" in found[0][0]
        (tmp_path / "prompts" / "a.wav").write_bytes(audio())
        assert await _remarks(viewer, "prompts/a.wav") == []
        assert "no file" in (await _remarks(viewer, "prompts/b.wav"))[0]
        assert "no file" in (await _remarks(viewer, f"prompts/{'b' * 900}"))[0]

    on_stage(tmp_path, play)


async def _remarks(viewer: Any, file: str) -> list[str]:
    flow = {**FLOW, "play": {"hello": {"prompt": {"play": file}, "played": "team"}}, "first": "hello"}
    answer = await viewer.post("/api/flows/main/lint", json={"flow": flow})
    return [each["text"] for each in answer.json()["remarks"] if each["step"] == "hello"]


# Files.


@pytest.mark.parametrize(
    "content",
    [
        b"ffconcat version 1.0\nfile secret.wav\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nsecret.wav\n#EXT-X-ENDLIST\n",
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=audio 9 RTP/AVP 0\n",
    ],
)
def test_a_file_that_names_other_files_is_no_audio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    (tmp_path / "secret.wav").write_bytes(audio())
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SoundError, match="cannot be decoded"):
        seconds_of(content)


def test_the_directory_of_prompts_gets_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sounds, "DIRECTORY_LIMIT", 1.5 * len(audio()))
    kept = sounds.Sounds(str(tmp_path / "prompts"))
    kept.add("a.wav", audio())
    with pytest.raises(SoundError, match="is full"):
        kept.add("b.wav", audio())


def test_what_is_written_is_closed_to_others(tmp_path: Path) -> None:
    """Without a unit's UMask= too."""
    (tmp_path / "multiring.toml").write_text(CONFIGURATION, "utf-8")
    command = ["umask 000; exec \"$@\"", "sh", sys.executable, "-m", "b2bua"]
    subprocess.run(
        ["sh", "-c", *command, "flow", "list", "--config", str(tmp_path / "multiring.toml")],
        cwd=Path(__file__).parents[3], check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert (tmp_path / "calls.sqlite").stat().st_mode & 0o027 == 0


# Pages.

SINKS = re.compile(
    r"innerHTML|outerHTML|insertAdjacentHTML|setHTML|document\.write|createContextualFragment|DOMParser|srcdoc"
    r"|\beval\(|new Function|javascript:|setTimeout\(\s*[\"'`]"
)


def test_no_script_makes_markup_or_code_of_data() -> None:
    """What callers and flows are called is text, and the policy would not stop markup that has no script in it."""
    scripts = sorted(PAGES.rglob("*.js"))
    assert len(scripts) > 30
    found = [(path.name, match[0]) for path in scripts for match in SINKS.finditer(path.read_text("utf-8"))]
    assert found == []


def test_no_page_has_a_script_or_a_style_of_its_own() -> None:
    for page in PAGES.rglob("*.html"):
        text = page.read_text("utf-8")
        assert not re.search(r"<script(?![^>]*\bsrc=)|<style|\son\w+=|\sstyle=|https?://(?!www\.w3\.org)", text), page
