"""A dialog as a peer of ours sees it, with what it may send and what it must find in what it hears."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.world import description
from tests.world.description import Description
from tests.world.exchange import ClientRequest, Headers, Path, ServerRequest
from tests.world.network import Address
from tests.world.reading import Heard, host_and_port, tag_of, write

if TYPE_CHECKING:
    from tests.world.agent import UserAgent


class Dialog:
    """One dialog of a puppet. local and remote are From/To values with their tags.

    state: "early", "confirmed", "leaving" (our BYE has no answer yet), "ended".
    """

    def __init__(
        self,
        agent: UserAgent,
        call_id: str,
        local: str,
        remote: str,
        remote_target: str,
        path: Path,
        routes: tuple[str, ...] = (),
    ) -> None:
        self.agent = agent
        self.call_id = call_id
        self.local = local
        self.remote = remote
        self.remote_target = remote_target
        self.path = path
        self.routes = routes
        self.state = "early"
        self.local_cseq = 100
        self.remote_cseq = 0
        self.remote_number = -1
        self.newest_ack = 0
        self.local_description: Description | None = None
        self.remote_description: Description | None = None
        self.remote_texts: list[str] = []
        self.last_heard: Description | None = None
        self.invite_sent: ClientRequest | None = None
        self.heard_requests: list[Heard] = []
        self.sent_acks: dict[int, bytes] = {}
        self.ended_at: float | None = None
        self.bye: ClientRequest | None = None
        self.bye_heard: Heard | None = None
        self.on_prack: Callable[[ServerRequest], None] | None = None
        agent.dialogs[call_id, tag_of(local), tag_of(remote)] = self

    @property
    def remote_tag(self) -> str:
        return tag_of(self.remote)

    # Asking.

    def request(
        self,
        method: str,
        body: str = "",
        headers: Headers = (),
        on_response: Callable[[Heard], None] | None = None,
        may_fail: bool = False,
    ) -> ClientRequest:
        """Send a request in this dialog, to the Contact that we gave."""
        self.local_cseq += 1
        octets = self.build(method, self.local_cseq, body, headers)
        return ClientRequest(self.agent, octets, self._way(), on_response, may_fail)

    def build(self, method: str, cseq: int, body: str = "", headers: Headers = ()) -> bytes:
        lines = [self.agent.via(), *(("Route", route) for route in self.routes), ("Max-Forwards", "70")]
        lines += [
            ("From", self.local),
            ("To", self.remote),
            ("Call-ID", self.call_id),
            ("CSeq", f"{cseq} {method}"),
        ]
        if method in ("INVITE", "UPDATE", "REFER", "SUBSCRIBE"):
            lines.append(self.agent.contact)
        return write(f"{method} {self.remote_target} SIP/2.0", [*lines, *headers], body.encode())

    def _way(self) -> Path:
        host, port = host_and_port(self.remote_target)
        return Path(Address(host, port), self.path.connection)

    def hang_up(self, headers: Headers = ()) -> ClientRequest:
        """Send BYE."""
        assert self.state in ("early", "confirmed"), f"BYE in state {self.state}"
        self.state = "leaving"
        self.bye = self.request("BYE", headers=headers, on_response=self._left)
        self.agent.dialog_ended(self, None)
        return self.bye

    def _left(self, response: Heard) -> None:
        if response.status >= 200:
            self._end()
            if response.status not in (200, 481):
                self.agent.violation(f"{response.status} to BYE")

    def _end(self) -> None:
        self.state = "ended"
        if self.ended_at is None:
            self.ended_at = self.agent.clock.now

    def reinvite(
        self, offer: Description | None, answer: Description | None = None, headers: Headers = ()
    ) -> ClientRequest:
        """Send a re-INVITE; without an offer the ACK carries `answer`, or one made to the 2xx's offer."""
        before = self.local_description

        def on_response(response: Heard) -> None:
            if response.status >= 300:
                self.local_description = before
            elif response.status >= 200:
                self._reinvite_answered(response, offer, answer)

        if offer is not None:
            self.local_description = offer
        self.local_cseq += 1
        supported = [("Supported", value) for value in self.agent.supported]
        octets = self.build("INVITE", self.local_cseq, offer.text() if offer else "", [*headers, *supported])
        self.invite_sent = ClientRequest(self.agent, octets, self._way(), on_response)
        return self.invite_sent

    def _reinvite_answered(
        self, response: Heard, offer: Description | None, answer: Description | None
    ) -> None:
        if response.cseq in self.sent_acks:
            self.repeat_ack(response.cseq)
            return
        if not response.sdp:
            self.agent.violation(f"2xx to INVITE {response.cseq} without a description")
        else:
            self.note_remote(response.sdp, answers=offer)
        body = ""
        if offer is None and self.remote_description is not None:
            answer = answer or self._answer_to(self.remote_description)
            self.local_description = answer
            body = answer.text()
        self.remote_target = response.contact_uri or self.remote_target
        self.acknowledge(response.cseq, body)

    def _answer_to(self, offer: Description) -> Description:
        answer = description.answer_to(
            offer, self.agent.address.host, self.agent.media.address.port, self.agent.accepts
        )
        before = self.local_description
        if before is None:
            return answer
        return replace(answer, session=before.session, user=before.user, version=before.version + 1)

    def acknowledge(self, cseq: int, body: str = "") -> None:
        """ACK a 2xx, as the agent is told to."""
        agent = self.agent
        self.sent_acks[cseq] = self.build("ACK", cseq + agent.ack_cseq_offset, body)
        if agent.acks and agent.acks_after:
            agent.clock.after(agent.acks_after, lambda: self.repeat_ack(cseq))
        else:
            self.repeat_ack(cseq)

    def repeat_ack(self, cseq: int) -> None:
        if self.agent.acks:
            self.agent.transmit(self.sent_acks[cseq], self._way())

    # Hearing.

    def heard(self, served: ServerRequest) -> None:
        """A request within this dialog."""
        message = served.message
        served.tag = tag_of(self.local)
        self._check(message, served)
        if self._is_overtaken(served):
            if message.method == "INVITE" and message.sdp and not self._is_older(message.sdp):
                self.note_remote(message.sdp, is_accepted=False)
            served.respond(500)
            return
        self.heard_requests.append(message)
        if message.method == "BYE":
            self._heard_bye(served)
        elif self.state == "ended":
            served.respond(481)
        elif message.method == "INVITE":
            self._heard_invite(served)
        elif message.method == "UPDATE":
            self._heard_update(served)
        elif message.method == "PRACK" and self.on_prack is not None:
            self.on_prack(served)
        else:
            self._answer(served)

    def _check(self, message: Heard, served: ServerRequest) -> None:
        agent = self.agent
        if message.uri != agent.uri:
            agent.violation(f"{message.summary} goes not to the Contact {agent.uri}")
        if tuple(message.get_all("route")) != tuple(reversed(self.routes)):
            agent.violation(
                f"Route {message.get_all('route')} in {message.summary}, the set is {self.routes}"
            )
        if message.must("from") != self.remote or message.must("to") != self.local:
            agent.violation(f"{message.summary} from {message.get('from')!r} to {message.get('to')!r}")
        if self.ended_at is not None and served.packet.sent_at > self._known_over_at():
            agent.violation(f"{message.summary} in a dialog that was over")

    def _known_over_at(self) -> float:
        """When the service must have known: at the arrival of the puppet's BYE, or when it sent its own.

        A BYE that got 481 came before its 200 did; nothing was known of the dialog then.
        """
        if self.bye is None:
            return self.ended_at or 0.0
        if self.bye.status == 481:
            return float("inf")
        octets = self.bye.sent.octets
        arrivals = [
            at
            for packet in self.agent.world.network.packets
            if packet.octets == octets
            for at in packet.arrivals
        ]
        return min(arrivals, default=float("inf"))

    def _is_overtaken(self, served: ServerRequest) -> bool:
        """RFC 3261 §12.2.2: a CSeq that does not rise. The fault is ours only if it was sent later."""
        message = served.message
        if message.cseq > self.remote_cseq:
            self.remote_cseq, self.remote_number = message.cseq, served.packet.number
            return False
        if served.packet.number > self.remote_number:
            self.agent.violation(f"CSeq {message.cseq} of {message.summary} after {self.remote_cseq}")
        return True

    def _heard_bye(self, served: ServerRequest) -> None:
        if not self._invite_is_acknowledged(served):
            self.agent.violation("BYE was sent before the ACK")
        status = self.agent.answers["BYE"]
        if status is not None:
            served.respond(status)
        self.bye_heard = served.message
        if self.state in ("early", "confirmed"):
            self._end()
            self.agent.dialog_ended(self, served.message)

    def _invite_is_acknowledged(self, bye: ServerRequest) -> bool:
        """Whether every 2xx of ours that had come was answered first.

        The ACK may still be under way, or lost: what counts is the order in which they left.
        """
        waiting = [
            served.message.cseq
            for served in self.agent.served.values()
            if served.is_open
            and 200 <= served.final < 300
            and (served.message.call_id, served.tag) == (self.call_id, tag_of(self.local))
            and served.has_arrived(200, bye.packet.sent_at - 1e-6)
        ]
        for cseq in waiting:
            earlier = self.agent.world.network.packets[: bye.packet.number]
            if not any(self._is_my_ack(packet.octets, cseq) for packet in earlier):
                return False
        return True

    def _is_my_ack(self, octets: bytes, cseq: int) -> bool:
        if not octets.startswith(b"ACK "):
            return False
        ack = Heard(octets)
        return (ack.call_id, ack.to_tag, ack.cseq) == (self.call_id, tag_of(self.local), cseq)

    def _heard_invite(self, served: ServerRequest) -> None:
        status = self.agent.answers["INVITE"]
        if status is None:
            return
        if self.invite_sent is not None and self.invite_sent.final is None:
            status = 491  # RFC 3261 §14.2: an INVITE of our own is in progress
        served.respond(100)
        self.agent.clock.after(self.agent.reinvite_after, lambda: self._answer_invite(served, status))

    def _answer_invite(self, served: ServerRequest, status: int) -> None:
        if status >= 300:
            if served.message.sdp:
                self.note_remote(served.message.sdp, is_accepted=False)
            served.respond(status)
            return
        headers = [self.agent.contact]
        offer = served.message.sdp
        if offer:
            self.note_remote(offer)
            assert self.remote_description is not None
            self.local_description = self._answer_to(self.remote_description)
        elif self.local_description is not None:
            self.local_description = self.local_description.changed()
        served.on_acknowledged = lambda ack: self._reinvite_acknowledged(ack, bool(offer))
        assert self.local_description is not None
        self.remote_target = served.message.contact_uri or self.remote_target
        served.respond(status, headers=headers, body=self.local_description.text())

    def _reinvite_acknowledged(self, ack: Heard, had_offer: bool) -> None:
        if ack.cseq < self.newest_ack:  # repeated, since it was lost, after that of a later INVITE
            return
        self.newest_ack = ack.cseq
        if had_offer and ack.sdp:
            self.agent.violation("a description in the ACK of an INVITE that carried the offer")
        elif not had_offer and not ack.sdp:
            self.agent.violation("no answer in the ACK of an INVITE without an offer")
        elif ack.sdp and not self._is_older(ack.sdp):
            self.note_remote(ack.sdp, answers=self.local_description)

    def _is_older(self, text: str) -> bool:
        """An answer in a repeated ACK, whose first copy was lost: something newer has come meanwhile."""
        return self.last_heard is not None and description.read(text).version < self.last_heard.version

    def _heard_update(self, served: ServerRequest) -> None:
        status = self.agent.answers["UPDATE"]
        if status is None:
            return
        body = ""
        if served.message.sdp and status < 300:
            self.note_remote(served.message.sdp)
            assert self.remote_description is not None
            self.local_description = self._answer_to(self.remote_description)
            body = self.local_description.text()
        served.respond(status, headers=[self.agent.contact], body=body)

    def _answer(self, served: ServerRequest) -> None:
        status = self.agent.answers.get(served.message.method, 501)
        if status is not None:
            served.respond(status)

    # Descriptions.

    def note_remote(self, text: str, answers: Description | None = None, is_accepted: bool = True) -> None:
        """A description of ours has come; it must follow on those before (SDP-2) and answer the offer."""
        try:
            heard = description.read(text)
        except ValueError as fault:
            self.agent.violation(f"not a description: {fault}")
            return
        if self.last_heard is not None:
            self._check_version(self.last_heard, heard, text == self.remote_texts[-1])
        self.last_heard = heard
        if answers is not None:
            self._check_answer(answers, heard)
        for medium in heard.media:
            if medium.port and medium.address not in (*self.agent.world.media_addresses, "0.0.0.0", "::"):
                self.agent.violation(f"media at {medium.address}, which is not the relay's")
        self.remote_texts.append(text)
        if is_accepted:
            self.remote_description = heard

    def _check_version(self, before: Description, heard: Description, is_same: bool) -> None:
        """RFC 3264 §8: the same origin, and the version one up if anything changed, else the same."""
        if (before.user, before.session) != (heard.user, heard.session):
            self.agent.violation(
                f"o= became {heard.user} {heard.session}, was {before.user} {before.session}"
            )
        if not is_same and heard.version != before.version + 1:
            self.agent.violation(f"a changed description has version {heard.version} after {before.version}")

    def _check_answer(self, offer: Description, answer: Description) -> None:
        """RFC 3264 §6: as many m-lines, of the same kinds, and none that the offer refused."""
        if [medium.kind for medium in offer.media] != [medium.kind for medium in answer.media]:
            self.agent.violation(f"the answer's media are {[m.kind for m in answer.media]}")
            return
        for offered, answered in zip(offer.media, answer.media, strict=True):
            if answered.port and not offered.port:
                self.agent.violation(f"a port for {answered.kind}, which the offer had refused")
            if answered.port and not set(answered.formats) & set(offered.formats):
                self.agent.violation(f"answer with formats {answered.formats} to {offered.formats}")
