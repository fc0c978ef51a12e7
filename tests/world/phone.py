"""A phone: rings, answers, declines, keeps silent or misbehaves, as its script says; finds our faults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.world.agent import UserAgent
from tests.world.challenge import Challenge
from tests.world.dialog import Dialog
from tests.world.exchange import ClientRequest, ServerRequest
from tests.world.phone_call import PhoneCall
from tests.world.reading import Heard

if TYPE_CHECKING:
    from tests.world.world import World


@dataclass
class Script:
    """What a phone does with an INVITE. Times are seconds from its arrival; None: not of its own.

    trying: it sends 100 at once.
    rings_after, ring_status, ring_description, ring_reliable: its 18x, with SDP or not, with 100rel or not.
    answers_after: its 200; answer_tags of them, each with a To-tag of its own, answer_spread seconds apart.
    fails_after, failure, failure_headers: its 3xx-6xx.
    on_cancel: "stop" (200, 487), "silent" (nothing at all), "no 487" (only the 200), "answer" (200 to the
        CANCEL and 200 to the INVITE), "487 first".
    cancel_after: seconds that it takes to act on a CANCEL.
    hangs_up_after: seconds from the ACK of its 200 to its BYE.
    presses: keys that it presses, each so many seconds after the ACK; by_info: by SIP INFO, not RFC 4733.
    answer_headers: headers of its 200.
    refuses_first: status and headers with which the first INVITE is refused, and only that.
    challenge: it wants to know who rings; challenge_beyond: so does the next hop behind it;
        repeats_challenge_after sends the 401 a second time. challenge_prack: who sends PRACK.
    """

    trying: bool = True
    rings_after: float | None = 0.1
    ring_status: int = 180
    ring_description: bool = False
    ring_reliable: bool = False
    answers_after: float | None = None
    answer_tags: int = 1
    answer_spread: float = 0.01
    fails_after: float | None = None
    failure: int = 486
    failure_headers: tuple[tuple[str, str], ...] = ()
    on_cancel: str = "stop"
    cancel_after: float = 0.0
    hangs_up_after: float | None = None
    presses: tuple[tuple[float, str], ...] = ()
    by_info: bool = False
    answer_headers: tuple[tuple[str, str], ...] = ()
    refuses_first: tuple[int, tuple[tuple[str, str], ...]] | None = None
    challenge: Challenge | None = None
    challenge_beyond: Challenge | None = None
    repeats_challenge_after: float | None = None
    challenge_prack: Challenge | None = None

    @classmethod
    def silent(cls) -> Script:
        """It gets the INVITE and says nothing."""
        return cls(trying=False, rings_after=None)


class Phone(UserAgent):
    """A callee. calls: one for each INVITE that rang it; the last one is meant by what it does by hand.

    requested_uri: the Request-URI that it must be rung with. expects_offer: an INVITE without SDP is a fault.
    shares_call_id: it is rung with the caller's Call-ID (keep_call_id).
    """

    def __init__(
        self,
        world: World,
        name: str,
        host: str,
        port: int = 5060,
        transport: str = "UDP",
        script: Script | None = None,
    ) -> None:
        super().__init__(world, name, host, port, transport)
        self.script = script or Script()
        self.requested_uri = self.uri
        self.expects_offer = True
        self.shares_call_id = False
        self.calls: list[PhoneCall] = []
        self.challenged: list[ServerRequest] = []
        self._invites: dict[tuple[str, str], PhoneCall] = {}

    # What happened.

    @property
    def call(self) -> PhoneCall:
        assert self.calls, f"{self.name} was never rung"
        return self.calls[-1]

    @property
    def invites(self) -> list[Heard]:
        """Every INVITE outside of a dialog that came, retransmissions aside."""
        return [
            s.message for s in self.served.values() if s.message.method == "INVITE" and not s.message.to_tag
        ]

    @property
    def invites_on_wire(self) -> int:
        """How many INVITEs came, retransmissions with them."""
        return sum(packet.begins("INVITE ") for packet in self.packets)

    def heard(self, method: str) -> list[Heard]:
        """The requests of a method that came, each time that they came."""
        return [packet.message for packet in self.packets if packet.begins(method + " ")]

    @property
    def sounds(self) -> list[tuple[float, str]]:
        return self.call.sounds

    @property
    def was_rung(self) -> bool:
        return bool(self.calls)

    @property
    def is_ringing(self) -> bool:
        return bool(self.calls) and self.call.state == "ringing"

    @property
    def is_talking(self) -> bool:
        return bool(self.calls) and self.call.state == "confirmed"

    @property
    def missed_call(self) -> bool:
        """Whether its list of missed calls has a new entry."""
        return any(call.missed_call for call in self.calls)

    @property
    def dialog(self) -> Dialog:
        return self.call.dialog

    # What it does by hand, in its last call.

    def ring(self, status: int = 180, description: bool = False, reliable: bool = False) -> None:
        self.call.ring(status, description, reliable)

    def answer(self) -> None:
        self.call.answer()

    def fail(self, status: int = 486, headers: tuple[tuple[str, str], ...] = ()) -> None:
        self.call.fail(status, headers)

    def press(self, keys: str) -> None:
        """Press keys, one a second."""
        self.call.press(keys)

    def hang_up(self, reason: str = "") -> ClientRequest:
        return self.dialog.hang_up([("Reason", reason)] if reason else [])

    # What it hears.

    def heard_outside(self, served: ServerRequest) -> None:
        if served.message.method != "INVITE":
            super().heard_outside(served)
            return
        self._check_invite(served.message)
        if self.script.refuses_first is not None and len(self.invites) == 1:
            status, headers = self.script.refuses_first
            served.respond(status, headers=headers, tag=self.new_tag())
            return
        for challenge in (self.script.challenge, self.script.challenge_beyond):
            if challenge is not None and not self._is_content(served, challenge):
                return
        call = PhoneCall(self, served)
        self.calls.append(call)
        self._invites[served.message.branch, "INVITE"] = call
        call.begin()

    def _check_invite(self, invite: Heard) -> None:
        """RFC 3261 §8.1.1; each branch stands alone (DLG-2); nothing of the caller's side shows (TOP-1)."""
        if invite.uri != self.requested_uri:
            self.violation(f"INVITE {invite.uri}, expected {self.requested_uri}")
        if "rport" not in invite.via:
            self.violation(f"no rport in {invite.via} (NET-1)")
        if invite.get("record-route") is not None:
            self.violation("Record-Route in an INVITE of ours")
        if self.expects_offer and not invite.sdp:
            self.violation("INVITE without a description")
        self._check_identity(invite)

    def _check_identity(self, invite: Heard) -> None:
        for known in self.world.invites_heard:
            if known.octets == invite.octets:
                continue
            if known.branch == invite.branch:
                self.violation(f"branch {invite.branch} of two INVITEs")
            elif (
                known.call_id == invite.call_id
                and known.from_tag != invite.from_tag
                and not self.shares_call_id
            ):
                self.violation(f"Call-ID {invite.call_id} is another branch's")
            elif (known.call_id, known.from_tag, known.cseq) == (
                invite.call_id,
                invite.from_tag,
                invite.cseq,
            ):
                self.violation(
                    f"merged request: Call-ID, From tag and CSeq {invite.cseq} a second time (TRX-16)"
                )
        self.world.invites_heard.append(invite)

    def _is_content(self, served: ServerRequest, challenge: Challenge) -> bool:
        if challenge.nonces and challenge.accepts(served.message):
            return True
        if served.message.get(challenge.wanted) is None:
            challenge.nonces.clear()
        challenge.next_round()
        self.challenged.append(served)
        served.respond(challenge.status, headers=challenge.headers(), tag=self.new_tag())
        if self.script.repeats_challenge_after is not None:
            self.clock.after(self.script.repeats_challenge_after, served.heard_again)
        return False

    def heard_cancel(self, served: ServerRequest) -> None:
        call = self._invites.get((served.message.branch, "INVITE"))
        if call is None:
            if (served.message.branch, "INVITE") not in self.served:
                self.violation(f"CANCEL matches no INVITE (branch {served.message.branch})")
            served.respond(481, tag=self.new_tag())
            return
        self._check_cancel(served, call)
        self.clock.after(self.script.cancel_after, lambda: call.heard_cancel(served))

    def _check_cancel(self, served: ServerRequest, call: PhoneCall) -> None:
        """RFC 3261 §9.1."""
        cancel, invite = served.message, call.invite.message
        for name in ("call-id", "from", "to"):
            if cancel.get(name) != invite.get(name):
                self.violation(
                    f"{name} of the CANCEL {cancel.get(name)!r}, of the INVITE {invite.get(name)!r}"
                )
        if cancel.uri != invite.uri or cancel.via != invite.via or cancel.cseq != invite.cseq:
            self.violation(f"CANCEL {cancel.uri} {cancel.via} {cancel.cseq} is not the INVITE's")
        if cancel.get_all("route") != invite.get_all("route"):
            self.violation(f"Route of the CANCEL {cancel.get_all('route')}")
        for name in ("contact", "require", "proxy-require", "authorization", "proxy-authorization"):
            if cancel.get(name) is not None:
                self.violation(f"{name} in a CANCEL")
        if not call.invite.has_arrived(100, served.packet.sent_at):
            self.violation("CANCEL before a provisional response had come (FRK-2)")
        if call.invite.has_arrived(200, served.packet.sent_at - 1e-6):
            self.violation("CANCEL after the final response had come")

    def dialog_ended(self, dialog: Dialog, bye: Heard | None) -> None:
        for call in self.calls:
            if dialog in call.dialogs.values():
                call.dialog_ended(dialog, bye)

    def unfinished(self) -> list[str]:
        """What still waits here; above all a call that nobody told to stop ringing."""
        ringing = [f"{self.name}: rings on, call {call.tag}" for call in self.calls if call.rings_on]
        return [*super().unfinished(), *ringing]

    def never_acknowledged(self, served: ServerRequest) -> None:
        super().never_acknowledged(served)
        dialog = self.dialogs.get((served.message.call_id, served.tag, served.message.from_tag))
        if dialog is not None and dialog.state == "confirmed":
            dialog.hang_up()
