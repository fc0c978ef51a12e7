"""The phone itself, on pjsua2: one line, one caller at a time, a tone generator for a mouth, an `Ear`.

Imports pjsua2 (GPL), and so is only to be imported in the phone's own process.

pjsua2 runs without threads of its own for SIP: `turn` polls it, and its callbacks come within `turn`, on the
same thread. Sound alone comes from a thread of pjmedia, at `_Microphone.onFrameReceived`, and waits in a
queue for the next turn. What pjsua2 calls back into is kept alive by a reference here; C++ holds none.
"""

from __future__ import annotations

import queue
import time
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import pjsua2

from b2bua.phone import library, messages, outcome, tones, wire

BUSY_HERE: Final = 486
RINGING: Final = 180
DECLINE: Final = 603

_HOLD_STATES: Final = {
    pjsua2.PJSUA_CALL_MEDIA_ACTIVE: "active",
    pjsua2.PJSUA_CALL_MEDIA_LOCAL_HOLD: "held by us",
    pjsua2.PJSUA_CALL_MEDIA_REMOTE_HOLD: "held by them",
}

_NOTHING: Final = array("h", bytes(2 * library.FRAME_SAMPLES))


class Refusal(Exception):
    """A command that does not fit the phone's state."""


class _Microphone(pjsua2.AudioMediaPort):  # type: ignore[misc]  # the wheel has no types
    """Where the far side's sound arrives, on pjmedia's thread."""

    def __init__(self, hear: Callable[[array[int]], None]) -> None:
        super().__init__()
        self._hear = hear

    def onFrameReceived(self, frame: Any) -> None:  # named by pjsua2
        if frame.type == pjsua2.PJMEDIA_FRAME_TYPE_AUDIO and frame.size:
            self._hear(array("h", bytes(frame.buf)))
        else:
            self._hear(_NOTHING)  # so that a tone that is cut off is seen to end


class _Line(pjsua2.Call):  # type: ignore[misc]
    """One call. pjsua2 calls in; what it says is passed to the phone."""

    def __init__(self, phone: Softphone, number: int, *, is_incoming: bool, call_id: int) -> None:
        super().__init__(phone.account, call_id)
        self.number = number
        self.is_incoming = is_incoming
        self.was_confirmed = False
        self.is_over = False
        self.refused_with = 0
        self.we_hung_up = False
        self.reason_headers: list[str] = []
        self._phone = phone

    def onCallState(self, _: Any) -> None:
        self._phone.line_changed(self)

    def onCallMediaState(self, _: Any) -> None:
        self._phone.media_changed(self)

    def onCallTsxState(self, parameters: Any) -> None:
        change = parameters.e.body.tsxState
        if parameters.e.type == pjsua2.PJSIP_EVENT_TSX_STATE and change.type == pjsua2.PJSIP_EVENT_RX_MSG:
            self._note(change.src.rdata.wholeMsg)

    def _note(self, message: str) -> None:
        if message.startswith(("CANCEL ", "BYE ")):
            self.reason_headers = wire.values(wire.headers(message), "Reason")

    def onDtmfDigit(self, parameters: Any) -> None:
        self._phone.tell(messages.DigitHeard(time.monotonic(), self.number, parameters.digit))


class _Account(pjsua2.Account):  # type: ignore[misc]
    """Receives calls; registers nowhere."""

    def __init__(self, phone: Softphone) -> None:
        super().__init__()
        self._phone = phone

    def onIncomingCall(self, parameters: Any) -> None:
        self._phone.invited(parameters.callId, parameters.rdata.wholeMsg)


@dataclass(frozen=True, slots=True)
class _Finished:
    """A call that pjsip has just ended, with the status of its last response."""

    line: _Line
    at: float
    code: int
    reason: str


