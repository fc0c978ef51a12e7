"""What the stack tells those above it. Each event goes to the owner of what it speaks of."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sip_stack.invite_client import InviteClient
    from sip_stack.invite_server import InviteServer
    from sip_stack.message import Request, Response
    from sip_stack.server_transaction import ServerTransaction
    from sip_stack.session import Session


# About an INVITE of ours that is yet to be answered.


class Progress(NamedTuple):
    """A 1xx. session is there only when the provisional is reliable (RFC 3262)."""

    client: InviteClient
    response: Response
    session: Session | None


class Answered(NamedTuple):
    """The first 2xx. The ACK has left, unless the INVITE had no offer: then InviteClient.acknowledge is due."""

    client: InviteClient
    response: Response
    session: Session


class LateAnswer(NamedTuple):
    """A 2xx that came after we had cancelled, or from a second callee: ACK and BYE have left."""

    client: InviteClient
    response: Response


class Failed(NamedTuple):
    """A 300-699, or no response (then cause says why: "timeout", or the transport's words)."""

    client: InviteClient
    response: Response | None
    cause: str


# About an INVITE of a peer.


class Invited(NamedTuple):
    """A new call. 100 has left."""

    server: InviteServer


class Cancelled(NamedTuple):
    """The peer took its INVITE back: 200 and 487 have left."""

    server: InviteServer
    request: Request


class Acknowledged(NamedTuple):
    """The ACK of our 2xx; only the first is told."""

    server: InviteServer
    request: Request


class NeverAcknowledged(NamedTuple):
    """Our 2xx was repeated for 64*T1 and no ACK came."""

    server: InviteServer


class Received(NamedTuple):
    """A PRACK for our reliable provisional (answered 200 already unless it has an offer)."""

    server: InviteServer
    request: Request


class NeverReceived(NamedTuple):
    """Our reliable provisional was repeated for 64*T1 and no PRACK came."""

    server: InviteServer


# Within a dialog.


class Requested(NamedTuple):
    """A request that wants an answer from above: re-INVITE (server is an InviteServer), UPDATE, INFO, ..."""

    session: Session
    request: Request
    server: InviteServer | ServerTransaction


class Replied(NamedTuple):
    """The final response to a request of ours, or None when there was none. tag is the caller's own."""

    session: Session
    response: Response | None
    tag: object


class Ended(NamedTuple):
    """The dialog is over: the peer's BYE (request), or a cause of our side ("timeout", "481", "expired")."""

    session: Session
    request: Request | None
    cause: str


class Gone(NamedTuple):
    """Our BYE has its response, or never got one: nothing more comes of this dialog."""

    session: Session


# Outside of calls.


class Asked(NamedTuple):
    """A request outside of any dialog that is no INVITE, yet to be answered."""

    transaction: ServerTransaction


Event = (
    Progress | Answered | LateAnswer | Failed | Invited | Cancelled | Acknowledged | NeverAcknowledged | Received
    | NeverReceived | Requested | Replied | Ended | Gone | Asked
)  # fmt: skip
