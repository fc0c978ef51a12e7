"""Text to speech: with a program that plays its part, and without one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rtp_relay.errors import Refusal
from rtp_relay.process import speech


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Writes what it is told to say where it is told to, and counts how often it was asked."""
    folder = tmp_path / "bin"
    folder.mkdir()
    made = folder / "espeak-ng"
    made.write_text('#!/bin/sh\n[ "$2" = xx ] && { echo no such voice >&2; exit 1; }\n/bin/cat > "$4"\n')
    made.chmod(0o755)
    monkeypatch.setenv("PATH", str(folder))
    return made


def test_it_speaks_once_for_each_text(program: Path, tmp_path: Path) -> None:
    assert speech.speaks()
    path = speech.speak("Hello", "en", tmp_path / "kept")
    assert path.read_text() == "Hello"
    path.write_text("kept")
    assert speech.speak("Hello", "en", tmp_path / "kept").read_text() == "kept"
    assert speech.speak("Hello", "de", tmp_path / "kept") != path
    assert sorted(one.suffix for one in (tmp_path / "kept").iterdir()) == [".wav", ".wav"]


@pytest.mark.parametrize(("text", "language"), [
    ("", "en"), (" ", "en"), ("x" * 5000, "en"), ("a", "--help"), ("a", "../x"), ("a", "xx"),
])  # fmt: skip
def test_what_cannot_be_said(program: Path, tmp_path: Path, text: str, language: str) -> None:
    with pytest.raises(Refusal):
        speech.speak(text, language, tmp_path)


def test_without_a_program_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert not speech.speaks()
    with pytest.raises(Refusal, match="not installed"):
        speech.speak("Hello", "en", tmp_path)


def test_texts_without_number_do_not_fill_the_disk(
    program: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whisper that names the caller is another text for each caller."""
    monkeypatch.setattr(speech, "KEPT", 100)
    folder = tmp_path / "kept"
    for number in range(30):
        made = speech.speak(f"A call from {number:08}", "en", folder)  # 20 octets each
        os.utime(made, (number, number))
        assert made.exists()
        assert sum(each.stat().st_size for each in folder.iterdir()) <= 100
    assert len(list(folder.iterdir())) == 5
