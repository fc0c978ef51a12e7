"""The far ends of a simulated call: a trunk with its caller, and the phones. They speak SIP with the same stack."""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any, Final

from b2bua.calls.prompts import SPOKEN
from b2bua.simulate.scene import Behaviour, Manner
from sip_stack.body import description_in
from sip_stack.errors import RemoteError
from sip_stack.events import (
    Acknowledged,
    Answered,
    Asked,
    Cancelled,
    Ended,
    Event,
    Failed,
    Invited,
    Progress,
    Requested,
)
from sip_stack.flow import Flow
from sip_stack.invite_client import Invitation, InviteClient
from sip_stack.invite_server import InviteServer
from sip_stack.message import Request, Response
from sip_stack.outgoing import lines
from sip_stack.sdp_narrowing import narrowed
from sip_stack.sdp_rewriting import CODECS, End, Origin, offer_of
from sip_stack.session import Session
from sip_stack.stack import Stack

RING_DELAY: Final = 0.15  # seconds from the INVITE to the 180 of a phone
_ELSEWHERE: Final = "completed elsewhere"


class PhoneState(enum.Enum):
    CALLED = "called"
    RINGING = "ringing"
    TALKING = "talking"
    OVER = "over"


class SimulatedPhone:
    """One INVITE to one recipient, and what becomes of it. why: he is no longer rung, or the call is over."""

    def __init__(self, stack: Stack, server: InviteServer, behaviour: Behaviour, media_port: int) -> None:
        self.behaviour = behaviour
        self.state = PhoneState.CALLED
        self.why = ""
        self.shows_missed_call = False
        self.answered_at: float | None = None
        self._stack = stack
        self._server = server
        self._port = media_port
        self._session: Session | None = None
        server.owner = self

    def begin(self, now: float) -> None:
        manner, after = self.behaviour.manner, self.behaviour.after
        if manner is Manner.UNREACHABLE:
            return
        wheel = self._stack.wheel
        if manner is not Manner.BUSY and after > RING_DELAY:
            wheel.set(self, 0, now + RING_DELAY)
        if manner is not Manner.IGNORES:
            wheel.set(self, 1, now + after)
        else:
            wheel.set(self, 0, now + RING_DELAY)

    def hang_up(self, now: float) -> None:
        if self._session is not None and self.state is PhoneState.TALKING:
            self.state, self.why = PhoneState.OVER, "hung up"
            self._session.bye("", now)

    def handle_timer(self, name: int, now: float) -> None:
        if self.state not in (PhoneState.CALLED, PhoneState.RINGING):
            return
        if name == 0:
            self.state = PhoneState.RINGING
            self._server.progress(180, now)
            return
        match self.behaviour.manner:
            case Manner.BUSY:
                self._refuse(486, "busy", now)
            case Manner.DECLINES:
                self._refuse(603, "declined", now)
            case Manner.REDIRECTS:
                self._refuse(302, "forwarded", now, (("Contact", "<sip:elsewhere@198.51.100.250>"),))
            case _:
                self._answer(now)

    def handle(self, event: Event, now: float) -> None:
        match event:
            case Cancelled(request=request):
                self._stopped(request)
            case Acknowledged():
                pass
            case Ended(request=request):
                if self.state is not PhoneState.OVER:
                    self.state = PhoneState.OVER
                    said = _reason(request)
                    self.why = (
                        "the other side hung up" if _ELSEWHERE not in said else "somebody else has the call"
                    )
            case Requested(server=server):
                _accept(server, self._server.request.body, now)

    def _stopped(self, request: Request) -> None:
        self.state = PhoneState.OVER
        self.shows_missed_call = _ELSEWHERE not in _reason(request)
        self.why = "a missed call" if self.shows_missed_call else "no missed call"

    def _refuse(self, status: int, why: str, now: float, fields: tuple[tuple[str, str], ...] = ()) -> None:
        self.state, self.why = PhoneState.OVER, why
        self._server.reject(status, now, fields=fields)

    def _answer(self, now: float) -> None:
        request = self._server.request
        body = _answer_to(request, self._port)
        if not body:
            self._refuse(488, "spoke no codec that was offered", now)
            return
        self.state, self.answered_at = PhoneState.TALKING, now
        self._server.answer(now, fields=(("Allow", "INVITE, ACK, BYE, CANCEL"),), body=body)
        self._session = self._server.early_session()
        self._session.owner = self


