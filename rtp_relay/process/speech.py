"""Text to speech by espeak-ng, where it is installed. Called in a thread of its own."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from rtp_relay.errors import Refusal

PROGRAM: Final = "espeak-ng"
LONGEST_TEXT: Final = 4000  # characters
PATIENCE: Final = 20.0  # seconds
KEPT: Final = 64 << 20  # octets in the folder, about: texts that name the caller are without number
LANGUAGE: Final = re.compile(r"[a-z]{2,3}(-[a-z0-9]{1,8}){0,3}", re.IGNORECASE)


def speaks() -> bool:
    """Whether there is a program to speak with."""
    return shutil.which(PROGRAM) is not None


def speak(text: str, language: str, folder: Path) -> Path:
    """A wav file in `folder` with the text being said; made once for each text, while it is kept. Raises Refusal."""
    program = shutil.which(PROGRAM)
    if program is None:
        raise Refusal(f"{PROGRAM} is not installed: text cannot be spoken here")
    if not LANGUAGE.fullmatch(language):
        raise Refusal(f"{language!r} is no language")
    if not text.strip() or len(text) > LONGEST_TEXT:
        raise Refusal(f"{len(text)} characters to be spoken: from 1 to {LONGEST_TEXT}, please")
    name = hashlib.sha256(f"{language}\0{text}".encode()).hexdigest()
    path = folder / f"{name}.wav"
    if path.exists():
        return path
    part = folder / f"{name}.{os.getpid()}.part"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        subprocess.run(
            [program, "-v", language, "-w", str(part), "--stdin"], input=text.encode(), check=True,
            capture_output=True, timeout=PATIENCE,
        )  # fmt: skip
        part.replace(path)
        _make_room(folder, path)
    except subprocess.CalledProcessError as error:
        raise Refusal(f"{PROGRAM}: {error.stderr.decode(errors='replace').strip()}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Refusal(f"{PROGRAM}: {error}") from error
    finally:
        part.unlink(missing_ok=True)
    return path


def _make_room(folder: Path, newest: Path) -> None:
    """Remove the oldest files while all together are too large. Another thread, which makes room too, may be faster."""
    found = []
    for each in folder.glob("*.wav"):
        try:
            stat = each.stat()
        except FileNotFoundError:
            continue
        found.append((stat.st_mtime, stat.st_size, each))
    size = sum(octets for _, octets, _ in found)
    for _, octets, each in sorted(found):
        if size <= KEPT:
            return
        if each != newest:
            each.unlink(missing_ok=True)
            size -= octets
