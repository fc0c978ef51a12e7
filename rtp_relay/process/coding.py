"""Files to sounds and payloads to samples, by FFmpeg's libraries through PyAV. Called in threads of their own.

PyAV lets the interpreter go while it decodes and encodes, so that forwarding goes on.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final, Literal

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from rtp_relay.errors import Refusal
from rtp_relay.sound import FRAMES_A_SECOND, Coding, Sound, sound_of

LONGEST: Final = 1200.0  # seconds of one file
BIT_RATE: Final = {"libopus": 32000}
# A list of other files, or a description of a stream, is text that FFmpeg would open more by; whoever chooses what is
# played is not to choose that.
OPTIONS: Final = {"format_whitelist": "wav,mp3,ogg,flac"}


def sound_of_file(path: str, coding: Coding) -> Sound:
    """A wav, mp3, ogg or flac file, mixed to one channel. Raises Refusal with the reason."""
    try:
        with av.open(path, metadata_errors="ignore", options=OPTIONS) as container:
            if not container.streams.audio:
                raise Refusal(f"{path}: there is no audio in it")
            frames: list[bytes] = []
            for frame in _encoded(_resampled(container.decode(audio=0), coding, "s16"), coding):
                frames.append(frame)
                if len(frames) > LONGEST * FRAMES_A_SECOND:
                    raise Refusal(f"{path}: longer than {LONGEST:.0f} s")
    except (av.FFmpegError, OSError, ValueError) as error:
        raise Refusal(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if not frames:
        raise Refusal(f"{path}: there is nothing to hear in it")
    return sound_of(frames, coding)


def sound_of_samples(samples: bytes, coding: Coding) -> Sound:
    """Samples of 16 bits, at the codec's own rate."""
    whole = AudioFrame(format="s16", layout="mono", samples=len(samples) // 2)
    whole.sample_rate = coding.sample_rate
    whole.time_base = Fraction(1, coding.sample_rate)
    whole.planes[0].update(samples.ljust(whole.planes[0].buffer_size, b"\0"))
    return sound_of(list(_encoded(_resampled([whole], coding, "s16"), coding)), coding)


def _resampled(frames: Iterable[AudioFrame], coding: Coding, form: str) -> Iterator[AudioFrame]:
    """One channel, the codec's rate, 20 ms a frame; the last one may be shorter."""
    resampler = AudioResampler(form, "mono", coding.sample_rate, frame_size=coding.samples)
    for frame in itertools.chain(frames, [None]):
        yield from resampler.resample(frame)


def _encoded(frames: Iterable[AudioFrame], coding: Coding) -> Iterator[bytes]:
    """One payload a frame; a last one that is too short is filled up with silence."""
    encoder = _codec(coding.encoder, "w")
    encoder.sample_rate = coding.sample_rate
    encoder.layout = "mono"
    encoder.format = "s16"
    encoder.time_base = Fraction(1, coding.sample_rate)
    if coding.encoder in BIT_RATE:
        encoder.bit_rate = BIT_RATE[coding.encoder]
    at = 0
    for frame in frames:
        whole = frame if frame.samples == coding.samples else _filled(frame, coding)
        whole.pts, whole.time_base = at, encoder.time_base
        at += coding.samples
        for packet in encoder.encode(whole):
            yield bytes(packet)
    for packet in encoder.encode(None):
        yield bytes(packet)


def _codec(name: str, mode: Literal["r", "w"]) -> AudioCodecContext:
    made = av.CodecContext.create(name, mode)
    assert isinstance(made, AudioCodecContext)  # all of ours are
    return made


def _filled(frame: AudioFrame, coding: Coding) -> AudioFrame:
    filled = AudioFrame(format="s16", layout="mono", samples=coding.samples)
    filled.sample_rate = coding.sample_rate
    samples = bytes(frame.planes[0])[: 2 * frame.samples]
    filled.planes[0].update(samples.ljust(filled.planes[0].buffer_size, b"\0"))
    return filled


class Decoder:
    """Payloads of one codec to samples of 16 bits at `sample_rate`."""

    def __init__(self, coding: Coding, sample_rate: int) -> None:
        self._decoder = _codec(coding.decoder, "r")
        self._decoder.sample_rate = coding.sample_rate
        self._decoder.layout = "mono"
        self._sample_rate = sample_rate
        self._resampler = AudioResampler("s16", "mono", sample_rate)

    def decode(self, payload: bytes) -> bytes:
        """Samples of a payload; nothing for one that is damaged."""
        if not payload:
            return b""
        try:
            frames = self._decoder.decode(av.Packet(payload))
            return b"".join([_samples(out) for frame in frames for out in self._resampler.resample(frame)])
        except (av.FFmpegError, ValueError):
            return b""

    def rest(self) -> bytes:
        """What the change of rate still holds back, before a gap and after the last payload."""
        rest = b"".join([_samples(out) for out in self._resampler.resample(None)])
        self._resampler = AudioResampler("s16", "mono", self._sample_rate)
        return rest


def _samples(frame: AudioFrame) -> bytes:
    return bytes(frame.planes[0])[: 2 * frame.samples]
