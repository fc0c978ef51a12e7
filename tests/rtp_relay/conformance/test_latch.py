"""Who is believed: nobody but the stated address, unless the signalling lets others be learnt.

Attempts to inject ("RTP inject") and to be sent a call's media ("RTP bleed"), before and after latching.
"""

from __future__ import annotations

from typing import Any

import pytest

from rtp_relay.control import Bridge
from rtp_relay.latch import QUIET, RUN_LENGTH
from rtp_relay.source import text_of
from tests.rtp_relay.conformance.conftest import MakeRig
from tests.rtp_relay.conformance.rig import Party, Rig
from tests.rtp_relay.packets import rtcp, rtp


def behind_nat(rig: Rig, **more: Any) -> tuple[Party, Party, dict[Any, int]]:
    """A call whose leg 1 states an address that its media will not come from."""
    ports = rig.reserve()
    a, b = rig.party(), rig.party()
    rig.direct(0, a, latch=False)
    rig.direct(1, b, **(rig.behind_nat | {"latch": True} | more))
    rig.do(Bridge("call", 0, 1))
    return a, b, ports


def run_of(rig: Rig, party: Party, port: int, start: int = 1, count: int = RUN_LENGTH, ssrc: int = 9) -> None:
    for sequence in range(start, start + count):
        rig.send(party, rtp(sequence, ssrc=ssrc), port)


def test_a_phone_behind_nat_is_learnt_after_a_run(rig: Rig) -> None:
    a, b, ports = behind_nat(rig)
    run_of(rig, b, ports[1], count=RUN_LENGTH - 1)
    rig.send(a, rtp(1), ports[0])
    assert a.received() == b.received() == []  # not believed yet: neither heard nor sent to
    run_of(rig, b, ports[1], start=RUN_LENGTH, count=1)
    rig.send(a, rtp(2), ports[0])
    assert len(a.received()) == 1
    assert b.received() == [(rtp(2), ports[1])]
    assert rig.figures(1).far == text_of((b.host, b.port))


@pytest.mark.parametrize("sequences", [(1, 3, 5, 7, 9), (1, 1, 1, 1), (1, 2, 4, 5, 7, 8), (5, 4, 3, 2)])
def test_packets_that_do_not_follow_each_other_teach_nothing(rig: Rig, sequences: tuple[int, ...]) -> None:
    a, b, ports = behind_nat(rig)
    for sequence in sequences:
        rig.send(b, rtp(sequence), ports[1])
    assert a.received() == []
    assert rig.figures(1).strangers == len(sequences)


def test_packets_of_changing_ssrc_teach_nothing(rig: Rig) -> None:
    a, b, ports = behind_nat(rig)
    for sequence in range(1, 9):
        rig.send(b, rtp(sequence, ssrc=sequence), ports[1])
    assert a.received() == []


def test_a_run_may_pass_the_end_of_the_sequence(rig: Rig) -> None:
    a, b, ports = behind_nat(rig)
    run_of(rig, b, ports[1], start=0xFFFF)
    assert len(a.received()) == 1


def test_stray_rtcp_never_teaches(rig: Rig) -> None:
    a, b, ports = behind_nat(rig)
    for _ in range(9):
        rig.send(b, rtcp(), ports[1])
        rig.send(b, rtcp(), ports[1] + 1)
    rig.send(a, rtp(1), ports[0])
    assert a.received() == b.received() == []
    assert rig.figures(1).far == ""


def test_a_stranger_after_confirmation_is_dropped_and_counted(rig: Rig) -> None:
    a, b, ports = rig.call(latch=True)
    rig.send(b, rtp(1), ports[1])
    stranger = rig.party(rig.elsewhere)
    run_of(rig, stranger, ports[1], count=50)
    rig.send(a, rtp(1), ports[0])
    assert len(a.received()) == 1
    assert stranger.received() == []
    assert len(b.received()) == 1
    assert rig.figures(1).strangers == 50


