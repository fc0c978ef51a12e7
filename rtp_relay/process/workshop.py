"""The studio of the real process: threads that decode, encode, speak and write, and the sounds that they made.

Two threads make sounds, one writes recordings in order. What they have done is told in the loop.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Final

from rtp_relay.control import Codec, CountryTone, File, Speech, Tone
from rtp_relay.errors import Refusal
from rtp_relay.process import speech
from rtp_relay.sound import Sound, coding_of
from rtp_relay.studio import Done, Tape, Tones, What
from rtp_relay.tones import samples_of, steps_of

SOUNDS_KEPT: Final = 128 << 20  # octets, all sounds together; the one not used for longest goes
BACKLOG: Final = 5000  # words with the scribe that may wait; a disk that is slower is too slow

Key = tuple[object, ...]


class Workshop:
    """Made within the running loop. folder is where speech is kept; on_told is called after a thread's work is told."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self.speaks = speech.speaks()
        self._loop = asyncio.get_running_loop()
        self.on_told: Callable[[], None] = _say_nothing
        self._folder = folder
        self._clock = clock
        self._tones = Tones()
        self._makers = ThreadPoolExecutor(2, "sounds")
        self._scribe = ThreadPoolExecutor(1, "recordings")
        self._kept: dict[Key, Sound] = {}
        self._size = 0
        self._backlog = 0  # about: two threads count
        self._wanted: dict[Key, list[Done]] = {}  # being made, and who waits for it

    def close(self) -> None:
        """Let the recordings be finished; sounds not yet begun are dropped."""
        self._makers.shutdown(wait=True, cancel_futures=True)
        self._scribe.shutdown(wait=True)

    def draw(self, bits: int) -> int:
        return secrets.randbits(bits)

    # Sounds.

    def prepare(self, what: What, codec: Codec, done: Done) -> None:
        """From what is kept at once; else one thread makes it, however many ask for it meanwhile."""
        try:
            if isinstance(what, Tone | CountryTone) and self._tones.can(what, codec):
                done(self._tones.sound(what, codec), self._clock())
                return
            key = self._key(what, codec)
        except (Refusal, OSError) as error:
            done(_words(error), self._clock())
            return
        sound = self._kept.pop(key, None)
        if sound is not None:
            self._kept[key] = sound
            done(sound, self._clock())
        elif key in self._wanted:
            self._wanted[key].append(done)
        else:
            self._wanted[key] = [done]
            self._makers.submit(self._make, key, what, codec)

    def _key(self, what: What, codec: Codec) -> Key:
        """A file that was changed is another file."""
        if isinstance(what, File):
            stat = Path(what.path).stat()
            return (what.path, stat.st_mtime_ns, stat.st_size, codec.name.upper())
        return (what, codec.name.upper())

    def _make(self, key: Key, what: What, codec: Codec) -> None:
        """In a thread."""
        made: Sound | str
        try:
            made = self._made(what, codec)
        except Refusal as refusal:
            made = str(refusal)
        self._in_loop(lambda now: self._keep(key, made, now))

    def _made(self, what: What, codec: Codec) -> Sound:
        try:
            from rtp_relay.process import coding as coding_by_av  # takes 0.2 s and 30 MB; not all play files
        except ImportError as error:
            raise Refusal(f"sounds other than tones in PCMU and PCMA need PyAV (av): {error}") from error
        coding = coding_of(codec)
        match what:
            case File():
                return coding_by_av.sound_of_file(what.path, coding)
            case Speech():
                path = speech.speak(what.text, what.language, self._folder)
                return coding_by_av.sound_of_file(str(path), coding)
            case _:
                samples = samples_of(steps_of(what), coding.sample_rate)
                return coding_by_av.sound_of_samples(samples.tobytes(), coding)

    def _keep(self, key: Key, made: Sound | str, now: float) -> None:
        if isinstance(made, Sound):
            self._kept[key] = made
            self._size += made.size
            while self._size > SOUNDS_KEPT and len(self._kept) > 1:
                self._size -= self._kept.pop(next(iter(self._kept))).size
        for done in self._wanted.pop(key):
            done(made, now)

    # Recordings.

    def open_tape(self, path: str, codecs: Sequence[Codec]) -> Tape:
        """Raises Refusal."""
        try:
            from rtp_relay.process.tape import FileTape
        except ImportError as error:
            raise Refusal(f"recording needs PyAV (av): {error}") from error
        if self._backlog > BACKLOG:
            raise Refusal("the disk is too slow for another recording")
        tape = FileTape(path, codecs, self._later, self._in_loop)
        self._later(tape.open)
        return tape

    def _later(self, work: Callable[[], None]) -> None:
        """Have the scribe do something, after all he was told before."""
        self._backlog += 1
        self._scribe.submit(work).add_done_callback(self._count_done)

    def _count_done(self, future: Future[None]) -> None:
        self._backlog -= 1

    def _in_loop(self, tell: Callable[[float], None]) -> None:
        """From a thread: have something told in the loop, unless that has ended."""

        def told() -> None:
            tell(self._clock())
            self.on_told()

        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(told)


def _say_nothing() -> None:
    """Until somebody wants to know."""


def _words(error: Exception) -> str:
    if isinstance(error, OSError):
        return f"{error.filename}: {error.strerror}"
    return str(error)
