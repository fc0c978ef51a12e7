"""Files of audio that are sent to the console, for flows to play: kept in one directory, under plain names.

What is sent is decoded whole before it is kept, so that nothing is kept which cannot be played, and is kept as it
came. Names get no further than this directory, and a file that is there is never written over: a flow may be
playing it.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final, NamedTuple

import av

from b2bua.config.flow_facts import SPEECH

OCTETS_LIMIT: Final = 10 << 20
SECONDS_LIMIT: Final = 600.0
DIRECTORY_LIMIT: Final = 2 << 30  # octets of all files; the database may be on the same disk
TEXT_LIMIT: Final = 1000
SPEECH_PATIENCE: Final = 10.0  # seconds
KINDS: Final = {".wav": "audio/wav", ".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".flac": "audio/flac"}
_NOT_PLAIN = re.compile(r"[^a-z0-9_-]+")
_NAME = re.compile(r"[a-z0-9_-]{1,60}\.(?:wav|mp3|ogg|flac)")
_VOICE = re.compile(r"[A-Za-z0-9_+-]{0,32}")
# FFmpeg goes by what is in a file and not by its name: a list of other files, or a description of a stream, would have
# it open those.
_OPTIONS: Final = {"format_whitelist": ",".join(suffix[1:] for suffix in KINDS)}


class SoundError(ValueError):
    """A file that cannot be kept, or a text that cannot be spoken. The text is for a person."""


class Sound(NamedTuple):
    """name: of the file. play: what a flow writes to have it played."""

    name: str
    play: str
    seconds: float
    octets: int

    def as_json(self) -> dict[str, Any]:
        return self._asdict()


class Sounds:
    """The files of a directory, which is made with the first one. All of this reads and writes files."""

    def __init__(self, directory: str) -> None:
        self.directory = Path(directory)
        self._known: dict[tuple[str, int], float] = {}

    def all(self) -> list[Sound]:
        if not self.directory.is_dir():
            return []
        return [self._sound(path) for path in sorted(self.directory.iterdir()) if _NAME.fullmatch(path.name)]

    def path(self, name: str) -> Path:
        """Where a file of this name is. LookupError when there is none."""
        path = self.directory / name
        if not _NAME.fullmatch(name) or not path.is_file():
            raise LookupError(f"There is no prompt {name}.")
        return path

    def add(self, name: str, content: bytes) -> Sound:
        """Keep a file under a name like its own. Raises SoundError."""
        if len(content) > OCTETS_LIMIT:
            raise SoundError(f"is larger than {OCTETS_LIMIT >> 20} MB.")
        suffix = Path(name).suffix.lower()
        if suffix not in KINDS:
            raise SoundError(f"is no {', '.join(each[1:] for each in KINDS)} file by its name.")
        seconds = seconds_of(content)
        self.directory.mkdir(mode=0o750, parents=True, exist_ok=True)
        if len(content) + sum(path.stat().st_size for path in self.directory.iterdir()) > DIRECTORY_LIMIT:
            raise SoundError(f"does not fit: {self.directory} is full. Remove files that no flow plays.")
        path = self._write(_plain(Path(name).stem), suffix, content)
        self._known[path.name, path.stat().st_mtime_ns] = seconds
        return self._sound(path)

    def remove(self, name: str) -> None:
        """LookupError when it is not there."""
        self.path(name).unlink()

    def _write(self, stem: str, suffix: str, content: bytes) -> Path:
        for count in range(1, 1000):
            path = self.directory / f"{stem}{'' if count == 1 else f'-{count}'}{suffix}"
            try:
                with path.open("xb") as file:
                    file.write(content)
            except FileExistsError:
                continue
            return path
        raise SoundError("there are a thousand files of that name: give it another one.")

    def _sound(self, path: Path) -> Sound:
        found = path.stat()
        key = (path.name, found.st_mtime_ns)
        if key not in self._known:
            try:
                self._known[key] = seconds_of(path.read_bytes())
            except SoundError:
                self._known[key] = 0.0  # put there by somebody else
        return Sound(path.name, str(path), round(self._known[key], 2), found.st_size)


def seconds_of(content: bytes) -> float:
    """How long a file of audio plays. Raises SoundError when it cannot be decoded to its end."""
    try:
        with av.open(io.BytesIO(content), "r", options=_OPTIONS) as container:
            stream = next(iter(container.streams.audio), None)
            if stream is None:
                raise SoundError("has no audio in it.")
            seconds = 0.0
            for frame in container.decode(stream):
                seconds += frame.samples / frame.sample_rate
                if seconds > SECONDS_LIMIT:
                    raise SoundError(f"is longer than {SECONDS_LIMIT / 60:g} minutes.")
    except (av.FFmpegError, EOFError) as problem:
        raise SoundError("cannot be decoded: send a wav, mp3, ogg or flac file.") from problem
    if seconds == 0.0:
        raise SoundError("is empty.")
    return seconds


def spoken(text: str, voice: str) -> bytes:
    """A text as espeak-ng says it, a WAV file. Raises SoundError; LookupError where it is not installed."""
    program = shutil.which(SPEECH)
    if program is None:
        raise LookupError(f"{SPEECH} is not installed on this machine.")
    if not _VOICE.fullmatch(voice):
        raise SoundError(f'"{voice}" is no voice.')
    chosen = ["-v", voice] if voice else []
    try:
        made = subprocess.run(
            [program, *chosen, "--stdin", "--stdout"],
            input=text[:TEXT_LIMIT].encode(),
            capture_output=True,
            timeout=SPEECH_PATIENCE,
            check=True,
        )
    except (subprocess.SubprocessError, OSError) as problem:
        raise SoundError("could not be spoken; is the voice known?") from problem
    return made.stdout


def _plain(name: str) -> str:
    return _NOT_PLAIN.sub("-", name.lower()).strip("-")[:50] or "prompt"