def test_another_port_of_the_believed_host_is_a_stranger_too(rig: Rig) -> None:
    a, b, ports = rig.call(latch=True)
    rig.send(b, rtp(1), ports[1])
    run_of(rig, rig.party(b.host), ports[1], start=2, ssrc=7)
    assert len(a.received()) == 1


def test_without_latch_only_the_stated_address_is_believed(rig: Rig) -> None:
    a, b, ports = rig.call(latch=False)
    stranger = rig.party()
    run_of(rig, stranger, ports[1], count=20)
    rig.send(a, rtp(1), ports[0])
    assert a.received() == stranger.received() == []
    assert len(b.received()) == 1  # the stated address is sent to, though it was not heard yet
    rig.send(b, rtp(1), ports[1])
    assert len(a.received()) == 1


def test_the_stated_address_takes_the_path_back_from_whom_was_learnt(rig: Rig) -> None:
    ports = rig.reserve()
    a, b, attacker = rig.party(), rig.party(), rig.party(rig.elsewhere)
    rig.direct(0, a, latch=False)
    rig.direct(1, b, latch=True)
    rig.do(Bridge("call", 0, 1))
    run_of(rig, attacker, ports[1])
    rig.send(b, rtp(1), ports[1])
    a.received()
    run_of(rig, attacker, ports[1], start=RUN_LENGTH + 1, count=20)
    rig.send(a, rtp(1), ports[0])
    assert a.received() == attacker.received() == []
    assert len(b.received()) == 1


def test_once_learnt_a_second_source_is_a_stranger(rig: Rig) -> None:
    a, b, ports = behind_nat(rig)
    run_of(rig, b, ports[1])
    attacker = rig.party(rig.elsewhere)
    rig.run(5.0)
    run_of(rig, attacker, ports[1], count=20)
    rig.send(a, rtp(1), ports[0])
    assert attacker.received() == []
    assert len(b.received()) == 1


def test_the_window_ends_some_time_after_the_bridge(make_rig: MakeRig) -> None:
    rig = make_rig(learning=4.0)
    a, b, ports = behind_nat(rig)
    rig.run(4.0)
    run_of(rig, b, ports[1], count=20)
    assert a.received() == []
    rig.direct(1, b, **rig.behind_nat, latch=True, relatch=True)
    run_of(rig, b, ports[1], start=21)
    assert len(a.received()) == 1


def test_the_window_stays_while_a_phone_rings(make_rig: MakeRig) -> None:
    rig = make_rig(learning=4.0)
    ports = rig.reserve()
    a, b = rig.party(), rig.party()
    rig.direct(0, a, latch=False)
    rig.direct(1, b, **rig.behind_nat, latch=True)
    rig.run(60.0)
    rig.do(Bridge("call", 0, 1))
    run_of(rig, b, ports[1])
    assert len(a.received()) == 1


def test_learning_before_the_bridge_forwards_nothing(rig: Rig) -> None:
    ports = rig.reserve()
    a, b = rig.party(), rig.party()
    rig.direct(0, a, latch=False)
    rig.direct(1, b, **rig.behind_nat, latch=True)
    run_of(rig, b, ports[1])
    assert a.received() == []
    rig.do(Bridge("call", 0, 1))
    rig.send(a, rtp(1), ports[0])
    assert len(b.received()) == 1


def test_only_hosts_that_the_signalling_named_can_be_learnt(rig: Rig) -> None:
    rig.need_another_host()
    a, b, ports = behind_nat(rig, learn_from=(rig.far_host,))
    attacker = rig.party(rig.elsewhere)
    run_of(rig, attacker, ports[1], count=20)
    assert a.received() == []
    run_of(rig, b, ports[1])
    assert len(a.received()) == 1


def test_a_flood_of_others_does_not_keep_the_phone_from_being_learnt(rig: Rig) -> None:
    a, b, ports = behind_nat(rig)
    others = [rig.party(rig.elsewhere) for _ in range(4)]
    for sequence in range(1, RUN_LENGTH + 1):
        for other in others:
            rig.send(other, rtp(sequence * 7), ports[1])
        rig.send(b, rtp(sequence), ports[1])
    assert len(a.received()) == 1


