"""An RTP end in the test's own hands: SIPp does the signalling, this sends and listens."""

from __future__ import annotations

import socket
import struct
from types import TracebackType
from typing import Final, Self

HOST: Final = "127.0.0.1"
FRAME: Final = 160  # octets of PCMU in 20 ms
SOON: Final = 0.1  # seconds
TRIES: Final = 400


class Earpiece:
    """A UDP socket that speaks RTP. voice: the octet that its audio is made of."""

    def __init__(self, voice: int) -> None:
        self.voice = voice
        self.sent = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._socket.settimeout(SOON)
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def say(self, port: int) -> None:
        """Send one packet to a port of the relay."""
        header = struct.pack("!BBHII", 0x80, 0, self.sent & 0xFFFF, self.sent * FRAME, self.voice)
        self.sent += 1
        self._socket.sendto(header + bytes([self.voice]) * FRAME, (HOST, port))

    def hear(self) -> tuple[int, int] | None:
        """The voice of the next packet and the port that it came from; None when none came soon."""
        try:
            packet, source = self._socket.recvfrom(2048)
        except TimeoutError:
            return None
        return packet[-1], source[1]

    def say_until_heard(self, port: int, listener: Earpiece) -> int:
        """Send to the relay until the listener hears it; gives the port that he heard it from."""
        for _ in range(TRIES):
            self.say(port)
            heard = listener.hear()
            if heard is not None and heard[0] == self.voice:
                return heard[1]
        raise TimeoutError(f"nothing of {self.sent} packets was heard")

    def drain(self) -> list[int]:
        """The voices of all packets that are there, and come soon."""
        voices = []
        while (heard := self.hear()) is not None:
            voices.append(heard[0])
        return voices
