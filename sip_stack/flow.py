"""Where a message came from or goes to."""

from __future__ import annotations

from typing import NamedTuple


class Flow(NamedTuple):
    """One path of messages between a socket of ours and a peer (RFC 5626 §2 uses the word so).

    transport: "UDP" or "TCP".
    local: name of the listening socket that the message came in by, or leaves from ("udp:192.0.2.1:5060").
    host, port: the peer's address: numeric, IPv6 without brackets.
    connection: number of the TCP connection; 0 for UDP, and for a TCP peer that is yet to be connected to.
    """

    transport: str
    local: str
    host: str
    port: int
    connection: int = 0
