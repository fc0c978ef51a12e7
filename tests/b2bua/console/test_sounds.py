"""Files that are sent to the console for flows to play."""

from __future__ import annotations

import io
import struct
import wave
from pathlib import Path
from typing import Any

import pytest

from b2bua.console import sounds
from b2bua.console.sounds import SoundError, Sounds, seconds_of, spoken
from tests.b2bua.console.stage import FLOW, Stage, on_stage


def audio(seconds: float = 0.5) -> bytes:
    """A WAV file of silence."""
    made = io.BytesIO()
    with wave.open(made, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.writeframes(struct.pack("<h", 0) * int(8000 * seconds))
    return made.getvalue()


def test_a_file_is_kept_listed_heard_and_removed(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        editor, viewer = await stage.logged_in("editor"), await stage.logged_in("viewer")
        assert (await viewer.get("/api/prompts")).json() == {"prompts": []}
        sent = {"file": ("Grüße & Co.WAV", audio(), "audio/wav")}
        answer = await editor.post("/api/prompts", files=sent)
        assert answer.status_code == 201, answer.text
        told = answer.json()
        assert (told["name"], told["seconds"]) == ("gr-e-co.wav", 0.5)
        assert told["play"] == str(tmp_path / "prompts" / "gr-e-co.wav")
        again = (await editor.post("/api/prompts", files=sent)).json()
        assert again["name"] == "gr-e-co-2.wav"
        assert len((await viewer.get("/api/prompts")).json()["prompts"]) == 2
        heard = await viewer.get("/api/prompts/gr-e-co.wav")
        assert (heard.content, heard.headers["content-type"]) == (audio(), "audio/wav")
        assert (await editor.delete("/api/prompts/gr-e-co-2.wav")).status_code == 204
        assert (await editor.delete("/api/prompts/gr-e-co-2.wav")).status_code == 404
        assert await stage.actions() == ["session.begin"] * 2 + ["prompt.add"] * 2 + ["prompt.remove"]

    on_stage(tmp_path, play)


def test_a_file_that_a_flow_plays_stays(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        editor = await stage.logged_in("editor")
        told = (await editor.post("/api/prompts", files={"file": ("a.wav", audio())})).json()
        table: dict[str, Any] = {
            **FLOW,
            "play": {"hello": {"prompt": {"play": told["play"]}, "played": "end"}},
        }
        assert (await editor.put("/api/flows/main/draft", json={"flow": table})).status_code == 200
        answer = await editor.delete("/api/prompts/a.wav")
        assert answer.status_code == 409 and "main" in answer.json()["errors"][0]["reason"]

    on_stage(tmp_path, play)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", audio()),
        ("a.wav", b"no audio"),
        ("a.wav", b""),
        ("a.wav", audio(0)),
        ("", audio()),
        ("a.html", b"<p>"),
    ],
)
def test_what_cannot_be_played_is_not_kept(tmp_path: Path, name: str, content: bytes) -> None:
    async def play(stage: Stage) -> None:
        editor = await stage.logged_in("editor")
        answer = await editor.post("/api/prompts", files={"file": (name, content)})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] in ("file", "")

    on_stage(tmp_path, play)
    assert not (tmp_path / "prompts").exists()


@pytest.mark.parametrize(
    "name", ["../multiring.toml", "..", "/etc/passwd", "a.wav/../b.wav", "A.WAV", ".wav", "a.txt"]
)
def test_no_name_leads_out_of_the_directory(tmp_path: Path, name: str) -> None:
    kept = Sounds(str(tmp_path / "prompts"))
    kept.add("a.wav", audio())
    with pytest.raises(LookupError):
        kept.path(name)
    assert kept.add("../../evil.wav", audio()).play == str(tmp_path / "prompts" / "evil.wav")


def test_a_file_that_is_too_long_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sounds, "SECONDS_LIMIT", 0.2)
    with pytest.raises(SoundError, match="longer than"):
        seconds_of(audio())
    monkeypatch.setattr(sounds, "OCTETS_LIMIT", 100)
    with pytest.raises(SoundError, match="larger than"):
        Sounds(str(tmp_path)).add("a.wav", audio())


def test_a_text_is_spoken_where_a_speaker_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with pytest.raises(SoundError, match="no voice"):
        monkeypatch.setattr("shutil.which", lambda _: "/bin/cat")
        spoken("hello", "a b")
    speaker = tmp_path / "espeak-ng"
    speaker.write_text('#!/bin/sh\necho "$@"; cat\n')
    speaker.chmod(0o755)
    monkeypatch.setattr("shutil.which", lambda _: str(speaker))
    assert spoken("--hello", "en-us") == b"-v en-us --stdin --stdout\n--hello"
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(LookupError):
        spoken("hello", "")


def test_speech_through_the_api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def play(stage: Stage) -> None:
        editor = await stage.logged_in("editor")
        monkeypatch.setattr("shutil.which", lambda _: None)
        answer = await editor.get("/api/speech?text=hello")
        assert answer.status_code == 503 and "Install it" in answer.json()["errors"][0]["reason"]
        monkeypatch.setattr("shutil.which", lambda _: "/bin/false")
        assert (await editor.get("/api/speech?text=hello")).status_code == 422

    on_stage(tmp_path, play)
