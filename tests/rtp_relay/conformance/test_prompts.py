"""Playing and listening take a flow out of a fast form, and give it back, in every form."""

from __future__ import annotations

from rtp_relay.control import CountryTone, Digit, Listen, Play, Played, StopPlaying
from tests.rtp_relay.conformance.rig import Rig
from tests.rtp_relay.packets import rtp
from tests.rtp_relay.test_digits import press


def test_the_partner_is_silent_while_something_is_played_and_heard_at_once_after(rig: Rig) -> None:
    a, b, ports = rig.call()
    for number in range(1, 4):
        rig.send(b, rtp(number), ports[1])
        rig.send(a, rtp(number), ports[0])
    assert [packet for packet, _ in a.received()] == [rtp(1), rtp(2), rtp(3)]
    rig.do(Play("call", 0, 0, 1, CountryTone(), repeat=0))
    rig.send(b, rtp(4), ports[1])
    rig.run(0.021)
    (prompt,) = a.received()
    assert (len(prompt[0]), prompt[0][1], prompt[1]) == (172, 0x80, ports[0])
    assert rig.do(StopPlaying("call", 0, 1)) == [Played("call", 0, 1, 0.02, "stopped")]
    rig.send(b, rtp(5), ports[1])
    rig.send(b, rtp(6), ports[1])
    rig.send(a, rtp(4), ports[0])
    assert [packet for packet, _ in a.received()] == [rtp(5), rtp(6)]
    assert len(b.received()) == 4
    figures = rig.figures(1)
    assert (figures.packets, figures.lost, figures.sent_packets) == (6, 0, 4)
    assert rig.figures(0).sent_packets == 6


def test_keys_are_heard_and_forwarded(rig: Rig) -> None:
    a, b, ports = rig.call()
    for number in range(1, 4):
        rig.send(a, rtp(number), ports[0])
    rig.do(Listen("call", 0, (101,)))
    for packet in press("7", 1000):
        rig.send(a, packet, ports[0])
    assert rig.events() == [Digit("call", 0, "7", 20)]
    rig.do(Listen("call", 0, ()))
    rig.send(a, press("8", 4000)[0], ports[0])
    assert rig.events() == []
    assert len(b.received()) == 3 + 7 + 1
