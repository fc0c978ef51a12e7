"""The sockets of ours: which of them a message leaves by, and what it says of them in Via and Contact."""

from __future__ import annotations

import pytest

from sip_stack.errors import LocalError
from sip_stack.listeners import Listener, Listeners
from tests.sip_stack.rig import LISTENERS, PEER, TCP_PEER, FixedDice

IPV6 = Listener("udp6", "UDP", "2001:db8::1", 5060)


def test_a_stack_needs_a_listener() -> None:
    with pytest.raises(LocalError):
        Listeners([], FixedDice().token)


def test_via_and_contact_name_the_socket_in_use() -> None:
    """NET-8."""
    ours = Listeners([*LISTENERS, IPV6], FixedDice().token)
    assert ours.via(PEER) == ("SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKt0001;rport", "z9hG4bKt0001")
    assert ours.via(TCP_PEER)[0].startswith("SIP/2.0/TCP 192.0.2.1:5060;branch=z9hG4bK")
    six = ours.flow_to("UDP", "2001:db8::9", 5060)
    assert six.local == "udp6"
    assert ours.via(six)[0].startswith("SIP/2.0/UDP [2001:db8::1]:5060;")
    assert ours.contact(PEER) == "<sip:192.0.2.1:5060>"
    assert ours.contact(TCP_PEER) == "<sip:192.0.2.1:5060;transport=tcp>"
    assert ours.contact(six) == "<sip:[2001:db8::1]:5060>"


def test_every_branch_is_another_and_begins_with_the_magic_cookie() -> None:
    """§8.1.1.7."""
    ours = Listeners(LISTENERS, FixedDice().token)
    branches = {ours.via(PEER)[1] for _ in range(20)}
    assert len(branches) == 20 and all(branch.startswith("z9hG4bK") for branch in branches)


@pytest.mark.parametrize(
    ("transport", "host"), [("UDP", "2001:db8::9"), ("TCP", "192.0.2.9"), ("TLS", "192.0.2.9")]
)
def test_what_no_listener_reaches_is_our_own_error(transport: str, host: str) -> None:
    with pytest.raises(LocalError, match="no IPv"):
        Listeners(LISTENERS[:1], FixedDice().token).flow_to(transport, host, 5060)
