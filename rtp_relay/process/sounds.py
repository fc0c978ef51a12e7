"""Which files cannot be played, and why: `python -m rtp_relay.process.sounds`, so that who asks need not load FFmpeg.

Reads a JSON list of paths from standard input; writes an object with those that cannot be played, each with the reason.
"""

from __future__ import annotations

import sys

import msgspec

from rtp_relay.errors import Refusal
from rtp_relay.process.coding import sound_of_file
from rtp_relay.sound import CODINGS


def unplayable(paths: list[str]) -> dict[str, str]:
    """Decoded whole and encoded, as for a call: what is damaged at its end is found too."""
    found = {}
    for path in paths:
        try:
            sound_of_file(path, CODINGS["PCMU"])
        except Refusal as refusal:
            found[path] = str(refusal).removeprefix(f"{path}: ")
    return found


if __name__ == "__main__":
    asked = msgspec.json.decode(sys.stdin.buffer.read(), type=list[str])
    sys.stdout.buffer.write(msgspec.json.encode(unplayable(asked)))
