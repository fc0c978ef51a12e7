"""What is played, once it is ready: payloads of 20 ms each, in one codec."""

from __future__ import annotations

from typing import Final, NamedTuple

from rtp_relay.control import Codec
from rtp_relay.errors import Refusal

FRAME: Final = 0.02  # seconds in a packet: RFC 3551 §4.2's default
FRAMES_A_SECOND: Final = 50


class Coding(NamedTuple):
    """What a codec wants: sample_rate of the sound in Hz, clock_rate of RTP in Hz, FFmpeg's names for it."""

    sample_rate: int
    clock_rate: int
    encoder: str
    decoder: str

    @property
    def step(self) -> int:
        """Timestamp units from one packet to the next."""
        return self.clock_rate // FRAMES_A_SECOND

    @property
    def samples(self) -> int:
        """Samples in a packet."""
        return self.sample_rate // FRAMES_A_SECOND


CODINGS: Final = {
    "PCMU": Coding(8000, 8000, "pcm_mulaw", "pcm_mulaw"),
    "PCMA": Coding(8000, 8000, "pcm_alaw", "pcm_alaw"),
    # RFC 3551 §4.5.2: "the RTP clock rate for the G722 payload format is 8,000 Hz", by mistake, for ever.
    "G722": Coding(16000, 8000, "g722", "g722"),
    "OPUS": Coding(48000, 48000, "libopus", "libopus"),  # RFC 7587 §4.1: always 48000
}


def coding_of(codec: Codec) -> Coding:
    """Raises Refusal for a codec that is not among ours, or that states another clock."""
    coding = CODINGS.get(codec.name.upper())
    if coding is None:
        raise Refusal(f"no sound can be made for the codec {codec.name}")
    if codec.clock_rate != coding.clock_rate:
        raise Refusal(f"{codec.name} at {codec.clock_rate} Hz: its clock is {coding.clock_rate} Hz")
    if not 0 <= codec.payload_type < 128:
        raise Refusal(f"{codec.payload_type} is no payload type")
    return coding


class Sound(NamedTuple):
    """frames: the payloads. step: timestamp units between two. size: octets of all of them."""

    frames: tuple[bytes, ...]
    step: int
    size: int

    @property
    def seconds(self) -> float:
        return len(self.frames) / FRAMES_A_SECOND


def sound_of(frames: list[bytes], coding: Coding) -> Sound:
    """A sound of payloads. Equal ones, as a tone and its pauses have, are kept once."""
    kept: dict[bytes, bytes] = {}
    return Sound(tuple([kept.setdefault(frame, frame) for frame in frames]), coding.step, sum(map(len, kept)))
