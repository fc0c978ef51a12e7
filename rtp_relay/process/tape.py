"""A recording on its way to the disk: everything here runs in the scribe's thread, but what the loop calls."""

from __future__ import annotations

import wave
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from rtp_relay.control import Codec
from rtp_relay.packet import HEADER, TYPE_MASK, payload_of
from rtp_relay.process.coding import Decoder
from rtp_relay.recording import Timeline
from rtp_relay.sound import Coding, coding_of
from rtp_relay.studio import Chunk, Reeled

SAMPLE_RATE: Final = 16000  # Hz, for what is more than G.711; telephone sound stays at 8000
NARROW: Final = 8000
LOUD: Final = 650  # of 32768: -34 dB of full scale; a telephone's line noise is well below
LONGEST_GAP: Final = 600.0  # seconds of silence written at once
TOLERANCE: Final = 0.01  # seconds, half a packet; a change of the rate does not come out even

Later = Callable[[Callable[[], None]], None]  # have something done in the scribe's thread


class FileTape:
    """Packets in, a wav file of 16-bit samples out; it has its name once it is whole, until then .part after it."""

    def __init__(
        self, path: str, codecs: Sequence[Codec], later: Later, tell: Callable[[Callable[[float], None]], None]
    ) -> None:
        self.last_loud = -1.0
        self.trouble = ""
        self._path = Path(path)
        self._part = Path(f"{path}.part")
        self._codings: dict[int, Coding] = {codec.payload_type: coding_of(codec) for codec in codecs}
        is_wide = any(coding.sample_rate > NARROW for coding in self._codings.values())
        self._rate = SAMPLE_RATE if is_wide else NARROW
        self._later = later
        self._tell = tell
        self._timeline = Timeline()
        self._decoders: dict[int, Decoder] = {}
        self._wave: wave.Wave_write | None = None
        self._written = 0  # samples
        self._last: Decoder | None = None

    # From the loop.

    def write(self, chunks: Sequence[Chunk]) -> None:
        self._later(lambda: self._keep(chunks))

    def close(self, done: Callable[[Reeled, float], None]) -> None:
        def finish() -> None:
            reeled = self._finish()
            self._tell(lambda now: done(reeled, now))

        self._later(finish)

    # In the thread.

    def open(self) -> None:
        """Begin the file."""
        try:
            self._part.parent.mkdir(parents=True, exist_ok=True)
            self._wave = wave.open(str(self._part), "wb")  # noqa: SIM115
            self._wave.setnchannels(1)
            self._wave.setsampwidth(2)
            self._wave.setframerate(self._rate)
        except OSError as error:
            self.trouble = f"{self._path}: {error.strerror}"

    def _keep(self, chunks: Sequence[Chunk]) -> None:
        if self.trouble or self._wave is None:
            return
        placed: list[tuple[float, int, Chunk]] = []
        for chunk in chunks:
            _, kind, _, timestamp, ssrc = HEADER.unpack_from(chunk.packet)
            coding = self._codings.get(kind & TYPE_MASK)
            if coding is not None:
                at = self._timeline.place(ssrc, timestamp, coding.clock_rate, chunk.arrival)
                placed.append((at, kind & TYPE_MASK, chunk))
        placed.sort(key=lambda one: one[0])
        try:
            for at, kind, chunk in placed:
                self._put(self._wave, at, kind, chunk)
        except OSError as error:
            self.trouble = f"{self._path}: {error.strerror}"

    def _put(self, out: wave.Wave_write, at: float, kind: int, chunk: Chunk) -> None:
        """One packet where it belongs; silence before it if nothing came, nothing at all if it came too late."""
        decoder = self._decoders.get(kind)
        if decoder is None:
            decoder = self._decoders[kind] = Decoder(self._codings[kind], self._rate)
        if at - self._written / self._rate < -TOLERANCE:
            return
        if at - self._written / self._rate > TOLERANCE:
            self._put_rest(out)
            gap = max(round(min(at - self._written / self._rate, LONGEST_GAP) * self._rate), 0)
            self._put_samples(out, bytes(2 * gap))
        self._last = decoder
        samples = decoder.decode(bytes(payload_of(chunk.packet)))
        self._put_samples(out, samples)
        heights = array("h", samples)
        if heights and (max(heights) > LOUD or min(heights) < -LOUD):
            self.last_loud = chunk.arrival

    def _put_rest(self, out: wave.Wave_write) -> None:
        if self._last is not None:
            self._put_samples(out, self._last.rest())

    def _put_samples(self, out: wave.Wave_write, samples: bytes) -> None:
        out.writeframesraw(samples)
        self._written += len(samples) // 2

    def _finish(self) -> Reeled:
        if self._wave is not None:
            try:
                if not self.trouble:
                    self._put_rest(self._wave)
                self._wave.close()
                if not self.trouble:
                    self._part.replace(self._path)
            except OSError as error:
                self.trouble = self.trouble or f"{self._path}: {error.strerror}"
        return Reeled(round(self._written / self._rate, 2), self.trouble)
