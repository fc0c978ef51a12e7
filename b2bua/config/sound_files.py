"""Whether the files that flows play are sounds, as the relay's own reader finds in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

PATIENCE: Final = 20.0  # seconds; a quarter is usual
MOST_KNOWN: Final = 1000  # files

_Key = tuple[str, int, int]  # path, time of its last change, size
_known: dict[_Key, str] = {}  # why it cannot be played, "" for a sound


def unplayable(files: Iterable[Path]) -> dict[Path, str]:
    """Those that cannot be played, each with the reason. Nothing is said of what cannot be looked at."""
    keys = {file: key for file in files if (key := _key(file)) is not None}
    unknown = [key for key in keys.values() if key not in _known]
    if unknown:
        _look(unknown)
    return {file: why for file, key in keys.items() if (why := _known.get(key, ""))}


def _key(file: Path) -> _Key | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return str(file), found.st_mtime_ns, found.st_size


def _look(keys: list[_Key]) -> None:
    if len(_known) > MOST_KNOWN:
        _known.clear()
    command = [sys.executable, "-m", "rtp_relay.process.sounds"]
    paths = msgspec.json.encode([path for path, _, _ in keys])
    try:
        done = subprocess.run(command, input=paths, capture_output=True, timeout=PATIENCE, check=True)
        found = msgspec.json.decode(done.stdout, type=dict[str, str])
    except (OSError, subprocess.SubprocessError, msgspec.MsgspecError):
        return
    _known.update({key: found.get(key[0], "") for key in keys})
