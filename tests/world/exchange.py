"""Transactions of the puppets, seen from either end: a request with its responses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from tests.world.clock import Alarm
from tests.world.network import Address, Packet
from tests.world.reading import Heard, status_line, tag_of, uri_of, write

if TYPE_CHECKING:
    from tests.world.agent import UserAgent

T1: Final = 0.5
T2: Final = 4.0
Headers = Sequence[tuple[str, str]]


class Path(NamedTuple):
    """Where a message of a puppet goes: an address, and the connection if it is TCP (0: one that is open)."""

    address: Address
    connection: int = 0


class ClientRequest:
    """A request that a puppet sends, retransmitted over UDP as RFC 3261 §17.1 asks.

    A request that gets no final response within 64·T1 is a violation of ours (MTH-6), unless `may_fail`.
    """

    def __init__(
        self,
        agent: UserAgent,
        octets: bytes,
        path: Path,
        on_response: Callable[[Heard], None] | None = None,
        may_fail: bool = False,
    ) -> None:
        self.agent = agent
        self.sent = Heard(octets)
        self.path = path
        self.on_response = on_response
        self.may_fail = may_fail
        self.responses: list[Heard] = []
        self.final: Heard | None = None
        self.times_sent = 0
        self._final_number = -1
        self._again: Alarm | None = None
        self._interval = T1
        self._ack: bytes | None = None
        agent.requests[self.sent.branch, self.sent.method] = self
        self._transmit()
        self._limit = agent.clock.after(64 * T1 + 0.1, self._expired)

    @property
    def status(self) -> int:
        """Of the final response; 0 until there is one."""
        return self.final.status if self.final else 0

    @property
    def is_invite(self) -> bool:
        return self.sent.method == "INVITE"

    def _transmit(self) -> None:
        self.times_sent += 1
        self.agent.transmit(self.sent.octets, self.path)
        if self.agent.transport == "UDP":
            self._again = self.agent.clock.after(self._interval, self._transmit)
            self._interval = 2 * self._interval if self.is_invite else min(2 * self._interval, T2)

    def stop_retransmitting(self) -> None:
        if self._again is not None:
            self._again.cancel()

    def _expired(self) -> None:
        self.stop_retransmitting()
        if not self.may_fail:
            self.agent.violation(f"no answer to {self.sent.summary} within 64·T1")

    def heard(self, response: Heard, packet: Packet) -> None:
        self._check_echo(response)
        if response.status < 200:
            self._provisional(response, packet)
        elif self.final is None:
            self._first_final(response, packet)
        else:
            self._another_final(response)

    def _check_echo(self, response: Heard) -> None:
        """RFC 3261 §8.2.6.2: the response's From, Call-ID, CSeq, Via and To are the request's."""
        for name in ("from", "call-id", "cseq"):
            if response.get(name) != self.sent.get(name):
                self.agent.violation(
                    f"{name} {response.get(name)!r} in {response.summary}, sent {self.sent.get(name)!r}"
                )
        sent_vias = [via.split(";")[0] for via in self.sent.get_all("via")]
        if [via.split(";")[0] for via in response.get_all("via")] != sent_vias:
            self.agent.violation(f"Via {response.get_all('via')} in {response.summary}")
        if uri_of(response.must("to")) != uri_of(self.sent.must("to")):
            self.agent.violation(f"To {response.get('to')!r} in {response.summary}")
        if self.sent.to_tag and response.to_tag != self.sent.to_tag:
            self.agent.violation(f"To tag {response.to_tag!r} in {response.summary}")
        if response.status > 100 and not response.to_tag:
            self.agent.violation(f"no To tag in {response.summary}")

    def _provisional(self, response: Heard, packet: Packet) -> None:
        if self.final is not None:
            if packet.number > self._final_number:
                self.agent.violation(f"{response.summary} sent after the final response")
            return
        if self.is_invite:
            self.stop_retransmitting()
            self._limit.cancel()
        self._deliver(response)

    def _first_final(self, response: Heard, packet: Packet) -> None:
        self.final, self._final_number = response, packet.number
        self.stop_retransmitting()
        self._limit.cancel()
        if self.is_invite and response.status >= 300:
            self._acknowledge(response)
        self._deliver(response)

    def _another_final(self, response: Heard) -> None:
        assert self.final is not None
        if response.octets != self.final.octets and not self.agent.expects_forked_answers:
            self.agent.violation(
                f"a second final response {response.summary}, the first was {self.final.summary}"
            )
        if self._ack is not None and self.agent.acks_failures:
            self.agent.transmit(self._ack, self.path)
        elif self._ack is None and self.is_invite:
            self._deliver(response)

    def _acknowledge(self, response: Heard) -> None:
        """RFC 3261 §17.1.1.3."""
        headers = [("Via", self.sent.via)]
        headers += [("Route", value) for value in self.sent.get_all("route")]
        headers += [
            ("Max-Forwards", "70"),
            ("From", self.sent.must("from")),
            ("To", response.must("to")),
            ("Call-ID", self.sent.call_id),
            ("CSeq", f"{self.sent.cseq} ACK"),
        ]
        self._ack = write(f"ACK {self.sent.uri} SIP/2.0", headers)
        if self.agent.acks_failures:
            self.agent.transmit(self._ack, self.path)

    def _deliver(self, response: Heard) -> None:
        self.responses.append(response)
        if self.on_response is not None:
            self.on_response(response)


class ServerRequest:
    """A request that a puppet got, with what it answered; an INVITE's final is repeated until its ACK."""

    def __init__(self, agent: UserAgent, message: Heard, packet: Packet, tag: str = "") -> None:
        self.agent = agent
        self.message = message
        self.path = Path(packet.source, packet.connection)
        self.packet = agent.world.network.first(packet)
        self.tag = tag
        self.arrived_at = agent.clock.now
        self.last: bytes | None = None
        self.sent: list[Packet] = []
        self.final = 0
        self.acknowledged: list[Heard] = []
        self.repeated = 0
        self.copies = 1
        self.on_acknowledged: Callable[[Heard], None] | None = None
        self._again: Alarm | None = None
        self._gives_up_at = 0.0

    @property
    def is_open(self) -> bool:
        """An INVITE whose final response still waits for its ACK, or has not been sent."""
        return self.message.method == "INVITE" and not self.acknowledged

    def respond(
        self, status: int, reason: str = "", headers: Headers = (), body: str = "", tag: str = ""
    ) -> bytes:
        """Send a response; the first final one starts its retransmission if this is an INVITE."""
        octets = self.build(status, reason, headers, body, tag)
        self.last = octets
        self.sent.append(self.agent.transmit(octets, self.path))
        if status >= 200 and not self.final:
            self.final = status
            if self.message.method == "INVITE":
                self._gives_up_at = self.agent.clock.now + 64 * T1
                self._repeat_after(T1)
        return octets

    def build(
        self, status: int, reason: str = "", headers: Headers = (), body: str = "", tag: str = ""
    ) -> bytes:
        request = self.message
        to = request.must("to")
        tag = tag or self.tag
        if status > 100 and tag and not tag_of(to):
            to += f";tag={tag}"
        own = [("Via", via) for via in request.get_all("via")]
        own += [("Record-Route", value) for value in request.get_all("record-route")]
        own += [
            ("From", request.must("from")),
            ("To", to),
            ("Call-ID", request.call_id),
            ("CSeq", request.must("cseq")),
        ]
        return write(status_line(status, reason), [*own, *headers], body.encode())

    def heard_again(self) -> None:
        """A retransmission: the last response again; a 2xx to INVITE is its sender's own care (RFC 6026)."""
        self.copies += 1
        if self.last is not None and not (self.message.method == "INVITE" and 200 <= self.final < 300):
            self.sent.append(self.agent.transmit(self.last, self.path))

    def has_arrived(self, least: int, before: float) -> bool:
        """Whether a response of at least that status had come to us before a time, or just then."""
        return any(
            packet.message.status >= least and any(at <= before for at in packet.arrivals)
            for packet in self.sent
        )

    def acknowledge(self, ack: Heard) -> None:
        first = not self.acknowledged
        self.acknowledged.append(ack)
        if self._again is not None:
            self._again.cancel()
        if first and self.on_acknowledged is not None:
            self.on_acknowledged(ack)

    def _repeat_after(self, interval: float) -> None:
        if self.final >= 300 and self.agent.transport == "TCP":
            return
        self._again = self.agent.clock.after(interval, lambda: self._repeat(min(2 * interval, T2)))

    def _repeat(self, next_interval: float) -> None:
        assert self.last is not None
        if self.agent.clock.now >= self._gives_up_at:
            self.agent.never_acknowledged(self)
            return
        self.repeated += 1
        self.sent.append(self.agent.transmit(self.last, self.path))
        self._repeat_after(next_interval)
