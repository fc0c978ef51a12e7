"""Where the parties are: on one host, on the relay's own, at addresses of different versions of IP."""

from __future__ import annotations

from typing import Any

import pytest

from rtp_relay.control import Bridge, LegRequest, Reserve, Reserved
from tests.rtp_relay.conformance.conftest import MakeRig
from tests.rtp_relay.conformance.rig import Party, Rig
from tests.rtp_relay.packets import rtcp, rtp


def lend(rig: Rig, *interfaces: str) -> dict[Any, int]:
    (event,) = rig.do(Reserve("call", tuple(LegRequest(leg, name) for leg, name in enumerate(interfaces))))
    assert isinstance(event, Reserved)
    return {lent.leg: lent.port for lent in event.lent}


def talk(rig: Rig, a: Party, b: Party, ports: dict[Any, int]) -> None:
    """Both say so much that a form takes part in it, and both are heard, in order and from our ports."""
    from_a = [rtp(sequence, ssrc=1, size=sequence) for sequence in range(1, 12)]
    from_b = [rtp(sequence, ssrc=2) for sequence in range(1, 12)]
    for number, (one, other) in enumerate(zip(from_a, from_b, strict=True)):
        a.send(one, ports[0])
        b.send(other, ports[1])
        if number < 3:
            rig.run()
    rig.run()
    assert b.received() == [(packet, ports[1]) for packet in from_a]
    assert a.received() == [(packet, ports[0]) for packet in from_b]
    for leg in (0, 1):
        figures = rig.figures(leg)
        assert (figures.packets, figures.lost, figures.sent_packets) == (11, 0, 11)


@pytest.mark.parametrize("ours", [(True, True), (True, False), (False, True)], ids=["both", "caller", "callee"])
def test_parties_on_the_relays_own_host(rig: Rig, ours: tuple[bool, bool]) -> None:
    """A phone, or a voicemail system, beside the relay; the other one anywhere."""
    ports = rig.reserve()
    a, b = (rig.party(is_on_our_host=is_ours) for is_ours in ours)
    for leg, party in enumerate((a, b)):
        rig.direct(leg, party, latch=False)
    rig.do(Bridge("call", 0, 1))
    talk(rig, a, b, ports)


def test_parties_of_different_versions_of_ip(make_rig: MakeRig) -> None:
    rig = make_rig(both_versions=True)
    ports = lend(rig, "main", "other")
    a, b = rig.party(), rig.party_of_the_other_version()
    assert (":" in a.host) != (":" in b.host)
    for leg, party in enumerate((a, b)):
        rig.direct(leg, party, mux=True, latch=False)
    rig.do(Bridge("call", 0, 1))
    talk(rig, a, b, ports)
    rig.send(a, rtcp(), ports[0])
    assert b.received() == [(rtcp(), ports[1])]


def test_an_address_of_the_other_version_is_no_address_of_a_legs_interface(make_rig: MakeRig) -> None:
    rig = make_rig(both_versions=True)
    ports = lend(rig, "main", "main")
    a, b = rig.party(), rig.party_of_the_other_version()
    for leg, party in enumerate((a, b)):
        rig.direct(leg, party, latch=False)
    rig.do(Bridge("call", 0, 1))
    rig.send(a, rtp(1), ports[0])
    assert b.received() == []
    assert rig.figures(1).sent_packets == 0


def test_two_calls_of_one_party_do_not_mix(rig: Rig) -> None:
    """The same far end in two calls, from two of its ports: what tells them apart is our port and its."""
    first, second = rig.reserve("first"), rig.reserve("second")
    a, b, c, d = (rig.party() for _ in range(4))
    for call, (one, other) in (("first", (a, b)), ("second", (c, d))):
        rig.direct(0, one, call, latch=False)
        rig.direct(1, other, call, latch=False)
        rig.do(Bridge(call, 0, 1))
    for sequence in range(1, 8):
        rig.send(a, rtp(sequence, ssrc=1), first[0])
        rig.send(c, rtp(sequence, ssrc=2), second[0])
    rig.send(a, rtp(8, ssrc=1), second[0])
    rig.send(c, rtp(8, ssrc=2), first[0])
    assert [packet for packet, _ in b.received()] == [rtp(sequence, ssrc=1) for sequence in range(1, 8)]
    assert [packet for packet, _ in d.received()] == [rtp(sequence, ssrc=2) for sequence in range(1, 8)]
    assert rig.figures(0, call="first").strangers == rig.figures(0, call="second").strangers == 1