class Phones:
    """All recipients: the front of their stack. recognise: who is meant by an INVITE, and what he does."""

    def __init__(self, stack: Stack, recognise: Callable[[Request], tuple[int, Behaviour]]) -> None:
        self.by_leg: dict[int, SimulatedPhone] = {}
        self._stack = stack
        self._recognise = recognise
        stack.front = self

    def handle(self, event: Event, now: float) -> None:
        if isinstance(event, Invited):
            leg, behaviour = self._recognise(event.server.request)
            phone = SimulatedPhone(self._stack, event.server, behaviour, 30000 + 2 * leg)
            self.by_leg[leg] = phone
            phone.begin(now)
        elif isinstance(event, Asked):
            event.transaction.respond(200, now)


class SimulatedCaller:
    """The caller behind his trunk. told: the last provisional status; final: the last of all, 0 while it rings."""

    def __init__(self, stack: Stack, flow: Flow, uri: str, caller: str, display: str, host: str) -> None:
        self.told = 0
        self.final = 0
        self.has_early_media = False
        self.is_over = False
        self.hung_up = False
        self._session: Session | None = None
        tag = stack.token()
        shown = f'"{display}" ' if display else ""
        end = End(host, 40000, 40001)
        self._body = offer_of((CODECS["PCMU"], CODECS["PCMA"]), end, Origin("caller", 1, host))
        fields = (("Contact", stack.listeners.contact(flow)), ("Allow", "INVITE, ACK, BYE, CANCEL, INFO, UPDATE"))
        invitation = Invitation(
            uri=uri,
            local_value=f"{shown}<sip:{caller}@{host}>;tag={tag}",
            remote_value=f"<{uri}>",
            local_tag=tag,
            call_id=stack.token(),
            cseq=1,
            fields=lines(fields),
            body=self._body,
        )
        self._client = InviteClient(stack, self, invitation, flow, None)

    def begin(self, now: float) -> None:
        self._client.start(now)

    def hang_up(self, now: float) -> None:
        if self.is_over:
            return
        self.hung_up = True
        if self._session is not None:
            self.is_over = True
            self._session.bye("", now)
        else:
            self._client.cancel("", now)

    @property
    def is_answered(self) -> bool:
        return self._session is not None and not self.is_over

    def handle(self, event: Event, now: float) -> None:
        match event:
            case Progress(response=response):
                if response.status > 100:
                    self.told = response.status
                    self.has_early_media = self.has_early_media or bool(response.body)
            case Answered(session=session):
                self.final, self._session = 200, session
                session.owner = self
            case Failed(response=response):
                self.final = response.status if response is not None else 408
                self.is_over = True
            case Ended():
                self.is_over = True
            case Requested(server=server):
                _accept(server, self._body, now)


def _answer_to(request: Request, port: int) -> bytes:
    """An answer with the first codec offered that we speak; b"" where there is none."""
    try:
        offer = description_in(request)
    except RemoteError:
        return b""
    chosen = narrowed(offer, SPOKEN, mirror=True) if offer is not None else None
    if chosen is None:
        return b""
    end = End("198.51.100.200", port, port + 1)
    ends = [end if index == chosen.medium else None for index in range(len(chosen.description.media))]
    return Origin("phone", port, end.address).describe(chosen.description, ends)


def _accept(server: Any, body: bytes, now: float) -> None:
    """A re-INVITE or whatever else within the call: it is agreed to."""
    if isinstance(server, InviteServer):
        server.answer(now, body=body)
    elif not server.is_answered:
        server.respond(200, now)


def _reason(message: Request | Response | None) -> str:
    return " ".join(message.get_all("reason")) if message is not None else ""
