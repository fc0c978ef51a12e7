"""Ports: lent, given back, at rest, lent again; none left behind."""

from __future__ import annotations

from rtp_relay.control import LegRequest, Refused, Release, Released, Reserve, Reserved
from tests.rtp_relay.conformance.conftest import MakeRig
from tests.rtp_relay.packets import rtp


def test_late_packets_never_reach_the_next_caller(make_rig: MakeRig) -> None:
    rig = make_rig(pairs=2, rest=5.0)
    a, b, ports = rig.call()
    rig.send(a, rtp(1), ports[0])
    b.received()
    rig.release()
    rig.send(a, rtp(2), ports[0])  # late
    rig.run(5.0)
    c, d, again = rig.call()
    assert {again[0], again[1]} == {ports[0], ports[1]}
    rig.send(a, rtp(3), ports[0])  # later still
    assert b.received() == c.received() == d.received() == []
    assert rig.figures(0).packets == rig.figures(1).packets == 0


def test_a_port_that_is_lent_again_begins_its_count_at_nothing(make_rig: MakeRig) -> None:
    rig = make_rig(pairs=2, rest=5.0)
    for ssrc in (1, 2):
        a, b, ports = rig.call()
        rig.send(a, rtp(1, ssrc=ssrc), ports[0])
        rig.send(b, rtp(1, ssrc=9), ports[1])
        for sequence in range(2, 12):
            a.send(rtp(sequence, ssrc=ssrc), ports[0])
        rig.run(0.5)
        assert len(b.received()) == 11
        figures = rig.figures(0)
        assert (figures.packets, figures.octets, figures.lost, figures.ssrc) == (11, 11 * 172, 0, ssrc)
        assert (rig.figures(1).packets, rig.figures(1).sent_packets) == (1, 11)
        rig.release()
        rig.run(5.0)


def test_ports_rest_and_are_lent_first_in_first_out(make_rig: MakeRig) -> None:
    rig = make_rig(pairs=24, rest=5.0)
    first = rig.reserve("first", legs=1)[0]
    rig.release(call="first")
    lent = []
    for number in range(8):
        lent.append(rig.reserve(f"call-{number}", legs=1)[0])
        rig.release(call=f"call-{number}")
        rig.now += 0.01
    assert first not in lent
    assert len(set(lent)) == 8
    assert rig.holdings().ports_resting == 9


def test_a_resting_port_goes_early_only_when_nothing_else_is_left(make_rig: MakeRig) -> None:
    rig = make_rig(pairs=4, rest=5.0)
    ports = rig.reserve("first", legs=rig.relay_pairs())
    rig.release(call="first")
    (event,) = rig.do(Reserve("second", (LegRequest(0),)))
    assert isinstance(event, Refused)  # the shortest rest is not over
    rig.run(0.5)
    assert rig.reserve("second", legs=1)[0] == ports[0]


def test_running_out_of_ports_refuses_and_lends_nothing(make_rig: MakeRig) -> None:
    rig = make_rig(pairs=4)
    pairs = rig.relay_pairs()
    (event,) = rig.do(Reserve("big", tuple(LegRequest(leg) for leg in range(pairs + 1))))
    assert isinstance(event, Refused)
    assert "no free port" in event.reason
    assert rig.holdings().ports_lent == 0
    assert len(rig.reserve("fits", legs=pairs)) == 2 * pairs


def test_a_wanted_port_is_lent_to_who_had_it(make_rig: MakeRig) -> None:
    rig = make_rig()
    _a, _b, ports = rig.call()
    rig.release()
    (event,) = rig.do(Reserve("call", (LegRequest(0, ports=(ports[0],)), LegRequest(1, ports=(ports[1],)))))
    assert isinstance(event, Reserved)
    assert [lent.port for lent in event.lent] == [ports[0], ports[1]]
    (event,) = rig.do(Reserve("other", (LegRequest(0, ports=(ports[0],)),)))
    assert isinstance(event, Refused)


def test_every_port_comes_back(make_rig: MakeRig) -> None:
    rig = make_rig(rest=0.0)
    pairs = rig.relay_pairs()
    for _ in range(50):
        rig.call()
        rig.reserve("other", legs=3, media=2)
        rig.release()
        rig.release(1, call="other")
        rig.release(call="other")
    holdings = rig.holdings()
    assert (holdings.ports_lent, holdings.calls) == (0, ())
    assert holdings.ports_free + holdings.ports_resting == pairs


def test_release_of_what_is_not_there_is_answered(make_rig: MakeRig) -> None:
    rig = make_rig()
    (event,) = rig.do(Release("never"))
    assert event == Released("never", ())
