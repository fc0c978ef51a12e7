"""What is heard, on its way to a file: kept packet by packet, put on a line of time by its timestamps. Pure."""

from __future__ import annotations

from typing import Final

from rtp_relay.packet import Packet
from rtp_relay.studio import Chunk, Tape

FLUSH: Final = 0.25  # seconds between two words with the tape; also what packets may be out of order by
LEAP: Final = 10.0  # seconds; a timestamp that is off by more from when it came is that of another beginning
HALF: Final = 0x80000000


class Reel:
    """The loop's end of a recording. longest and silence_end are seconds, 0 without end."""

    __slots__ = ("_chunks", "_longest", "_silence_end", "_started", "due", "tape")

    def __init__(self, tape: Tape, longest: float, silence_end: float, now: float) -> None:
        self.tape = tape
        self.due = now + FLUSH
        self._longest = longest
        self._silence_end = silence_end
        self._started = now
        self._chunks: list[Chunk] = []

    def take(self, packet: Packet, now: float) -> None:
        """Keep a copy: the packet is valid only until this returns."""
        self._chunks.append(Chunk(bytes(packet), now))

    def flush(self) -> None:
        if self._chunks:
            self.tape.write(self._chunks)
            self._chunks = []

    def look(self, now: float) -> str:
        """Pass on what has come; which end has been reached: "longest", "silence", "failed", or "" for none."""
        self.flush()
        self.due = now + FLUSH
        if self.tape.trouble:
            return "failed"
        if self._longest and now - self._started >= self._longest:
            return "longest"
        if self._silence_end and now - max(self.tape.last_loud, self._started) >= self._silence_end:
            return "silence"
        return ""


class Timeline:
    """Where packets lie in a recording: seconds since the first one, by timestamp, whatever the network did to them.

    Another SSRC, or a timestamp that has leapt, goes on from when it came.
    """

    __slots__ = ("_at", "_began", "_rate", "_ssrc", "_timestamp")

    def __init__(self) -> None:
        self._ssrc = -1
        self._rate = 0
        self._timestamp = 0  # of the packet that the line is counted from
        self._at = 0.0  # where that packet lies
        self._began: float | None = None

    def place(self, ssrc: int, timestamp: int, rate: int, arrival: float) -> float:
        """Seconds from the beginning of the recording, never below 0; rate in Hz, arrival in seconds."""
        if self._began is None:
            self._began = arrival
        came = arrival - self._began
        if ssrc == self._ssrc and rate == self._rate:
            step = (timestamp - self._timestamp) & 0xFFFFFFFF
            if step & HALF:
                step -= 0x100000000
            at = self._at + step / rate
            if abs(at - came) < LEAP:
                self._timestamp, self._at = timestamp, at
                return max(at, 0.0)
        self._ssrc, self._rate, self._timestamp, self._at = ssrc, rate, timestamp, came
        return came
