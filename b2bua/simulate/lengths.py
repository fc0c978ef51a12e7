"""How long a sound lasts: of files as they are, of texts as they would be read aloud."""

from __future__ import annotations

from typing import Final

import av

from rtp_relay import control

CHARACTERS_A_SECOND: Final = 14.0  # of espeak-ng at its usual speed
UNKNOWN: Final = 5.0  # seconds of a file that cannot be read


def length_of(sound: control.Tone | control.CountryTone | control.File | control.Speech) -> float:
    """Seconds, once through."""
    match sound:
        case control.Speech(text=text):
            return max(0.5, len(text) / CHARACTERS_A_SECOND)
        case control.File(path=path):
            return _length_of_file(path)
        case control.Tone(steps=steps):
            return sum(step.seconds for step in steps)
    return 4.0  # a period of ringing, more or less


def _length_of_file(path: str) -> float:
    try:
        with av.open(path, metadata_errors="ignore") as container:
            return float(container.duration / av.time_base) if container.duration else UNKNOWN
    except (av.FFmpegError, OSError):
        return UNKNOWN
