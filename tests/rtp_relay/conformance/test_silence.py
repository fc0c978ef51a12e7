"""The media timeout: only when nobody who owes packets sends any."""

from __future__ import annotations

import pytest

from rtp_relay.control import Bridge, Event, Silent
from tests.rtp_relay.conformance.conftest import MakeRig
from tests.rtp_relay.conformance.rig import Rig
from tests.rtp_relay.packets import rtcp, rtp


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    return make_rig(media_timeout=10.0)


def pass_time(rig: Rig, seconds: float) -> list[Event]:
    for _ in range(round(seconds * 2)):
        rig.run(0.5)
    return rig.events()


def test_silence_is_told_once_it_has_lasted(rig: Rig) -> None:
    a, _b, ports = rig.call()
    rig.run(3.0)
    rig.send(a, rtp(1), ports[0])
    assert pass_time(rig, 9.5) == []
    assert pass_time(rig, 0.5) == [Silent("call", 10.0)]
    assert pass_time(rig, 9.5) == []


def test_a_call_that_never_had_media_is_silent_too(rig: Rig) -> None:
    rig.call()
    assert pass_time(rig, 10.0) == [Silent("call", 10.0)]


def test_one_talking_side_is_enough(rig: Rig) -> None:
    _a, b, ports = rig.call()
    for sequence in range(50):
        rig.send(b, rtp(sequence), ports[1])
        assert pass_time(rig, 1.0) == []


def test_media_that_only_the_form_has_seen_is_a_sign_of_life(rig: Rig) -> None:
    """Nobody turns the form: what the kernel forwards is counted all the same."""
    a, b, ports = rig.call()
    rig.send(a, rtp(1, ssrc=1), ports[0])
    rig.send(b, rtp(1, ssrc=2), ports[1])
    for sequence in range(2, 40):
        b.send(rtp(sequence, ssrc=2), ports[1])
        assert pass_time(rig, 1.0) == []
    assert len(a.received()) == 39
    assert pass_time(rig, 8.5) == []
    assert pass_time(rig, 1.0) == [Silent("call", 10.0)]


def test_rtcp_is_a_sign_of_life(rig: Rig) -> None:
    a, _b, ports = rig.call(mux=True)
    for _ in range(8):
        rig.send(a, rtcp(), ports[0])
        assert pass_time(rig, 5.0) == []


def test_a_call_on_hold_by_both_may_be_silent(rig: Rig) -> None:
    _a, _b, _ports = rig.call(due=False)
    assert pass_time(rig, 300.0) == []


def test_on_hold_only_the_side_that_owes_packets_counts(rig: Rig) -> None:
    _a, b, ports = rig.call()
    rig.direct(1, b, due=False, latch=False)
    for sequence in range(20):
        rig.send(b, rtp(sequence), ports[1])  # sends nevertheless; leg 0, which owes, is silent
        rig.run(0.5)
    assert pass_time(rig, 0.5) == [Silent("call", 10.0)]


def test_after_hold_the_time_runs_anew(rig: Rig) -> None:
    a, _b, _ports = rig.call(due=False)
    pass_time(rig, 100.0)
    rig.direct(0, a, due=True, latch=False)
    assert pass_time(rig, 9.5) == []
    assert pass_time(rig, 0.5) == [Silent("call", 10.0)]
    assert pass_time(rig, 10.0) == [Silent("call", 20.0)]  # still silent: told again


def test_a_ringing_call_is_not_silent(rig: Rig) -> None:
    rig.reserve()
    rig.direct(0, rig.party(), latch=False)
    assert pass_time(rig, 120.0) == []
    rig.direct(1, rig.party(), latch=False)
    rig.do(Bridge("call", 0, 1))
    assert pass_time(rig, 9.5) == []


def test_a_strangers_packets_are_no_sign_of_life(rig: Rig) -> None:
    _a, _b, ports = rig.call()
    stranger = rig.party(rig.elsewhere)
    for sequence in range(19):
        rig.send(stranger, rtp(sequence), ports[0])
        rig.run(0.5)
    assert pass_time(rig, 0.5) == [Silent("call", 10.0)]


def test_the_hold_of_rfc_2543_stops_sending_and_keeps_the_belief(rig: Rig) -> None:
    a, b, ports = rig.call()
    rig.send(b, rtp(1), ports[1])
    rig.direct(1, b, address="0.0.0.0", due=False, latch=False)
    rig.send(a, rtp(1), ports[0])
    rig.send(b, rtp(2), ports[1])
    assert b.received() == []
    assert len(a.received()) == 2
    rig.direct(1, b, latch=False)
    rig.send(a, rtp(2), ports[0])
    assert len(b.received()) == 1


def test_the_gap_of_a_hold_is_no_gap(rig: Rig) -> None:
    a, _b, ports = rig.call()
    rig.send(a, rtp(1), ports[0])
    rig.direct(0, a, due=False, latch=False)
    rig.run(50.0)
    rig.direct(0, a, due=True, latch=False)
    rig.send(a, rtp(2), ports[0])
    rig.run(0.25)
    rig.send(a, rtp(3), ports[0])
    assert rig.figures(0).longest_gap == pytest.approx(0.25)


def test_no_timeout_where_none_is_wanted(make_rig: MakeRig) -> None:
    rig = make_rig(media_timeout=0.0)
    rig.call()
    assert pass_time(rig, 300.0) == []
    assert rig.relay.next_deadline() is None
