"""One ringing of a phone, from its INVITE to the end of every dialog that came of it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from tests.world.clock import Alarm
from tests.world.description import Description, answer_to
from tests.world.dialog import Dialog
from tests.world.exchange import T1, ServerRequest
from tests.world.reading import Heard

if TYPE_CHECKING:
    from tests.world.phone import Phone


def is_completed_elsewhere(message: Heard) -> bool:
    """RFC 3326 and FRK-13: `Reason: SIP;cause=200` tells a phone that somebody else answered."""
    return any(
        value.replace(" ", "").upper().startswith("SIP;")
        and "cause=200" in value.replace(" ", "").lower().split(";")
        for value in message.get_all("reason")
    )


class PhoneCall:
    """state: trying, ringing, answered (200 sent), confirmed (ACK came), failed, stopped or ended."""

    def __init__(self, phone: Phone, invite: ServerRequest) -> None:
        self.phone = phone
        self.invite = invite
        self.tag = phone.new_tag()
        self.state = "trying"
        self.cancel: Heard | None = None
        self.bye: Heard | None = None
        self.sounds: list[tuple[float, str]] = []
        self.dialogs: dict[str, Dialog] = {}
        self.answers: list[ServerRequest] = []
        self.offer: Description | None = None
        self.pracks: list[Heard] = []
        self.description_sent = False
        self._reliable: Alarm | None = None
        self._reliable_number = 0
        self._alarms: list[Alarm] = []

    # What may be asked.

    @property
    def dialog(self) -> Dialog:
        """The first answer's dialog, or the early one."""
        tag = self.answers[0].tag if self.answers else self.tag
        return self.dialogs[tag]

    @property
    def stop_reasons(self) -> list[str]:
        """The Reason values of the CANCEL or BYE that ended it."""
        return [
            value for message in (self.cancel, self.bye) if message for value in message.get_all("reason")
        ]

    @property
    def answered_elsewhere(self) -> bool:
        return any(is_completed_elsewhere(message) for message in (self.cancel, self.bye) if message)

    @property
    def missed_call(self) -> bool:
        """It rang, or could have, nobody here did anything, and we did not say that somebody else had."""
        return self.state == "stopped" and not self.answered_elsewhere

    @property
    def rings_on(self) -> bool:
        """A response of it has come to us, and it was neither answered nor stopped."""
        return self._is_open() and self.cancel is None and self.invite.has_arrived(100, float("inf"))

    def _sound(self, state: str) -> None:
        self.state = state
        self.sounds.append((self.phone.clock.elapsed, state))

    # What it does.

    def begin(self) -> None:
        script = self.phone.script
        if script.trying:
            self.invite.respond(100)
        if script.rings_after is not None:
            self._later(script.rings_after, self._ring_as_told)
        if script.answers_after is not None:
            for index in range(script.answer_tags):
                self._later(script.answers_after + index * script.answer_spread, self._answer_as_told)
        if script.fails_after is not None:
            self._later(script.fails_after, lambda: self.fail(script.failure, script.failure_headers))

    def _later(self, seconds: float, action: object) -> None:
        assert callable(action)
        self._alarms.append(self.phone.clock.after(seconds, action))

    def _is_open(self) -> bool:
        return self.state in ("trying", "ringing")

    def _ring_as_told(self) -> None:
        script = self.phone.script
        if self._is_open():
            reliable = script.ring_reliable and "100rel" in self.invite.message.tokens("supported")
            self.ring(script.ring_status, script.ring_description, reliable)

    def _answer_as_told(self) -> None:
        if self._is_open() or self.answers:
            self.answer()

    def early_dialog(self, tag: str = "") -> Dialog:
        """The dialog of a To-tag, made with the first response that carries the tag."""
        tag = tag or self.tag
        if tag not in self.dialogs:
            invite = self.invite.message
            dialog = Dialog(
                self.phone,
                invite.call_id,
                local=f"{invite.must('to')};tag={tag}",
                remote=invite.must("from"),
                remote_target=invite.contact_uri,
                path=self.invite.path,
            )
            dialog.remote_cseq, dialog.remote_number = invite.cseq, self.invite.packet.number
            dialog.on_prack = self._heard_prack
            if invite.sdp:
                dialog.note_remote(invite.sdp)
            self.dialogs[tag] = dialog
        return self.dialogs[tag]

    def _describe(self, dialog: Dialog) -> str:
        """Our answer, or our offer if the INVITE had none; the same one each time it is sent."""
        if dialog.local_description is None:
            made = self.phone.description()
            if dialog.remote_description is not None:
                media = self.phone.media.address
                answer = answer_to(dialog.remote_description, media.host, media.port, self.phone.accepts)
                made = self.phone.description(media=answer.media)
            dialog.local_description = made
        return dialog.local_description.text()

    def ring(
        self, status: int = 180, description: bool = False, reliable: bool = False, tag: str = ""
    ) -> None:
        """Send an 18x; a reliable one is repeated until its PRACK (RFC 3262 §3)."""
        dialog = self.early_dialog(tag)
        headers = [self.phone.contact]
        if reliable:
            self._reliable_number += 1
            headers += [("Require", "100rel"), ("RSeq", str(self._reliable_number))]
        body = self._describe(dialog) if description else ""
        self.invite.respond(status, headers=headers, body=body, tag=tag or self.tag)
        if self.state == "trying":
            self._sound("ringing")
        if reliable:
            self._repeat_reliable(T1, 64 * T1)

    def _repeat_reliable(self, interval: float, left: float) -> None:
        def repeat() -> None:
            if not self._is_open() or self.cancel is not None:
                return  # FRK-19: a branch that was cancelled is owed no PRACK
            if left <= interval:
                self.phone.violation("a reliable provisional response was never acknowledged by PRACK")
                return
            assert self.invite.last is not None
            self.invite.sent.append(self.phone.transmit(self.invite.last, self.invite.path))
            self._repeat_reliable(2 * interval, left - interval)

        self._reliable = self.phone.clock.after(interval, repeat)

    def _heard_prack(self, served: ServerRequest) -> None:
        """RFC 3262 §7.2: RAck is RSeq, CSeq and method of what is acknowledged."""
        expected = f"{self._reliable_number} {self.invite.message.cseq} INVITE"
        self.pracks.append(served.message)
        challenge = self.phone.script.challenge_prack
        if challenge is not None and not (challenge.nonces and challenge.accepts(served.message)):
            challenge.next_round()
            served.respond(challenge.status, headers=challenge.headers())
            return
        if served.message.get("rack") != expected:
            self.phone.violation(f"RAck {served.message.get('rack')!r}, expected {expected!r}")
            served.respond(481)
            return
        if self._reliable is not None:
            self._reliable.cancel()
        status = self.phone.answers["PRACK"]
        if status is not None:
            served.respond(status)

    def answer(self, tag: str = "") -> ServerRequest:
        """Send a 200, and again until its ACK. The second and later ones get a To-tag of their own."""
        phone = self.phone
        if not self.answers:
            served = self.invite
            served.tag = tag or self.tag
        else:
            served = ServerRequest(phone, self.invite.message, self.invite.packet, tag or phone.new_tag())
            phone.served[served.message.branch, f"INVITE {served.tag}"] = served
        dialog = self.early_dialog(served.tag)
        dialog.state = "confirmed"
        self.answers.append(served)
        served.on_acknowledged = lambda ack: self._acknowledged(dialog, ack)
        if len(self.answers) == 1:
            self._sound("answered")
        headers = [phone.contact, ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK")]
        headers += [("Supported", value) for value in phone.supported]
        headers += phone.script.answer_headers
        served.respond(200, headers=headers, body=self._describe(dialog))
        return served

    def _acknowledged(self, dialog: Dialog, ack: Heard) -> None:
        offered = bool(self.invite.message.sdp)
        if offered and ack.sdp:
            self.phone.violation("a description in the ACK, though the INVITE had the offer")
        elif not offered and not ack.sdp:
            self.phone.violation("no answer in the ACK of a late offer")
        elif ack.sdp:
            dialog.note_remote(ack.sdp, answers=dialog.local_description)
        if self.state == "answered":
            self._sound("confirmed")
        for after, keys in self.phone.script.presses:
            self.phone.clock.after(after, functools.partial(self.press, keys))
        hangs_up_after = self.phone.script.hangs_up_after
        if hangs_up_after is not None:
            self.phone.clock.after(hangs_up_after, lambda: self._hang_up_as_told(dialog))

    def _hang_up_as_told(self, dialog: Dialog) -> None:
        if dialog.state == "confirmed":
            dialog.hang_up()

    def press(self, keys: str) -> None:
        """Press keys, one a second, while the call lasts."""
        for at, key in enumerate(keys):
            self.phone.clock.after(float(at), functools.partial(self._press, key))

    def _press(self, key: str) -> None:
        dialog = self.dialog
        if dialog.state != "confirmed":
            return
        if self.phone.script.by_info:
            headers = [("Content-Type", "application/dtmf-relay")]
            dialog.request("INFO", f"Signal={key}\r\nDuration=160\r\n", headers, may_fail=True)
        elif dialog.last_heard is not None:
            self.phone.media.press(key, dialog.last_heard)

    def fail(self, status: int, headers: tuple[tuple[str, str], ...] = ()) -> None:
        """Send a 3xx-6xx, and again until its ACK."""
        if not self._is_open():
            return
        self._sound("failed")
        self._finish_early()
        self.invite.respond(status, headers=headers, tag=self.tag)

    def _finish_early(self) -> None:
        for alarm in self._alarms:
            alarm.cancel()
        if self._reliable is not None:
            self._reliable.cancel()
        for dialog in self.dialogs.values():
            dialog.state = "ended"

    # What it hears.

    def heard_cancel(self, served: ServerRequest) -> None:
        script = self.phone.script
        if script.on_cancel == "silent":
            self.cancel = served.message
            return
        if not self._is_open():
            served.respond(200, tag=self.tag)
            return
        self.cancel = served.message
        if script.on_cancel == "487 first":
            self._stop()
        served.respond(200, tag=self.tag)
        if script.on_cancel == "answer":
            self.answer()
        elif script.on_cancel == "stop":
            self._stop()
        elif script.on_cancel == "no 487":
            self._sound("stopped")
            self._finish_early()

    def _stop(self) -> None:
        self._sound("stopped")
        self._finish_early()
        self.invite.respond(487, tag=self.tag)

    def dialog_ended(self, dialog: Dialog, bye: Heard | None) -> None:
        if bye is not None and dialog is self.dialog:
            self.bye = bye
        if all(each.state in ("ended", "leaving") for each in self.dialogs.values()):
            self._sound("ended")
