"""Dialogs (RFC 3261 §12): who the peers are, by which way requests go, and their numbers.

A dialog only knows; what is done within one is session's matter.
"""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache

from sip_stack.errors import RemoteError
from sip_stack.flow import Flow
from sip_stack.message import Message, Request, Response
from sip_stack.outgoing import MAX_FORWARDS, OutgoingRequest
from sip_stack.uri import Uri

Key = tuple[str, str, str]

# Addresses that mean nothing outside of the network they are used in: RFC 1918, 6598 (carriers' NAT), 3927 and
# 4193, loopback and "any". (is_private of ipaddress knows no RFC 6598, and takes in documentation addresses.)
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.168.0.0/16",
        "::/127", "fc00::/7", "fe80::/10",
    )
)  # fmt: skip
_LOOSE = re.compile(r";lr(?=[;=>?]|$)", re.IGNORECASE)  # RFC 3261 §19.1.1: lr-param, with or without a value


class Dialog:
    """§12: Call-ID, tags, URIs, route set, remote target, CSeq numbers, and the flow that requests leave by.

    local_value and remote_value are the From and To of our requests, tags included. contact is our
    own Contact value. remote_cseq is 0 while the peer has sent no request.
    """

    __slots__ = (
        "call_id",
        "contact",
        "flow",
        "local_cseq",
        "local_tag",
        "local_value",
        "nat",
        "remote_cseq",
        "remote_tag",
        "remote_value",
        "routes",
        "source",
        "target",
    )

    def __init__(
        self,
        call_id: str,
        local_tag: str,
        remote_tag: str,
        local_value: str,
        remote_value: str,
        target: str,
        routes: tuple[str, ...],
        local_cseq: int,
        remote_cseq: int,
        source: Flow,
        contact: str,
        nat: bool,
    ) -> None:
        self.call_id = call_id
        self.local_tag = local_tag
        self.remote_tag = remote_tag
        self.local_value = local_value
        self.remote_value = remote_value
        self.target = target
        self.routes = routes
        self.local_cseq = local_cseq
        self.remote_cseq = remote_cseq
        self.source = source
        self.contact = contact
        self.nat = nat
        self.flow = next_hop(target, routes, source, nat)

    @property
    def key(self) -> Key:
        return self.call_id, self.local_tag, self.remote_tag

    def refresh_target(self, message: Message, source: Flow) -> None:
        """§12.2.1.2, §12.2.2: a target refresh request, or its 2xx, moves the remote target."""
        contact = contact_uri(message)
        if contact and (contact != self.target or source != self.source):
            self.target = contact
            self.source = source
            self.flow = next_hop(contact, self.routes, source, self.nat)

    def next_cseq(self) -> int:
        self.local_cseq += 1
        return self.local_cseq

    def request(
        self,
        method: str,
        cseq: int,
        via: str,
        branch: str,
        fields: str = "",
        body: bytes = b"",
        content_type: str = "application/sdp",
    ) -> OutgoingRequest:
        """A request within this dialog (§12.2.1.1); ACK gives the CSeq of its INVITE."""
        uri, routes = self.target, self.routes
        if routes and not _is_loose(routes[0]):
            # §12.2.1.1: a strict router gets its own URI as the Request-URI, and the remote target
            # "as the last value" of the route set.
            uri, routes = _bare(routes[0]), (*routes[1:], f"<{self.target}>")
        return OutgoingRequest(
            method,
            uri,
            via=via,
            branch=branch,
            from_value=self.local_value,
            to_value=self.remote_value,
            call_id=self.call_id,
            cseq=cseq,
            routes=routes,
            max_forwards=MAX_FORWARDS,
            fields=fields,
            body=body,
            content_type=content_type,
        )

    def __repr__(self) -> str:
        return f"<dialog {self.call_id} {self.local_tag}/{self.remote_tag} to {self.target}>"


def dialog_of_answer(
    request: OutgoingRequest, local_tag: str, response: Response, source: Flow, contact: str, nat: bool
) -> Dialog:
    """The UAC's dialog, early or confirmed, that a 101-299 with a To-tag makes (§12.1.2)."""
    routes = tuple(reversed(response.values("record-route")))
    return Dialog(
        request.call_id,
        local_tag,
        response.to_tag,
        request.from_value,
        response.to_value,
        contact_uri(response) or request.uri,
        routes,
        request.cseq,
        0,
        source,
        contact,
        nat,
    )


def dialog_of_request(request: Request, local_tag: str, source: Flow, contact: str, nat: bool) -> Dialog:
    """The UAS's dialog (§12.1.1). RemoteError(400) when the request has no Contact to answer to."""
    target = contact_uri(request)
    if not target:
        raise RemoteError(400, "an INVITE without Contact cannot make a dialog (RFC 3261 §8.1.1.8)")
    routes = tuple(request.values("record-route"))
    local_value = request.to_value if request.to_tag else f"{request.to_value};tag={local_tag}"
    return Dialog(
        request.call_id,
        local_tag,
        request.from_tag,
        local_value,
        request.from_value,
        target,
        routes,
        0,
        request.cseq,
        source,
        contact,
        nat,
    )


def contact_uri(message: Message) -> str:
    """The URI of the (first) Contact; "" when there is none, or none that can be read."""
    value = message.get("contact")
    if value is None:
        return ""
    start = value.find("<")
    if start >= 0 and value.find('"', 0, start) < 0:
        end = value.find(">", start)
        if end > start:
            return value[start + 1 : end]
    try:
        contact = message.contact
    except RemoteError:
        return ""
    return contact.uri if contact is not None else ""


def next_hop(target: str, routes: tuple[str, ...], source: Flow, nat: bool) -> Flow:
    """The flow for requests of a dialog: the first Route, else the remote target (§12.2.1.1).

    With a private address in Contact that is not where its message came from, a peer is behind NAT
    and is answered where it came from. So is one whose Contact is a name: a dialog never waits for
    DNS, and the source of its own messages reaches it. Over TCP the connection in use is kept; the address
    says whereto another one is opened, should it be gone.
    """
    numeric = _numeric(_bare(routes[0]) if routes else target)
    if numeric is None:
        return source
    host, port, transport, is_private = numeric
    if nat and not routes and is_private and host != source.host:
        return source
    if transport == "" or transport == source.transport:
        return (
            source if host == source.host and port == source.port else source._replace(host=host, port=port)
        )
    return source._replace(transport=transport, host=host, port=port, connection=0)


@lru_cache(maxsize=4096)
def _numeric(uri: str) -> tuple[str, int, str, bool] | None:
    """Host, port, transport ("" for as before) of a URI with a numeric host, and whether that is private."""
    try:
        parsed = Uri.parse(uri)
        address = ipaddress.ip_address(parsed.host)
    except (RemoteError, ValueError):
        return None
    transport = parsed.transport.upper()
    if transport not in ("UDP", "TCP"):
        transport = ""
    is_private = any(address in network for network in _PRIVATE)
    return str(address), parsed.port or 5060, transport, is_private


def _bare(route: str) -> str:
    start = route.find("<")
    return route[start + 1 : route.find(">", start)] if start >= 0 else route


def _is_loose(route: str) -> bool:
    return _LOOSE.search(route) is not None
