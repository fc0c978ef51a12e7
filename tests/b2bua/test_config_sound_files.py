"""Files that flows play and that are no sounds: found by whoever asks, and by nobody who only wants to start."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from b2bua.config import ConfigError, load
from b2bua.config.flow_facts import unplayable_in
from b2bua.config.sound_files import unplayable
from b2bua.demo.installation import write_sine
from tests.b2bua.test_config import SMALL

FLOW = """
[flows.main]
first = "greet"
[flows.main.play.greet]
prompt = { play = "prompts/hello.wav" }
played = "end"
[flows.main.hang_up.end]
"""


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    """Where the prompt of the flow in multiring.toml stands; nothing is there yet."""
    (tmp_path / "multiring.toml").write_text(SMALL + FLOW)
    (tmp_path / "prompts").mkdir()
    return tmp_path / "prompts" / "hello.wav"


def test_a_sound_and_what_is_none(tmp_path: Path) -> None:
    sound, text, gone = tmp_path / "sound.wav", tmp_path / "text.wav", tmp_path / "gone.wav"
    write_sine(sound, 440, seconds=0.1)
    text.write_text("hello\n")
    found = unplayable([sound, text, gone])
    assert list(found) == [text] and "Invalid data" in found[text]


def test_a_file_is_read_again_only_when_it_has_changed(
    prompt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt.write_text("hello\n")
    assert unplayable([prompt])
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("it was read again"))
        assert unplayable([prompt])
    write_sine(prompt, 440, seconds=0.1)
    assert not unplayable([prompt])


def test_nothing_is_said_where_nobody_can_look(prompt: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prompt.write_text("hello\n")
    monkeypatch.setattr(sys, "executable", os.devnull)
    assert not unplayable([prompt])


def test_who_checks_a_file_hears_of_it_and_who_starts_does_not(prompt: Path) -> None:
    path = prompt.parents[1] / "multiring.toml"
    prompt.write_text("hello\n")
    with pytest.raises(ConfigError) as caught:
        load(path, hears_prompts=True)
    (finding,) = caught.value.findings
    assert (finding.setting, finding.line) == ("flows.main.play.greet.prompt.play", path.read_text().count("\n") - 2)
    assert finding.problem.startswith("prompts/hello.wav cannot be played (")
    load(path)


def test_who_writes_from_elsewhere_learns_nothing_of_other_files(prompt: Path, tmp_path: Path) -> None:
    """The console's editor: is_remote."""
    prompt.write_text("hello\n")
    path = prompt.parents[1] / "multiring.toml"
    elsewhere = tmp_path.parent / "secret.wav"
    elsewhere.write_text("hello\n")
    path.write_text(path.read_text().replace("prompts/hello.wav", str(elsewhere)))
    config = load(path)
    flow = config.flows["main"]
    assert unplayable_in(config, flow) and not unplayable_in(config, flow, is_remote=True)
