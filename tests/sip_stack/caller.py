"""What a caller sends on top of his INVITE."""

from __future__ import annotations

from sip_stack.flow import Flow
from sip_stack.invite_server import InviteServer
from tests.sip_stack.rig import (
    OFFER,
    PEER,
    Rig,
    invited,
    request,
    within,
)

REPETITIONS = [0, 0.5, 1.5, 3.5, 7.5, 11.5, 15.5, 19.5, 23.5, 27.5, 31.5]


def acknowledge(bench: Rig, server: InviteServer, cseq: int = 1, source: Flow = PEER) -> None:
    bench.receive(within(bench, server.session, "ACK", cseq=cseq, branch="z9hG4bKack"), source)


def cancel(
    bench: Rig, via: str = "SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bKpeer1", source: Flow = PEER
) -> None:
    bench.receive(request("CANCEL", via=via, contact="", fields=[("Reason", "SIP;cause=487")]), source)


def prack(bench: Rig, server: InviteServer, rack: str, cseq: int, body: bytes = b"") -> None:
    bench.receive(within(bench, server.session, "PRACK", cseq=cseq, fields=[("RAck", rack)], body=body))


def reliable(bench: Rig, status: int = 183, body: bytes = OFFER) -> tuple[InviteServer, int]:
    """An INVITE with a reliable provisional out, and its RSeq."""
    server = invited(bench, request(body=OFFER, fields=[("Supported", "100rel")]))
    server.progress(status, bench.now, body=body, reliable=True)
    bench.take()
    return server, int(bench.last(str(status)).response.get("rseq") or "0")