class Softphone:
    """A phone: takes commands by `obey`, time by `turn`, gives `events`. `close` it at the end."""

    def __init__(self, options: library.Options) -> None:
        """Opens the port and is ready. Raises pjsua2.Error when the port is taken."""
        self.events: queue.SimpleQueue[messages.Event] = queue.SimpleQueue()
        self._options = options
        self._sounds: queue.SimpleQueue[tuple[float, array[int]]] = queue.SimpleQueue()
        self._line: _Line | None = None
        self._lines_so_far = 0
        self._finished: list[_Finished] = []
        self._due: list[tuple[float, _Line, Callable[[], None]]] = []
        self._ear = tones.Ear(options.listen)
        self._is_muted = options.silent or not options.tone
        self._endpoint = library.endpoint(options)
        self.port = library.listen(self._endpoint, options)
        self._generator = library.generator()
        self._microphone = _Microphone(lambda samples: self._sounds.put((time.monotonic(), samples)))
        self._microphone.createPort("ear", library.audio_format())
        self.account = _Account(self)
        self.account.create(library.account_configuration(options))
        if options.tone:
            self._sound(options.tone)

    @property
    def uri(self) -> str:
        """Where this phone can be called."""
        return f"sip:{library.user_of(self._options)}@{self._options.address}:{self.port}"

    def tell(self, event: messages.Event) -> None:
        """Puts an event where `events` is read."""
        self.events.put(event)

    def turn(self, milliseconds: int) -> None:
        """Lets pjsua2 work for at most so long, then does what has come due."""
        self._endpoint.libHandleEvents(milliseconds)
        self._hear()
        self._clear_finished()
        now = time.monotonic()
        for entry in [entry for entry in self._due if entry[0] <= now]:
            self._due.remove(entry)
            if not entry[1].is_over:
                entry[2]()

    def close(self) -> None:
        """Ends what still runs and gives back the port."""
        if self._line is not None:
            self.hang_up()
            self._wait_until_over(2.0)
        self._due.clear()
        self._line = None
        self.account.shutdown()
        # Ends pjmedia's thread, which would else call into the microphone while it is being freed.
        self._endpoint.audDevManager().setNoDev()
        # pjsua2 asserts if an object of its own is freed after the library.
        del self.account, self._microphone, self._generator
        # It would else wait a second for answers; the call's were waited for above.
        self._endpoint.libDestroy(pjsua2.PJSUA_DESTROY_NO_RX_MSG)

    # --- commands -------------------------------------------------------------------------------------------

    def obey(self, command: messages.AnyCommand) -> None:
        """Does it, or tells `Failed`. `Quit` is for the process around this phone and does nothing here."""
        try:
            self._do(command)
        except Refusal as refusal:
            self._fail(command, str(refusal))
        except pjsua2.Error as error:
            self._fail(command, error.reason)

    def _do(self, command: messages.AnyCommand) -> None:
        match command:
            case messages.Call(uri=uri):
                self.call(uri)
            case messages.Answer(code=code):
                self._respond(self._ringing_line(), code)
            case messages.Decline(code=code):
                self._refuse(self._ringing_line(), code)
            case messages.HangUp():
                self.hang_up()
            case messages.Hold():
                self._open_line().setHold(pjsua2.CallOpParam(True))
            case messages.Resume():
                self._resume()
            case messages.SendDigits(digits=digits):
                self._open_line().dialDtmf(digits)
            case messages.Mute():
                self._mute()
            case messages.Play(frequency=frequency):
                self._sound(frequency)
                self._unmute()
            case messages.Listen(frequencies=frequencies):
                self._hear()
                self._ear = tones.Ear(tuple(frequencies))
            case messages.Report():
                self._report()
            case messages.Quit():
                pass

    def call(self, uri: str) -> None:
        """Places a call."""
        if self._line is not None:
            raise Refusal("there is a call already")
        line = self._new_line(is_incoming=False, call_id=pjsua2.PJSUA_INVALID_ID)
        self._line = line
        try:
            line.makeCall(uri, library.audio_only())
        except pjsua2.Error:
            self._line = None
            raise

    def hang_up(self) -> None:
        """CANCEL, BYE or a refusal, as the state has it."""
        line = self._open_line()
        line.we_hung_up = True
        if line.is_incoming and not line.was_confirmed:
            line.refused_with = DECLINE
        line.hangup(library.operation(DECLINE if line.refused_with else 0))

    def _respond(self, line: _Line, code: int) -> None:
        line.answer(library.operation(code))

    def _refuse(self, line: _Line, code: int) -> None:
        line.refused_with = code
        line.hangup(library.operation(code))

    def _resume(self) -> None:
        operation = library.audio_only()
        operation.opt.flag = pjsua2.PJSUA_CALL_UNHOLD
        self._open_line().reinvite(operation)

    def _report(self) -> None:
        ear = self._ear
        self.tell(messages.Heard(time.monotonic(), ear.windows, ear.silent, ear.strange, dict(ear.counts)))

    def _open_line(self) -> _Line:
        if self._line is None:
            raise Refusal("there is no call")
        return self._line

    def _ringing_line(self) -> _Line:
        line = self._open_line()
        if not line.is_incoming or line.was_confirmed:
            raise Refusal("nothing rings here")
        return line

    def _fail(self, command: messages.Command, reason: str) -> None:
        name = str(type(command).__struct_config__.tag)
        self.tell(messages.Failed(time.monotonic(), name, reason))

    # --- what pjsua2 tells ----------------------------------------------------------------------------------

    def invited(self, call_id: int, message: str) -> None:
        """An INVITE came."""
        line = self._new_line(is_incoming=True, call_id=call_id)
        if self._line is not None:
            line.refused_with = BUSY_HERE
            line.hangup(library.operation(BUSY_HERE))
            return
        self._line = line
        headers = wire.headers(message)
        name, uri = wire.name_and_uri(wire.value(headers, "From"))
        self.tell(messages.Incoming(time.monotonic(), line.number, uri, name, headers))
        self._behave(line)

    def _behave(self, line: _Line) -> None:
        """What a phone that is left alone does with a call."""
        options = self._options
        if options.busy:
            self._refuse(line, BUSY_HERE)
            return
        self._respond(line, RINGING)
        self.tell(messages.Ringing(time.monotonic(), line.number, RINGING))
        if options.answer_after is not None:
            self._later(options.answer_after, line, lambda: self._respond(line, 200))
        if options.decline_after is not None:
            self._later(options.decline_after, line, lambda: self._refuse(line, DECLINE))

    def line_changed(self, line: _Line) -> None:
        """The state of a call has moved on."""
        now = line.getInfo()
        if now.state == pjsua2.PJSIP_INV_STATE_EARLY and not line.is_incoming:
            self.tell(messages.Ringing(time.monotonic(), line.number, now.lastStatusCode))
        elif now.state == pjsua2.PJSIP_INV_STATE_CONFIRMED:
            line.was_confirmed = True
            self.tell(messages.Confirmed(time.monotonic(), line.number))
            if self._options.hang_up_after is not None:
                self._later(self._options.hang_up_after, line, self.hang_up)
        elif now.state == pjsua2.PJSIP_INV_STATE_DISCONNECTED:
            self._finished.append(_Finished(line, time.monotonic(), now.lastStatusCode, now.lastReason))

    def media_changed(self, line: _Line) -> None:
        """Audio was agreed on, or held."""
        now = line.getInfo()  # named, because its media die with it
        audio = next((m for m in now.media if m.type == pjsua2.PJMEDIA_TYPE_AUDIO), None)
        if audio is None or audio.status not in _HOLD_STATES:
            return
        if audio.status == pjsua2.PJSUA_CALL_MEDIA_ACTIVE:
            far_side = line.getAudioMedia(audio.index)
            far_side.startTransmit(self._microphone)
            if not self._is_muted:
                self._generator.startTransmit(far_side)
        stream = line.getStreamInfo(audio.index)
        self.tell(
            messages.MediaActive(
                time.monotonic(),
                line.number,
                _HOLD_STATES[audio.status],
                stream.codecName,
                stream.remoteRtpAddress,
            )
        )

    def _clear_finished(self) -> None:
        """Tells what ended in this turn.

        Not earlier: pjsip shows the CANCEL, and so its Reason, only after it has reported the end of the
        call; and a line must not be freed within its own callback.
        """
        finished, self._finished = self._finished, []
        for ended in finished:
            ended.line.is_over = True
            if ended.line is self._line:  # any other is a second caller, refused as busy
                self._line = None
                self._tell_changes(ended.at, self._ear.end())
                self.tell(_disconnected(ended))

    # --- sound ----------------------------------------------------------------------------------------------

    def _hear(self) -> None:
        """Judges what has come in since the last turn."""
        while True:
            try:
                at, samples = self._sounds.get_nowait()
            except queue.Empty:
                return
            self._tell_changes(at, self._ear.hear(samples))

    def _tell_changes(self, at: float, changes: Iterable[tones.Change]) -> None:
        for change in changes:
            if change.is_present:
                self.tell(messages.ToneHeard(at, change.frequency, round(change.level, 1)))
            else:
                self.tell(messages.ToneGone(at, change.frequency))

    def _sound(self, frequency: int) -> None:
        tone = pjsua2.ToneDesc()
        tone.freq1, tone.freq2, tone.on_msec, tone.off_msec = frequency, 0, 1000, 0
        sequence = pjsua2.ToneDescVector()
        sequence.append(tone)
        self._generator.stop()
        self._generator.play(sequence, True)

    def _mute(self) -> None:
        self._is_muted = True
        if self._line is not None and self._line.hasMedia():
            self._generator.stopTransmit(self._line.getAudioMedia(-1))

    def _unmute(self) -> None:
        self._is_muted = False
        if self._line is not None and self._line.hasMedia():
            self._generator.startTransmit(self._line.getAudioMedia(-1))

    # --- within ---------------------------------------------------------------------------------------------

    def _new_line(self, *, is_incoming: bool, call_id: int) -> _Line:
        self._lines_so_far += 1
        return _Line(self, self._lines_so_far, is_incoming=is_incoming, call_id=call_id)

    def _later(self, interval: float, line: _Line, action: Callable[[], None]) -> None:
        self._due.append((time.monotonic() + interval, line, action))

    def _wait_until_over(self, interval: float) -> None:
        deadline = time.monotonic() + interval
        while self._line is not None and time.monotonic() < deadline:
            self.turn(20)


def _disconnected(ended: _Finished) -> messages.Disconnected:
    line = ended.line
    if line.is_incoming:
        result = outcome.of_incoming(
            was_confirmed=line.was_confirmed,
            refused_with=line.refused_with,
            reason_headers=line.reason_headers,
        )
    else:
        result = outcome.of_outgoing(was_confirmed=line.was_confirmed, we_hung_up=line.we_hung_up)
    return messages.Disconnected(ended.at, line.number, ended.code, ended.reason, result, line.reason_headers)
