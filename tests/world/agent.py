"""What every puppet is: a user agent on a socket, which reads and writes bytes and notes what we do wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from tests.world.description import Description, Medium
from tests.world.dialog import Dialog
from tests.world.earphone import Earphone
from tests.world.exchange import ClientRequest, Path, ServerRequest
from tests.world.network import Address, Connection, Packet
from tests.world.reading import Heard, bracketed, shape_faults, write

if TYPE_CHECKING:
    from tests.world.world import World

ALLOWED = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, MESSAGE, NOTIFY, REFER"


class UserAgent:
    """A peer of ours.

    answers: the status for each method heard within a dialog; None for silence.
    reinvite_after: seconds before a re-INVITE is answered.
    acks: whether its 2xx's are acknowledged, acks_after seconds later, with ack_cseq_offset added.
    acks_failures: whether it acknowledges 3xx-6xx.
    expects_forked_answers: other 2xx's to the same INVITE are no violation.
    accepts: the kinds of media that it takes in an offer.
    """

    def __init__(self, world: World, name: str, host: str, port: int = 5060, transport: str = "UDP") -> None:
        self.world = world
        self.name = name
        self.clock = world.clock
        self.address = Address(host, port)
        self.transport = transport
        self.connection: Connection | None = None
        self.requests: dict[tuple[str, str], ClientRequest] = {}
        self.served: dict[tuple[str, str], ServerRequest] = {}
        self.dialogs: dict[tuple[str, str, str], Dialog] = {}
        self.answers: dict[str, int | None] = {
            "BYE": 200, "INVITE": 200, "UPDATE": 200, "INFO": 200, "OPTIONS": 200, "MESSAGE": 200,
            "NOTIFY": 200, "REFER": 603, "PRACK": 200,
        }  # fmt: skip
        self.reinvite_after = 0.0
        self.acks = True
        self.acks_after = 0.0
        self.ack_cseq_offset = 0
        self.acks_failures = True
        self.expects_forked_answers = False
        self.accepts: tuple[str, ...] = ("audio",)
        self.supported: tuple[str, ...] = ()
        self.packets: list[Packet] = []
        self.media = Earphone(world, Address(host, port + 10000))
        self.unreachable_packets: list[Packet] = []
        world.network.bind(transport, self.address, self)
        world.agents.append(self)

    # Names and addresses.

    @property
    def uri(self) -> str:
        place = f"{bracketed(self.address.host)}:{self.address.port}"
        return f"sip:{self.name}@{place}" + (";transport=tcp" if self.transport == "TCP" else "")

    @property
    def contact(self) -> tuple[str, str]:
        return ("Contact", f"<{self.uri}>")

    def via(self, branch: str = "", sent_by: str = "") -> tuple[str, str]:
        place = sent_by or f"{bracketed(self.address.host)}:{self.address.port}"
        return ("Via", f"SIP/2.0/{self.transport} {place};branch={branch or self.new_branch()};rport")

    def new_branch(self) -> str:
        return f"z9hG4bK-{self.name}-{self.world.count()}"

    def new_tag(self) -> str:
        return f"{self.name}-{self.world.count()}"

    def description(self, **changes: object) -> Description:
        """The description this agent offers if not told another."""
        medium = Medium(port=self.media.address.port)
        made = Description(address=self.address.host, media=(medium,), session=self.world.count())
        return replace(made, **changes)  # type: ignore[arg-type]

    def violation(self, text: str) -> None:
        self.world.violation(self.name, text)

    # Wire.

    def move(self, port: int) -> None:
        """Go on from another port of the host, as after a restart of a NAT box or a new connection."""
        self.world.network.unbind(self.transport, self.address)
        self.address = Address(self.address.host, port)
        self.world.network.bind(self.transport, self.address, self)
        self.connection = None

    def transmit(self, octets: bytes, path: Path) -> Packet:
        if self.transport != "TCP":
            return self.world.network.send("UDP", self.address, path.address, octets)
        connection = self._connection(path)
        end = connection.client if connection.client_socket is self else connection.server
        return self.world.network.send("TCP", end, connection.other(end), octets, connection.number)

    def _connection(self, path: Path) -> Connection:
        wanted = self.world.network.connections.get(path.connection)
        if wanted is not None and wanted.is_open:
            return wanted
        if self.connection is None or not self.connection.is_open:
            self.connection = self.world.network.connect(self.address.host, path.address, self)
        return self.connection

    def unreachable(self, packet: Packet, reason: str) -> None:
        self.unreachable_packets.append(packet)

    def closed(self, connection: Connection) -> None:
        if self.connection is connection:
            self.connection = None

    def receive(self, packet: Packet) -> None:
        if not packet.is_sip:
            self.heard_media(packet)
            return
        self.packets.append(packet)
        try:
            message = packet.message
            faults = shape_faults(message, self._vias_expected(message))
        except ValueError as fault:
            self.violation(f"cannot be read: {fault}")
            return
        for each in faults:
            self.violation(each)
        if not faults:
            self._dispatch(message, packet)

    def _vias_expected(self, message: Heard) -> int:
        request = self.requests.get((message.branch, message.cseq_method))
        return len(request.sent.get_all("via")) if request and not message.is_request else 1

    def _dispatch(self, message: Heard, packet: Packet) -> None:
        if message.is_request:
            self._request(message, packet)
            return
        request = self.requests.get((message.branch, message.cseq_method))
        if request is None:
            self.violation(f"{message.summary} answers nothing that was sent")
            return
        request.heard(message, packet)

    def _request(self, message: Heard, packet: Packet) -> None:
        if message.method == "ACK":
            self._ack(message, packet)
            return
        known = self.served.get((message.branch, message.method))
        if known is not None:
            if known.message.octets != message.octets:
                self.violation(f"retransmission differs from the first {message.summary}")
            known.heard_again()
            return
        served = ServerRequest(self, message, packet)
        self.served[message.branch, message.method] = served
        if message.method == "CANCEL":
            self.heard_cancel(served)
        elif message.to_tag:
            self._within_dialog(served)
        else:
            self.heard_outside(served)

    def _within_dialog(self, served: ServerRequest) -> None:
        message = served.message
        dialog = self.dialogs.get((message.call_id, message.to_tag, message.from_tag))
        if dialog is None:
            self.violation(f"{message.summary} belongs to no dialog of {self.name}")
            served.respond(481)
            return
        dialog.heard(served)

    def _ack(self, ack: Heard, packet: Packet) -> None:
        failed = self.served.get((ack.branch, "INVITE"))
        if failed is not None:
            self._ack_for_failure(failed, ack)
            return
        for served in self.served.values():
            if self._is_acknowledged_by(served, ack):
                self._ack_for_success(served, ack)
                return
        self.violation(f"ACK {ack.uri} acknowledges nothing (CSeq {ack.cseq}, To tag {ack.to_tag!r})")

    def _is_acknowledged_by(self, served: ServerRequest, ack: Heard) -> bool:
        invite = served.message
        return (
            invite.method == "INVITE"
            and 200 <= served.final < 300
            and (invite.call_id, invite.from_tag, invite.cseq) == (ack.call_id, ack.from_tag, ack.cseq)
            and ack.to_tag in (served.tag, invite.to_tag)
        )

    def _ack_for_failure(self, served: ServerRequest, ack: Heard) -> None:
        """RFC 3261 §17.1.1.3: the INVITE's Request-URI, its top Via alone, the To of the response."""
        invite = served.message
        if served.final < 300:
            self.violation(f"ACK with the branch of the INVITE, whose final response is {served.final}")
            return
        if ack.uri != invite.uri or ack.via != invite.via or ack.cseq != invite.cseq:
            self.violation(f"ACK for {served.final} is not the INVITE's: {ack.uri} {ack.via} {ack.cseq}")
        if served.last is not None and ack.must("to") != Heard(served.last).must("to"):
            self.violation(f"ACK for {served.final} with To {ack.get('to')!r}")
        if ack.must("from") != invite.must("from") or ack.get_all("route") != invite.get_all("route"):
            self.violation(f"ACK for {served.final} with another From or Route than the INVITE")
        served.acknowledge(ack)

    def _ack_for_success(self, served: ServerRequest, ack: Heard) -> None:
        """RFC 3261 §13.2.2.4: to our Contact, and the very same for every repeated 2xx (TRX-6)."""
        assert served.last is not None
        contact = Heard(served.last).contact_uri
        if ack.uri != contact:
            self.violation(f"ACK for {served.final} to {ack.uri}, the Contact is {contact}")
        if served.acknowledged and served.acknowledged[0].octets != ack.octets:
            self.violation("a repeated 2xx got another ACK than the first")
        served.acknowledge(ack)

    # What a phone or trunk does of its own.

    def heard_cancel(self, served: ServerRequest) -> None:
        self.violation(f"{self.name} expects no CANCEL")
        served.respond(481)

    def heard_outside(self, served: ServerRequest) -> None:
        """A request outside of any dialog; OPTIONS is answered, the rest is unexpected."""
        if served.message.method != "OPTIONS":
            self.violation(f"unexpected {served.message.summary}")
        served.respond(200 if served.message.method == "OPTIONS" else 405, tag=self.new_tag())

    def heard_media(self, packet: Packet) -> None:
        """RTP to the socket of SIP: nobody sends that."""
        self.violation("media on the port of SIP")

    def dialog_ended(self, dialog: Dialog, bye: Heard | None) -> None:
        """The dialog is over; bye is the other side's, None if it was our own or went without one."""

    def never_acknowledged(self, served: ServerRequest) -> None:
        self.violation(f"{served.final} to {served.message.summary} was never acknowledged")

    def send_outside(
        self, method: str, uri: str, path: Path, headers: list[tuple[str, str]] | None = None, body: str = ""
    ) -> ClientRequest:
        """A request outside of any dialog, OPTIONS for one."""
        lines = [
            self.via(),
            ("Max-Forwards", "70"),
            ("From", f"<sip:{self.name}@{bracketed(self.address.host)}>;tag={self.new_tag()}"),
            ("To", f"<{uri}>"),
            ("Call-ID", f"{self.world.count()}@{self.name}"),
            ("CSeq", f"1 {method}"),
            self.contact,
            *(headers or []),
        ]
        return ClientRequest(self, write(f"{method} {uri} SIP/2.0", lines, body.encode()), path)

    # The end.

    def unfinished(self) -> list[str]:
        """What still waits at this agent."""
        waiting = [
            f"{self.name}: {served.message.summary} answered {served.final or 'nothing'}, no ACK"
            for served in self.served.values()
            if served.is_open and (served.final or served.message.to_tag)
        ]
        waiting += [
            f"{self.name}: dialog {key} stands" for key, d in self.dialogs.items() if d.state == "confirmed"
        ]
        waiting += [
            f"{self.name}: no final response to {request.sent.summary}"
            for request in self.requests.values()
            if request.final is None and not request.may_fail
        ]
        return waiting
