"""The smallest subject there can be: one caller, one phone, messages carried across. It proves the world."""

from __future__ import annotations

import re

from b2bua.calls.record import CallRecord
from rtp_relay.control import Command, Event
from sip_stack.flow import Flow
from tests.world import plan
from tests.world.plan import Plan
from tests.world.reading import Heard, bracketed, host_and_port, uri_of, write
from tests.world.subject import Question

OURS = f"<sip:service@{plan.SERVICE_V4}:{plan.SERVICE_PORT}>"


class PassThrough:
    """Rewrites Via, Contact and Request-URI; keeps Call-ID, tags, CSeq and bodies; retransmits nothing."""

    def __init__(self, plan_: Plan, seed: int = 0) -> None:
        self.phone = plan_.recipients[0].uri
        self.contacts: dict[Flow, str] = {}
        self.vias: dict[str, tuple[Heard, Flow]] = {}
        self.caller: Flow | None = None
        self.datagrams: list[tuple[Flow, bytes]] = []
        self.failed: list[tuple[Flow, str]] = []
        self.failures: list[object] = []

    def receive(self, data: bytes, flow: Flow, now: float) -> None:
        message = Heard(data)
        if message.is_request:
            self._request(message, flow)
        else:
            self._response(message, flow)

    def _request(self, message: Heard, flow: Flow) -> None:
        self.caller = self.caller or flow
        host, port = host_and_port(self.phone)
        there = Flow("UDP", flow.local, host, port) if flow == self.caller else self.caller
        self.contacts[flow] = message.contact_uri or self.contacts.get(flow, "")
        branch = f"{message.branch}-through"
        self.vias[branch] = (message, flow)
        target = self.contacts.get(there, self.phone)
        via = f"SIP/2.0/UDP {plan.SERVICE_V4}:{plan.SERVICE_PORT};branch={branch};rport"
        self._pass(f"{message.method} {target} SIP/2.0", [via], message, there)

    def _response(self, message: Heard, flow: Flow) -> None:
        request, there = self.vias[message.branch]
        if message.contact_uri:
            self.contacts[flow] = uri_of(message.contact_uri)
        self._pass(message.first_line, request.get_all("via"), message, there)

    def _pass(self, first_line: str, vias: list[str], message: Heard, there: Flow) -> None:
        headers = [("Via", via) for via in vias]
        for name, value in message.headers:
            if name not in ("via", "content-length", "content-type"):
                title = re.sub(r"\b[a-z]", lambda letter: letter[0].upper(), name)
                headers.append((title, OURS if name == "contact" else value))
        self.datagrams.append((there, write(first_line, headers, message.body)))

    def transport_failed(self, flow: Flow, reason: str, now: float) -> None:
        self.failed.append((flow, f"{bracketed(flow.host)} {reason}"))

    def take_datagrams(self) -> list[tuple[Flow, bytes]]:
        taken, self.datagrams = self.datagrams, []
        return taken

    # It has neither clock nor relay nor records.

    def relay_event(self, event: Event, now: float) -> None:
        """No relay is used."""

    def relay_lost(self, now: float) -> None:
        """No relay is used."""

    def relay_is_back(self, now: float) -> None:
        """No relay is used."""

    def located(self, query_id: int, targets: list[Flow], now: float) -> None:
        """Nothing is asked."""

    def handle_deadline(self, now: float) -> None:
        """None is ever set."""

    def next_deadline(self) -> float | None:
        return None

    def take_commands(self) -> list[Command]:
        return []

    def take_questions(self) -> list[Question]:
        return []

    def take_records(self) -> list[CallRecord]:
        return []

    def take_notices(self) -> list[dict[str, object]]:
        return []

    def leftovers(self) -> list[str]:
        return []
