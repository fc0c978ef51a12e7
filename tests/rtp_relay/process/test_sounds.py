"""Which files cannot be played, asked of a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from rtp_relay.process.sounds import unplayable
from tests.rtp_relay.process.sounds import write


def test_each_that_cannot_be_played_has_its_reason(tmp_path: Path) -> None:
    sound, text, cut = write(tmp_path / "sound.mp3"), tmp_path / "text.wav", tmp_path / "cut.wav"
    text.write_text("hello\n")
    cut.write_bytes(write(tmp_path / "whole.wav", seconds=0.1).read_bytes()[:44])
    found = unplayable([str(sound), str(text), str(cut), str(tmp_path / "none.wav")])
    assert list(found) == [str(text), str(cut), str(tmp_path / "none.wav")]
    assert found[str(text)] == "Invalid data found when processing input"
    assert found[str(tmp_path / "none.wav")] == "No such file or directory"


def test_who_asks_gets_json(tmp_path: Path) -> None:
    (tmp_path / "text.wav").write_text("hello\n")
    asked = json.dumps([str(tmp_path / "text.wav")]).encode()
    command = [sys.executable, "-m", "rtp_relay.process.sounds"]
    told = subprocess.run(command, input=asked, capture_output=True, timeout=60, check=True)
    assert list(json.loads(told.stdout)) == [str(tmp_path / "text.wav")]
