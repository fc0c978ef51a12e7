"""Files with a tone in them, made for a test."""

from __future__ import annotations

import math
import wave
from array import array
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame

CODECS = {"wav": "pcm_s16le", "mp3": "libmp3lame", "ogg": "libopus", "flac": "flac"}


def sine(frequency: float, seconds: float, sample_rate: int) -> bytes:
    turn = 2 * math.pi * frequency / sample_rate
    return array(
        "h", [round(8000 * math.sin(turn * at)) for at in range(round(seconds * sample_rate))]
    ).tobytes()


def write_wav(path: Path, frequency: float = 1000.0, seconds: float = 1.0, sample_rate: int = 44100) -> Path:
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, sample_rate, 0, "NONE", ""))
        out.writeframes(sine(frequency, seconds, sample_rate))
    return path


def write(path: Path, frequency: float = 1000.0, seconds: float = 1.0, sample_rate: int = 44100) -> Path:
    """A file of the kind that its name says, in two channels."""
    if path.suffix == ".ogg":
        sample_rate = 48000  # Opus knows no 44100
    with av.open(str(path), "w") as container:
        stream = container.add_stream(CODECS[path.suffix[1:]], sample_rate, layout="stereo")
        assert isinstance(stream, av.AudioStream)
        samples = array("h", sine(frequency, seconds, sample_rate))
        both = array("h", [one for sample in samples for one in (sample, sample)]).tobytes()
        frame = AudioFrame(format="s16", layout="stereo", samples=len(samples))
        frame.sample_rate, frame.time_base, frame.pts = sample_rate, Fraction(1, sample_rate), 0
        frame.planes[0].update(both.ljust(frame.planes[0].buffer_size, b"\0"))
        resampler = av.AudioResampler(
            stream.format.name, "stereo", sample_rate, stream.codec_context.frame_size
        )
        for made in [*resampler.resample(frame), *resampler.resample(None)]:
            container.mux(stream.encode(made))
        container.mux(stream.encode(None))
    return path
