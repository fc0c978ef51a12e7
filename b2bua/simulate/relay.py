"""The relay of a simulation: no packets, but who would hear what, and for how long."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from b2bua.simulate.clock import Alarm, Clock
from rtp_relay import control

Sound = control.Tone | control.CountryTone | control.File | control.Speech

DELAY: Final = 0.001  # seconds to each answer
FIRST_PORT: Final = 20000


@dataclass
class _Playing:
    command: control.Play
    began_at: float
    alarm: Alarm | None


@dataclass
class _Recording:
    command: control.Record
    began_at: float
    alarm: Alarm


class SimulatedRelay:
    """One call's. deliver: takes the answers. length: seconds that a sound lasts. speaks: seconds that the caller
    speaks when he is recorded. on_play: told of whatever begins to be played to a leg.
    """

    def __init__(
        self,
        clock: Clock,
        addresses: Mapping[str, str],
        deliver: Callable[[control.Event], None],
        length: Callable[[Sound], float],
        speaks: float,
    ) -> None:
        self.on_play: Callable[[int, Sound], None] | None = None
        self.open: dict[int, set[int]] = {}  # leg → legs that it hears
        self._clock = clock
        self._addresses = addresses
        self._deliver = deliver
        self._length = length
        self._speaks = speaks
        self._port = FIRST_PORT
        self._listens: dict[int, control.Listen] = {}
        self._playing: dict[int, _Playing] = {}
        self._keying: dict[int, control.SendDigits] = {}
        self._recording: dict[int, _Recording] = {}

    def command(self, command: control.Command) -> None:
        match command:
            case control.Reserve():
                self._answer(control.Reserved(command.call, tuple(self._lend(command))))
            case control.Bridge(a=a, b=b):
                self.open[b] = {a} if command.a_to_b else set()
                self.open[a] = {b} if command.b_to_a else set()
            case control.Release():
                self._release(command)
            case control.Play():
                self._play(command)
            case control.StopPlaying():
                playing = self._playing.get(command.leg)
                if playing is not None and playing.command.play_id == command.play_id:
                    self._over(command.leg, "stopped")
            case control.Listen():
                self._listens[command.leg] = command
            case control.SendDigits():
                self._send(command)
            case control.Record():
                self._record(command)
            case control.StopRecording():
                self._kept(command.leg, "stopped")

    def sounding(self, leg: int) -> Sound | None:
        playing = self._playing.get(leg)
        return playing.command.what if playing is not None else None

    def dialling(self, leg: int) -> str:
        """The digits that are being sent to a leg."""
        keying = self._keying.get(leg)
        return keying.digits if keying is not None else ""

    def is_recording(self, leg: int) -> bool:
        return leg in self._recording

    def press(self, call: str, leg: int, key: str) -> None:
        """A key at a leg, which counts where somebody listens."""
        listen = self._listens.get(leg)
        if listen is not None and listen.payload_types:
            self._answer(control.Digit(call, leg, key, 0))

    # Within.

    def _answer(self, event: control.Event) -> None:
        self._clock.after(DELAY, lambda: self._deliver(event))

    def _lend(self, command: control.Reserve) -> list[control.Lent]:
        lent = []
        for request in command.legs:
            for index in range(request.media):
                port = request.ports[index] if request.ports else self._port
                self._port = max(self._port, port + 2)
                address = self._addresses.get(request.interface) or next(iter(self._addresses.values()))
                lent.append(control.Lent(request.leg, request.first_medium + index, address, port, port + 1))
        return lent

    def _release(self, command: control.Release) -> None:
        held = set(self._playing) | set(self._recording) | set(self.open) | set(self._listens)
        for leg in command.legs or sorted(held):
            self._over(leg, "released")
            self._kept(leg, "released")
            self._listens.pop(leg, None)
            for other in self.open.pop(leg, set()):
                self.open.get(other, set()).discard(leg)
        self._answer(control.Released(command.call, ()))

    def _play(self, command: control.Play) -> None:
        self._over(command.leg, "replaced")
        alarm = None
        if command.repeat:
            lasts = command.repeat * self._length(command.what)
            alarm = self._clock.after(lasts, lambda: self._over(command.leg, "finished"))
        self._playing[command.leg] = _Playing(command, self._clock.now, alarm)
        if self.on_play is not None:
            self.on_play(command.leg, command.what)

    def _over(self, leg: int, reason: control.Ending) -> None:
        playing = self._playing.pop(leg, None)
        if playing is None:
            return
        if playing.alarm is not None:
            playing.alarm.cancel()
        command, seconds = playing.command, self._clock.now - playing.began_at
        self._answer(control.Played(command.call, leg, command.play_id, seconds, reason))

    def _send(self, command: control.SendDigits) -> None:
        pauses = command.digits.count("w")
        each = (command.milliseconds + command.gap) / 1000
        lasts = pauses * command.pause + (len(command.digits) - pauses) * each
        self._keying[command.leg] = command

        def sent() -> None:
            self._keying.pop(command.leg, None)
            self._deliver(control.DigitsSent(command.call, command.leg, lasts, "finished"))

        self._clock.after(lasts, sent)

    def _record(self, command: control.Record) -> None:
        lasts, reason = command.longest or 3600.0, "longest"
        if command.silence_end and self._speaks + command.silence_end < lasts:
            lasts, reason = self._speaks + command.silence_end, "silence"
        ending: control.Ending = "silence" if reason == "silence" else "longest"
        alarm = self._clock.after(lasts, lambda: self._kept(command.leg, ending))
        self._recording[command.leg] = _Recording(command, self._clock.now, alarm)

    def _kept(self, leg: int, reason: control.Ending) -> None:
        recording = self._recording.pop(leg, None)
        if recording is None:
            return
        recording.alarm.cancel()
        command, seconds = recording.command, self._clock.now - recording.began_at
        self._answer(control.Recorded(command.call, leg, command.path, seconds, reason))
