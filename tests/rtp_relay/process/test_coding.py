"""Files of every kind to every codec, and back to samples with the tone still in them."""

from __future__ import annotations

from array import array
from pathlib import Path

import pytest

from rtp_relay.errors import Refusal
from rtp_relay.process.coding import Decoder, sound_of_file, sound_of_samples
from rtp_relay.sound import CODINGS
from tests.rtp_relay.goertzel import share
from tests.rtp_relay.process.sounds import sine, write


@pytest.mark.parametrize("codec", CODINGS)
@pytest.mark.parametrize("kind", ["wav", "mp3", "ogg", "flac"])
def test_a_tone_comes_through(tmp_path: Path, kind: str, codec: str) -> None:
    coding = CODINGS[codec]
    sound = sound_of_file(str(write(tmp_path / f"tone.{kind}")), coding)
    assert sound.seconds == pytest.approx(1.0, abs=0.09)
    assert sound.step == coding.clock_rate // 50
    decoder = Decoder(coding, coding.sample_rate)
    samples = array("h", b"".join(map(decoder.decode, sound.frames)) + decoder.rest())
    middle = samples[coding.sample_rate // 4 : coding.sample_rate * 3 // 4]
    assert len(middle) == coding.sample_rate // 2
    assert share(middle, 1000, coding.sample_rate) > 0.97
    if codec != "OPUS":
        assert {len(frame) for frame in sound.frames} == {160}


def test_samples_to_sound() -> None:
    coding = CODINGS["OPUS"]
    assert sound_of_samples(sine(440, 0.5, 48000), coding).seconds == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize(
    ("name", "octets"), [("x.wav", b"no sound"), ("x.mp3", b""), ("x.txt", b"\0" * 4000)]
)
def test_a_bad_file_is_refused_in_words(tmp_path: Path, name: str, octets: bytes) -> None:
    path = tmp_path / name
    path.write_bytes(octets)
    with pytest.raises(Refusal, match=name):
        sound_of_file(str(path), CODINGS["PCMU"])
    with pytest.raises(Refusal, match="No such file"):
        sound_of_file(str(tmp_path / "none.wav"), CODINGS["PCMU"])


def test_a_file_without_a_sample(tmp_path: Path) -> None:
    path = tmp_path / "empty.wav"
    path.write_bytes(write(tmp_path / "tone.wav", seconds=0.1).read_bytes()[:44])
    with pytest.raises(Refusal):
        sound_of_file(str(path), CODINGS["PCMU"])


def test_a_damaged_payload_is_nothing() -> None:
    assert Decoder(CODINGS["OPUS"], 16000).decode(b"") == b""


def test_a_file_that_names_another_is_not_followed(tmp_path: Path) -> None:
    """FFmpeg goes by what is in a file, and a list of files is a format to it."""
    write(tmp_path / "other.wav")
    path = tmp_path / "list.wav"
    path.write_text("ffconcat version 1.0\nfile other.wav\n")
    with pytest.raises(Refusal):
        sound_of_file(str(path), CODINGS["PCMU"])
