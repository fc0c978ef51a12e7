"""The sockets that SIP is served on, and which of them a message of ours leaves by: its flow, its Via, its Contact."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sip_stack.errors import LocalError
from sip_stack.flow import Flow
from sip_stack.matching import MAGIC_COOKIE

if TYPE_CHECKING:
    from sip_stack.dialog import Dialog


@dataclass(frozen=True, slots=True)
class Listener:
    """A socket of ours. host and port are as peers must reach it: they stand in Via and Contact.

    name: what flows call it ("udp:192.0.2.1:5060"). transport: "UDP" or "TCP".
    via_start: our Via value up to the branch's value. contact: our Contact value.
    """

    name: str
    transport: str
    host: str
    port: int
    sent_by: str = field(init=False, repr=False, compare=False)
    via_start: str = field(init=False, repr=False, compare=False)
    contact: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        sent_by = f"[{self.host}]:{self.port}" if self.is_ipv6 else f"{self.host}:{self.port}"
        parameter = "" if self.transport == "UDP" else f";transport={self.transport.lower()}"
        object.__setattr__(self, "sent_by", sent_by)
        object.__setattr__(self, "via_start", f"SIP/2.0/{self.transport} {sent_by};branch=")
        object.__setattr__(self, "contact", f"<sip:{sent_by}{parameter}>")

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host


class Listeners(dict[str, Listener]):
    """All of a stack's, by name. token: gives what makes a branch unlike any other (Dice.token)."""

    def __init__(self, listeners: Sequence[Listener], token: Callable[[], str]) -> None:
        if not listeners:
            raise LocalError("a stack needs at least one listener")
        super().__init__({listener.name: listener for listener in listeners})
        self._token = token

    def flow_to(self, transport: str, host: str, port: int) -> Flow:
        """The flow from one of our listeners to a numeric address. LocalError when no listener serves it."""
        for listener in self.values():
            if listener.transport == transport and listener.is_ipv6 == (":" in host):
                return Flow(transport, listener.name, host, port)
        family = "IPv6" if ":" in host else "IPv4"
        raise LocalError(f"no {family} {transport} listener to reach {host} from: add one to sip.listen")

    def flow_of(self, dialog: Dialog) -> Flow:
        """The flow for a request of a dialog; where no listener of ours serves it, the one the peer was heard by.

        A Contact may name a transport, or an address of a family, that we do not have.
        """
        flow = dialog.flow
        listener = self.get(flow.local)
        if (
            listener is not None
            and listener.transport == flow.transport
            and listener.is_ipv6 == (":" in flow.host)
        ):
            return flow
        try:
            return self.flow_to(flow.transport, flow.host, flow.port)
        except LocalError:
            return dialog.source

    def via(self, flow: Flow) -> tuple[str, str]:
        """A Via value with a new branch, for a request by this flow, and that branch. LocalError as flow_to."""
        branch = MAGIC_COOKIE + self._token()
        return f"{self._serving(flow).via_start}{branch};rport", branch

    def contact(self, flow: Flow) -> str:
        """Our Contact value for a dialog over this flow (NET-8: it names the socket in use). LocalError as flow_to."""
        return self._serving(flow).contact

    def _serving(self, flow: Flow) -> Listener:
        listener = self.get(flow.local)
        if listener is not None and listener.transport == flow.transport:
            return listener
        return self[self.flow_to(flow.transport, flow.host, flow.port).local]
