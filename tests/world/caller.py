"""The trunk: sends INVITE, and what follows, and notes what we answer wrongly."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tests.world.agent import UserAgent
from tests.world.description import Description, answer_to, read
from tests.world.dialog import Dialog
from tests.world.exchange import ClientRequest, Headers, Path
from tests.world.network import Address
from tests.world.reading import Heard, bracketed, write

if TYPE_CHECKING:
    from tests.world.world import World


class Caller(UserAgent):
    """A trunk. expects_early_media: a description in a provisional response is no fault.

    pracks_after: seconds after which a reliable provisional response gets its PRACK; None: never.
    offers_in_prack: an offer for the first PRACK of a call. late_answers: an offer of ours has its answer in the PRACK.
    """

    def __init__(self, world: World, name: str, host: str, port: int = 5060, transport: str = "UDP") -> None:
        super().__init__(world, name, host, port, transport)
        self.expects_early_media = False
        self.pracks_after: float | None = 0.0
        self.offers_in_prack: Description | None = None
        self.late_answers = True
        self.calls: list[TrunkCall] = []
        self.gateway = Path(Address(*world.service_address(host)))

    def call(
        self,
        number: str = "",
        *,
        offer: Description | None = None,
        late_offer: bool = False,
        headers: Headers = (),
        caller_number: str = "+15550199",
        max_forwards: int = 70,
        record_routes: Sequence[str] = (),
        call_id: str = "",
        from_tag: str = "",
        cseq: int = 1,
        uri: str = "",
        extra_vias: Sequence[str] = (),
        body: str | None = None,
    ) -> TrunkCall:
        """Send an INVITE to the dialled number. late_offer: without a description; body: instead of one."""
        number = number or self.world.plan.number
        host = bracketed(self.gateway.address.host)
        if not late_offer:
            offer = offer or self.description()
        lines = [
            self.via(),
            *(("Via", via) for via in extra_vias),
            *(("Record-Route", route) for route in record_routes),
            ("Max-Forwards", str(max_forwards)),
            (
                "From",
                f'"Zoë, at work" <sip:{caller_number}@{bracketed(self.address.host)}>'
                f";tag={from_tag or self.new_tag()}",
            ),
            ("To", f"<sip:{number}@{host}>"),
            ("Call-ID", call_id or f"{self.world.count()}-{self.name}@trunk.example"),
            ("CSeq", f"{cseq} INVITE"),
            self.contact,
            ("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK"),
            *(("Supported", value) for value in self.supported),
            *headers,
        ]
        content = body if body is not None else offer.text() if offer else ""
        octets = write(f"INVITE {uri or f'sip:{number}@{host}'} SIP/2.0", lines, content.encode())
        call = TrunkCall(self, octets, offer, tuple(record_routes))
        self.calls.append(call)
        return call

    def dialog_ended(self, dialog: Dialog, bye: Heard | None) -> None:
        for call in self.calls:
            if dialog is call.dialog:
                call.dialog_ended(bye)


class TrunkCall:
    """One INVITE of the caller and what became of it.

    status: of the final response, 0 until there is one. provisionals: (time, response), 100 aside.
    """

    def __init__(
        self, caller: Caller, invite: bytes, offer: Description | None, record_routes: tuple[str, ...]
    ) -> None:
        self.caller = caller
        self.offer = offer
        self.record_routes = record_routes
        self.trying_at: float | None = None
        self.provisionals: list[tuple[float, Heard]] = []
        self.dialog: Dialog | None = None
        self.tags: set[str] = set()
        self.answered_at: float | None = None
        self.failed_at: float | None = None
        self.ended_at: float | None = None
        self.bye_heard: Heard | None = None
        self.cancelled: list[ClientRequest] = []
        self.answers_heard = 0
        self.pracks: list[ClientRequest] = []
        self.reliable_numbers: list[int] = []
        self.late_answer: Description | None = None
        self.started_at = caller.clock.elapsed
        self.request = ClientRequest(caller, invite, caller.gateway, self._heard)

    # What may be asked.

    @property
    def invite(self) -> Heard:
        return self.request.sent

    @property
    def status(self) -> int:
        return self.request.status

    @property
    def final(self) -> Heard:
        assert self.request.final is not None, "no final response yet"
        return self.request.final

    @property
    def is_ringing(self) -> bool:
        return bool(self.provisionals) and not self.status

    @property
    def is_answered(self) -> bool:
        return self.answered_at is not None and self.ended_at is None

    @property
    def is_over(self) -> bool:
        """It failed, or was ended from either side."""
        return self.failed_at is not None or self.ended_at is not None

    @property
    def statuses(self) -> list[int]:
        """Of the provisional responses, 100 aside."""
        return [response.status for _, response in self.provisionals]

    @property
    def session(self) -> Dialog:
        assert self.dialog is not None, "no dialog yet"
        return self.dialog

    @property
    def remote_description(self) -> Description:
        assert self.session.remote_description is not None
        return self.session.remote_description

    def intervals(self) -> list[float]:
        """Seconds between the 2xx's that were sent to this call, repeated ones with it."""
        times = [
            packet.sent_at
            for packet in self.caller.world.network.packets
            if packet.begins("SIP/2.0 2")
            and packet.message.branch == self.invite.branch
            and packet.message.cseq_method == "INVITE"
        ]
        return [round(later - earlier, 2) for earlier, later in itertools.pairwise(times)]

    # What it does.

    def cancel(self, headers: Headers = (), sent_by: str = "") -> ClientRequest:
        """CANCEL at once, whether a provisional response has come or not (impatient trunks do)."""
        invite = self.invite
        via = invite.via if not sent_by else self.caller.via(invite.branch, sent_by)[1]
        lines = [
            ("Via", via),
            ("Max-Forwards", "70"),
            ("From", invite.must("from")),
            ("To", invite.must("to")),
            ("Call-ID", invite.call_id),
            ("CSeq", f"{invite.cseq} CANCEL"),
            *headers,
        ]
        octets = write(f"CANCEL {invite.uri} SIP/2.0", lines)
        request = ClientRequest(self.caller, octets, self.request.path, self._cancel_answered)
        self.cancelled.append(request)
        return request

    def _cancel_answered(self, response: Heard) -> None:
        """TRX-11: our answers to the INVITE and to its CANCEL carry one tag."""
        if response.status == 200:
            self._note_tag(response)

    def hang_up(self, headers: Headers = ()) -> ClientRequest:
        return self.session.hang_up(headers)

    def update(self, offer: Description | None = None, headers: Headers = ()) -> ClientRequest:
        """UPDATE, early or confirmed (RFC 3311)."""

        def on_response(response: Heard) -> None:
            if response.status == 200 and offer is not None:
                self.session.note_remote(response.sdp, answers=offer)

        return self.session.request("UPDATE", offer.text() if offer else "", headers, on_response)

    # What it hears.

    def _heard(self, response: Heard) -> None:
        if response.status == 100:
            self.trying_at = self.trying_at or self.caller.clock.elapsed
            return
        self._note_tag(response)
        if response.status < 200:
            self._provisional(response)
        elif response.status < 300:
            self._answered(response)
        elif self.failed_at is None:
            self.failed_at = self.caller.clock.elapsed
            if self.dialog is not None:
                self.dialog.state = "ended"

    def _note_tag(self, response: Heard) -> None:
        self.tags.add(response.to_tag)
        if len(self.tags) > 1 and not self.caller.expects_forked_answers:
            self.caller.violation(f"{response.summary} with another To tag: {sorted(self.tags)}")

    def _open_dialog(self, response: Heard) -> Dialog:
        if self.dialog is None or self.dialog.remote_tag != response.to_tag:
            self.dialog = Dialog(
                self.caller,
                self.invite.call_id,
                local=self.invite.must("from"),
                remote=response.must("to"),
                remote_target=response.contact_uri,
                path=self.request.path,
                routes=tuple(reversed(response.get_all("record-route"))),
            )
            self.dialog.local_cseq = self.invite.cseq
            self.dialog.local_description = self.offer
            self._check_routes(response)
        return self.dialog

    def _check_routes(self, response: Heard) -> None:
        """RFC 3261 §12.1.1: Record-Route comes back as it was sent."""
        if tuple(response.get_all("record-route")) != self.record_routes:
            self.caller.violation(
                f"Record-Route {response.get_all('record-route')}, sent {self.record_routes}"
            )
        if not response.contact_uri:
            self.caller.violation(f"no Contact in {response.summary}")

    def _provisional(self, response: Heard) -> None:
        self.provisionals.append((self.caller.clock.elapsed, response))
        dialog = self._open_dialog(response)
        if response.sdp and not self.caller.expects_early_media:
            self.caller.violation(f"a description in {response.summary}")
        if "100rel" in response.tokens("require"):
            self._reliable(response, dialog)
        elif response.sdp and response.sdp not in dialog.remote_texts:
            dialog.note_remote(response.sdp, answers=self.offer)

    def _reliable(self, response: Heard, dialog: Dialog) -> None:
        """RFC 3262 §4: a PRACK for each new RSeq, none for one out of order."""
        number = int(response.must("rseq"))
        if "100rel" not in self.caller.supported and "100rel" not in self.invite.tokens("require"):
            self.caller.violation("a reliable provisional response that was not asked for")
        if number in self.reliable_numbers:
            return
        if self.reliable_numbers and number != self.reliable_numbers[-1] + 1:
            self.caller.violation(f"RSeq {number} after {self.reliable_numbers[-1]}")
        self.reliable_numbers.append(number)
        body = self._early_description(response, dialog)
        rack = ("RAck", f"{number} {response.cseq} INVITE")
        if self.caller.pracks_after is not None:
            self.caller.clock.after(self.caller.pracks_after, lambda: self._prack(dialog, body, rack))

    def _prack(self, dialog: Dialog, body: str, rack: tuple[str, str]) -> None:
        offer, self.caller.offers_in_prack = self.caller.offers_in_prack, None
        if offer is None:
            self.pracks.append(dialog.request("PRACK", body, [rack]))
            return

        def on_response(response: Heard) -> None:
            """RFC 3262 §5: the 2xx brings the answer."""
            if response.status == 200 and not response.sdp:
                self.caller.violation("no answer to the offer in a PRACK")
            elif response.status == 200:
                dialog.local_description = offer
                dialog.note_remote(response.sdp, answers=offer)

        self.pracks.append(dialog.request("PRACK", offer.text(), [rack], on_response))

    def _early_description(self, response: Heard, dialog: Dialog) -> str:
        """Note the description of a reliable response; it is an offer if the INVITE had none."""
        if not response.sdp or response.sdp in dialog.remote_texts:
            return ""
        dialog.note_remote(response.sdp, answers=self.offer)
        return "" if self.offer is not None or not self.caller.late_answers else self._answer_late(dialog)

    def _answer_late(self, dialog: Dialog) -> str:
        assert dialog.remote_description is not None
        media = self.caller.media.address
        made = self.late_answer or self.caller.description(
            media=answer_to(dialog.remote_description, media.host, media.port, self.caller.accepts).media
        )
        self.late_answer = dialog.local_description = made
        return made.text()

    def _answered(self, response: Heard) -> None:
        self.answers_heard += 1
        dialog = self._open_dialog(response)
        if self.answered_at is not None:
            dialog.repeat_ack(response.cseq)
            return
        self.answered_at = self.caller.clock.elapsed
        dialog.state = "confirmed"
        dialog.remote_target = response.contact_uri or dialog.remote_target
        self._check_routes(response)
        dialog.acknowledge(response.cseq, self._agree(response, dialog))
        if self.cancelled:
            dialog.hang_up()

    def _agree(self, response: Heard, dialog: Dialog) -> str:
        """Note the description of the 2xx; gives the answer that a late offer wants in the ACK."""
        early = bool(dialog.remote_texts)
        if response.sdp and response.sdp not in dialog.remote_texts:
            dialog.note_remote(response.sdp, answers=self.offer)
        elif not response.sdp and not early:
            self.caller.violation("a 200 to the INVITE without any description")
        elif response.sdp and response.sdp != dialog.remote_texts[-1]:
            self.caller.violation("a 200 to the INVITE with a description that no longer holds")
        if self.offer is None and response.sdp and not early:
            return self._answer_late(dialog)
        return ""

    def dialog_ended(self, bye: Heard | None) -> None:
        self.bye_heard = self.bye_heard or bye
        if self.ended_at is None:
            self.ended_at = self.caller.clock.elapsed


def offered_to(message: Heard) -> Description:
    """The description that a message carries."""
    return read(message.sdp)
