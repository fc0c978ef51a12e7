"""A stack on a clock that is handed in, with fixed dice: bytes in, bytes and events out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from sip_stack.events import Answered, Event, Invited
from sip_stack.flow import Flow
from sip_stack.invite_client import Invitation, InviteClient
from sip_stack.invite_server import InviteServer
from sip_stack.listeners import Listener
from sip_stack.message import Request, Response, parse
from sip_stack.session import Session
from sip_stack.stack import Stack
from sip_stack.timers import Intervals, TimerOwner, TimerWheel

OUR_HOST = "192.0.2.1"
LISTENERS = (
    Listener("udp", "UDP", OUR_HOST, 5060),
    Listener("tcp", "TCP", OUR_HOST, 5060),
)
PEER = Flow("UDP", "udp", "192.0.2.9", 5060)
TCP_PEER = Flow("TCP", "tcp", "192.0.2.9", 40000, 7)
OFFER = b"v=0\r\no=- 1 1 IN IP4 192.0.2.9\r\ns=-\r\nc=IN IP4 192.0.2.9\r\nt=0 0\r\nm=audio 4000 RTP/AVP 0\r\n"

Lines = Sequence[tuple[str, str]]
AnEvent = TypeVar("AnEvent")


class FixedDice:
    """Tokens that count up; fractions that are told."""

    def __init__(self, fraction: float = 0.5) -> None:
        self.tokens = 0
        self.next_fraction = fraction

    def token(self) -> str:
        self.tokens += 1
        return f"t{self.tokens:04}"

    def fraction(self) -> float:
        return self.next_fraction


class Owner:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[Event] = []

    def handle(self, event: Event, now: float) -> None:
        self.told.append(event)

    def all_of(self, kind: type[AnEvent]) -> list[AnEvent]:
        return [event for event in self.told if isinstance(event, kind)]

    def the(self, kind: type[AnEvent]) -> AnEvent:
        (event,) = self.all_of(kind)
        return event


class Sent(NamedTuple):
    at: float
    flow: Flow
    data: bytes

    @property
    def request(self) -> Request:
        message = parse(self.data)
        assert isinstance(message, Request), self.data
        return message

    @property
    def response(self) -> Response:
        message = parse(self.data)
        assert isinstance(message, Response), self.data
        return message

    @property
    def name(self) -> str:
        """What it is in a word: "INVITE", "200"."""
        message = parse(self.data)
        return message.method if isinstance(message, Request) else str(message.status)


@dataclass
class Rig:
    """The driver's part: takes all that the stack has to say after each call, and keeps it."""

    stack: Stack
    owner: Owner = field(default_factory=Owner)
    now: float = 100.0
    sent: list[Sent] = field(default_factory=list)
    seen: int = 0

    def receive(self, data: bytes, source: Flow = PEER) -> None:
        self.stack.receive(data, source, self.now)
        self.take()

    def take(self) -> None:
        self.stack.dispatch_events()
        self.sent += [Sent(self.now, flow, data) for flow, data in self.stack.outgoing]
        self.stack.outgoing.clear()

    def run(self, seconds: float) -> None:
        """Keep every deadline up to that many seconds from now, each at its time."""
        self.take()
        end = self.now + seconds
        while (deadline := self.stack.next_deadline()) is not None and deadline <= end + 1e-9:
            self.now = max(self.now, deadline)
            self.stack.handle_deadline(self.now)
            self.take()
        self.now = end

    def news(self) -> list[Sent]:
        """What was sent since last asked."""
        self.take()
        news, self.seen = self.sent[self.seen :], len(self.sent)
        return news

    def statuses(self) -> list[int]:
        """Of the responses that are new."""
        return [sent.response.status for sent in self.news() if sent.name.isdigit()]

    def only_response(self) -> Response:
        """All that is new is one response: this."""
        (sent,) = self.news()
        return sent.response

    def names(self) -> list[str]:
        return [sent.name for sent in self.news()]

    def times_of(self, name: str, since: float) -> list[float]:
        return [round(sent.at - since, 2) for sent in self.sent if sent.name == name and sent.at >= since]

    def last(self, name: str) -> Sent:
        return next(sent for sent in reversed(self.sent) if sent.name == name)

    def finish(self) -> None:
        """Let every timer of the transactions run out: then nothing may be left."""
        self.run(200.0)
        self.take()
        assert self.stack.leftovers() == []


def rig(listeners: Sequence[Listener] = LISTENERS, fraction: float = 0.5) -> Rig:
    stack = Stack(listeners, FixedDice(fraction))
    made = Rig(stack)
    stack.front = made.owner
    return made