def test_a_re_invite_lets_the_phone_move(rig: Rig) -> None:
    a, b, ports = behind_nat(rig)
    run_of(rig, b, ports[1])
    moved = rig.party()
    run_of(rig, moved, ports[1], start=50)
    assert len(a.received()) == 1
    rig.direct(1, b, **rig.behind_nat, latch=True, relatch=True)
    rig.run(QUIET)
    run_of(rig, moved, ports[1], start=60)
    rig.send(a, rtp(1), ports[0])
    assert len(a.received()) == 1
    assert len(moved.received()) == 1
    run_of(rig, b, ports[1], start=4)
    assert a.received() == []


def test_a_re_invite_loses_no_packet_of_a_phone_that_stays(rig: Rig) -> None:
    a, b, ports = behind_nat(rig)
    run_of(rig, b, ports[1])
    rig.direct(1, b, **rig.behind_nat, latch=True, relatch=True)
    run_of(rig, b, ports[1], start=RUN_LENGTH + 1, count=10)
    assert len(a.received()) == 11


def test_nobody_takes_over_from_a_phone_that_is_being_heard(rig: Rig) -> None:
    """In a window that was opened anew, runs of an attacker between the phone's packets."""
    a, b, ports = behind_nat(rig)
    run_of(rig, b, ports[1])
    a.received()
    rig.direct(1, b, **rig.behind_nat, latch=True, relatch=True)
    attacker = rig.party(rig.elsewhere)
    for sequence in range(10, 60):
        rig.send(b, rtp(sequence, ssrc=9), ports[1])
        run_of(rig, attacker, ports[1], start=sequence * 5, count=5, ssrc=66)
        rig.run(0.02)
    rig.send(a, rtp(1), ports[0])
    assert len(a.received()) == 50
    assert attacker.received() == []


def test_a_direct_that_says_the_same_again_changes_nothing(rig: Rig) -> None:
    a, b, ports = behind_nat(rig)
    run_of(rig, b, ports[1])
    rig.direct(1, b, **rig.behind_nat, latch=True)
    rig.send(b, rtp(RUN_LENGTH + 1, ssrc=9), ports[1])
    run_of(rig, rig.party(rig.elsewhere), ports[1])
    assert len(a.received()) == 2


def test_a_newly_stated_address_is_believed_at_once_and_the_old_one_no_more(rig: Rig) -> None:
    """183 from one port, 200 from another."""
    a, b, ports = rig.call()
    rig.send(b, rtp(1), ports[1])
    new = rig.party()
    rig.direct(1, new, latch=False)
    rig.send(a, rtp(1), ports[0])
    rig.send(b, rtp(2), ports[1])
    rig.send(new, rtp(1, ssrc=5), ports[1])
    assert b.received() == []
    assert len(new.received()) == 1
    assert [packet for packet, _ in a.received()] == [rtp(1), rtp(1, ssrc=5)]


def test_fax_from_behind_nat_is_learnt_too(rig: Rig) -> None:
    ports = rig.reserve()
    a, b = rig.party(), rig.party()
    rig.direct(0, a, kind="udptl", latch=False)
    rig.direct(1, b, **rig.behind_nat, kind="udptl", latch=True)
    rig.do(Bridge("call", 0, 1))
    for _ in range(RUN_LENGTH):
        rig.send(b, b"\x00\x01fax", ports[1])
    assert len(a.received()) == 1


def test_an_endpoint_that_was_told_nothing_believes_nobody(rig: Rig) -> None:
    ports = rig.reserve()
    a = rig.party()
    run_of(rig, a, ports[0], count=9)
    rig.send(a, rtcp(), ports[0] + 1)
    assert rig.figures(0).packets == 0
    assert rig.figures(0).strangers == 0  # media ahead of the signalling is nobody's mistake
    rig.direct(0, rig.party(), latch=False)
    run_of(rig, a, ports[0], count=2)
    assert rig.figures(0).strangers == 2