def request(
    method: str = "INVITE",
    *,
    uri: str = "sip:100@192.0.2.1",
    via: str = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKpeer1",
    from_value: str = "<sip:ana@192.0.2.9>;tag=ana1",
    to_value: str = "<sip:100@192.0.2.1>",
    call_id: str = "call1@192.0.2.9",
    cseq: int = 1,
    cseq_method: str = "",
    contact: str = "<sip:ana@192.0.2.9:5060>",
    fields: Lines = (),
    body: bytes = b"",
    max_forwards: int = 70,
) -> bytes:
    """A request of a peer. contact "" leaves the header out."""
    lines = [
        f"{method} {uri} SIP/2.0", f"Via: {via}", f"Max-Forwards: {max_forwards}", f"From: {from_value}",
        f"To: {to_value}", f"Call-ID: {call_id}", f"CSeq: {cseq} {cseq_method or method}",
    ]  # fmt: skip
    if contact:
        lines.append(f"Contact: {contact}")
    lines += [f"{name}: {value}" for name, value in fields]
    if body:
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def response(
    to: Request,
    status: int,
    *,
    tag: str = "bob1",
    contact: str = "<sip:bob@192.0.2.9:5060>",
    fields: Lines = (),
    body: bytes = b"",
) -> bytes:
    """A peer's response to a request of ours. tag "" leaves To as it was."""
    to_value = f"{to.to_value};tag={tag}" if tag and not to.to_tag and status > 100 else to.to_value
    lines = [f"SIP/2.0 {status} Said", *[f"Via: {via}" for via in to.get_all("via")]]
    lines += [f"From: {to.from_value}", f"To: {to_value}", f"Call-ID: {to.call_id}"]
    lines.append(f"CSeq: {to.cseq} {to.cseq_method}")
    if contact:
        lines.append(f"Contact: {contact}")
    lines += [f"{name}: {value}" for name, value in fields]
    if body:
        lines.append("Content-Type: application/sdp")
    lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode() + body


def invite(
    bench: Rig,
    *,
    body: bytes = OFFER,
    fields: str = "",
    flow: Flow = PEER,
    call_id: str = "ours1",
    **more: object,
) -> InviteClient:
    """An INVITE of ours, started."""
    invitation = Invitation(
        uri="sip:bob@192.0.2.9", local_value="<sip:us@192.0.2.1>;tag=us1", remote_value="<sip:bob@192.0.2.9>",
        local_tag="us1", call_id=call_id, cseq=1, fields=f"Contact: <sip:{OUR_HOST}:5060>\r\n{fields}", body=body,
        **more,  # type: ignore[arg-type]
    )  # fmt: skip
    client = InviteClient(bench.stack, bench.owner, invitation, flow, None)
    client.start(bench.now)
    bench.take()
    return client


def invited(bench: Rig, data: bytes = b"", source: Flow = PEER) -> InviteServer:
    """A peer's INVITE, taken in."""
    bench.receive(data or request(body=OFFER), source)
    server = bench.owner.all_of(Invited)[-1].server
    server.owner = bench.owner
    return server


def calling(bench: Rig, **more: object) -> Session:
    """A session that we called, answered and acknowledged."""
    invite(bench, **more)  # type: ignore[arg-type]
    sent = bench.last("INVITE")
    bench.receive(response(sent.request, 200, body=OFFER), sent.flow)
    bench.news()
    return bench.owner.all_of(Answered)[-1].session


def called(bench: Rig, **more: object) -> Session:
    """A session that a peer called, answered and acknowledged."""
    server = invited(bench, request(body=OFFER, **more))  # type: ignore[arg-type]
    server.answer(bench.now, body=OFFER)
    bench.take()
    bench.receive(within(bench, server.session, "ACK", branch="z9hG4bKack1", cseq=1))
    bench.news()
    assert server.session is not None
    return server.session


def within(
    bench: Rig,
    session: Session | None,
    method: str,
    *,
    cseq: int,
    branch: str = "",
    contact: str = "<sip:peer@192.0.2.9:5060>",
    fields: Lines = (),
    body: bytes = b"",
) -> bytes:
    """A peer's request within a session."""
    assert session is not None
    dialog = session.dialog
    return request(
        method, uri=f"sip:{OUR_HOST}", via=f"SIP/2.0/UDP 192.0.2.9:5060;branch={branch or f'z9hG4bK{method}{cseq}'}",
        from_value=dialog.remote_value, to_value=dialog.local_value, call_id=dialog.call_id, cseq=cseq,
        contact=contact, fields=fields, body=body,
    )  # fmt: skip


def hang_up(bench: Rig, session: Session) -> None:
    """Our BYE, answered; then everything must be gone."""
    session.bye("", bench.now)
    bench.take()
    sent = bench.last("BYE")
    bench.receive(response(sent.request, 200), sent.flow)
    bench.finish()


class WheelLayer:
    """What a transaction stands on, with nothing else."""

    def __init__(self) -> None:
        self.wheel = TimerWheel()
        self.intervals = Intervals()
        self.sent: list[tuple[float, bytes]] = []
        self.forgotten: list[object] = []

    def send(self, flow: Flow, data: bytes, trace: object, now: float) -> None:
        self.sent.append((now, data))

    def forget_client(self, transaction: object) -> None:
        self.forgotten.append(transaction)

    def forget_server(self, transaction: object) -> None:
        self.forgotten.append(transaction)

    def run(self, start: float, until: float) -> float:
        """Keep each deadline at its time; the time of the last one kept."""
        now = start
        while (deadline := self.wheel.next_deadline()) is not None and deadline <= until + 1e-9:
            now = deadline
            self.wheel.expire(now)
        return now

    def fire(self, owner: TimerOwner, name: int, now: float) -> None:
        """As the wheel does when a deadline is due: it waits no longer, then its owner is told."""
        for timer in self.wheel.waiting():
            if timer.name == name:
                self.wheel.cancel(timer)
        owner.handle_timer(name, now)

    def timer_names(self) -> set[int]:
        return {timer.name for timer in self.wheel.waiting()}
