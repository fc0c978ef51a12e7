"""What is forwarded, where to, and from which port."""

from __future__ import annotations

from rtp_relay.control import Bridge, LegRequest, Refused, Reserve, Reserved
from tests.rtp_relay.conformance.rig import Rig
from tests.rtp_relay.packets import rtcp, rtp


def test_media_passes_both_ways_unchanged(rig: Rig) -> None:
    a, b, ports = rig.call()
    rig.send(a, rtp(1, ssrc=1), ports[0])
    rig.send(b, rtp(1, ssrc=2), ports[1])
    assert b.received() == [(rtp(1, ssrc=1), ports[1])]
    assert a.received() == [(rtp(1, ssrc=2), ports[0])]


def test_a_burst_passes_whole_and_in_order(rig: Rig) -> None:
    a, b, ports = rig.call()
    packets = [rtp(sequence, size=sequence) for sequence in range(1, 100)]
    for packet in packets:
        a.send(packet, ports[0])
    rig.run()
    assert [packet for packet, _ in b.received()] == packets


def test_a_large_video_packet_passes(rig: Rig) -> None:
    a, b, ports = rig.call()
    rig.send(a, rtp(1, payload_type=96, size=3000), ports[0])
    assert b.received() == [(rtp(1, payload_type=96, size=3000), ports[1])]


def test_telephone_event_passes_in_order_with_audio(rig: Rig) -> None:
    a, b, ports = rig.call()
    packets = [rtp(1), rtp(2, payload_type=101, timestamp=160, size=4, marker=True),
               rtp(3, payload_type=101, timestamp=160, size=4), rtp(4)]  # fmt: skip
    for packet in packets:
        rig.send(a, packet, ports[0])
    assert [packet for packet, _ in b.received()] == packets


def test_nothing_passes_before_there_is_a_bridge(rig: Rig) -> None:
    ports = rig.reserve()
    a, b = rig.party(), rig.party()
    rig.direct(0, a, latch=False)
    rig.direct(1, b, latch=False)
    rig.send(a, rtp(1), ports[0])
    assert b.received() == []
    assert rig.figures(0).packets == 1  # counted nevertheless
    rig.do(Bridge("call", 0, 1))
    rig.send(a, rtp(2), ports[0])
    assert b.received() == [(rtp(2), ports[1])]


def test_a_bridge_may_be_open_one_way_only(rig: Rig) -> None:
    a, b, ports = rig.call()
    rig.do(Bridge("call", 0, 1, a_to_b=False, b_to_a=True))
    rig.send(a, rtp(1), ports[0])
    rig.send(b, rtp(1), ports[1])
    assert b.received() == []
    assert len(a.received()) == 1
    rig.do(Bridge("call", 1, 0))
    rig.send(a, rtp(2), ports[0])
    assert len(b.received()) == 1


def test_a_new_bridge_takes_the_place_of_the_old(rig: Rig) -> None:
    ports = rig.reserve(legs=3)
    caller, leader, winner = parties = [rig.party() for _ in range(3)]
    for leg, party in enumerate(parties):
        rig.direct(leg, party, latch=False)
    rig.do(Bridge("call", 0, 1))
    rig.do(Bridge("call", 0, 2))
    rig.send(leader, rtp(1, ssrc=1), ports[1])
    rig.send(winner, rtp(1, ssrc=2), ports[2])
    rig.send(caller, rtp(1, ssrc=3), ports[0])
    assert caller.received() == [(rtp(1, ssrc=2), ports[0])]
    assert leader.received() == []
    assert winner.received() == [(rtp(1, ssrc=3), ports[2])]


def test_the_end_of_a_losing_leg_leaves_the_winner_alone(rig: Rig) -> None:
    ports = rig.reserve(legs=3)
    a, b = rig.party(), rig.party()
    rig.direct(0, a, latch=False)
    rig.direct(2, b, latch=False)
    rig.do(Bridge("call", 0, 2))
    assert [stream.leg for stream in rig.release(1)] == [1]
    rig.send(b, rtp(1), ports[2])
    assert len(a.received()) == 1


def test_the_end_of_a_bridged_leg_stops_the_other_from_sending(rig: Rig) -> None:
    a, b, ports = rig.call()
    rig.release(1)
    rig.send(a, rtp(1), ports[0])
    rig.send(b, rtp(1), ports[1])
    assert a.received() == b.received() == []
    assert rig.holdings().calls == ("call",)


def test_media_lines_go_to_their_like(rig: Rig) -> None:
    ports = rig.reserve(media=2)
    audio_a, audio_b, video_a, video_b = (rig.party() for _ in range(4))
    rig.direct(0, audio_a, latch=False)
    rig.direct(1, audio_b, latch=False)
    rig.direct(0, video_a, medium=1, latch=False)
    rig.direct(1, video_b, medium=1, latch=False)
    rig.do(Bridge("call", 0, 1))
    rig.send(audio_a, rtp(1), ports[0, 0])
    rig.send(video_a, rtp(1, payload_type=96), ports[0, 1])
    assert audio_b.received() == [(rtp(1), ports[1, 0])]
    assert video_b.received() == [(rtp(1, payload_type=96), ports[1, 1])]


def test_a_media_line_that_only_one_side_has_goes_nowhere(rig: Rig) -> None:
    (event,) = rig.do(Reserve("call", (LegRequest(0, media=2), LegRequest(1))))
    assert isinstance(event, Reserved)
    ports = {(lent.leg, lent.medium): lent.port for lent in event.lent}
    a, b, video = rig.party(), rig.party(), rig.party()
    rig.direct(0, a, latch=False)
    rig.direct(0, video, medium=1, latch=False)
    rig.direct(1, b, latch=False)
    rig.do(Bridge("call", 0, 1))
    rig.send(video, rtp(1), ports[0, 1])
    rig.send(a, rtp(1), ports[0, 0])
    assert len(b.received()) == 1


def test_a_media_line_added_to_a_bridged_call_is_joined(rig: Rig) -> None:
    rig.call()
    requests = (LegRequest(0, first_medium=1), LegRequest(1, first_medium=1))
    (event,) = rig.do(Reserve("call", requests))
    assert isinstance(event, Reserved)
    ports = {lent.leg: lent.port for lent in event.lent}
    a, b = rig.party(), rig.party()
    rig.direct(0, a, medium=1, latch=False)
    rig.direct(1, b, medium=1, latch=False)
    rig.send(a, rtp(1), ports[0])
    assert b.received() == [(rtp(1), ports[1])]


def test_a_refused_media_line_neither_takes_nor_gets(rig: Rig) -> None:
    a, b, ports = rig.call()
    rig.direct(1, b, port=0, rtcp_port=0, latch=True)
    rig.send(a, rtp(1), ports[0])
    for sequence in range(1, 9):
        rig.send(b, rtp(sequence), ports[1])
    assert b.received() == a.received() == []


def test_fax_packets_pass_unread(rig: Rig) -> None:
    a, b, ports = rig.call(kind="udptl")
    rig.send(a, b"\x00\x01\x06tone", ports[0])
    rig.send(b, b"\x00", ports[1])
    assert b.received() == [(b"\x00\x01\x06tone", ports[1])]
    assert a.received() == [(b"\x00", ports[0])]
    assert rig.figures(0).malformed == 0


def test_audio_does_not_reach_a_fax_machine_while_the_sides_change(rig: Rig) -> None:
    a, b, ports = rig.call()
    rig.direct(1, b, kind="udptl", latch=False)
    rig.send(a, rtp(1), ports[0])
    assert b.received() == []
    rig.direct(0, a, kind="udptl", latch=False)
    rig.send(a, b"\x00\x01fax", ports[0])
    assert b.received() == [(b"\x00\x01fax", ports[1])]


def test_what_is_no_rtp_is_dropped_and_counted(rig: Rig) -> None:
    a, b, ports = rig.call()
    stun = bytes.fromhex("000100002112a442") + bytes(12)
    for rubbish in (b"", b"\x80", b"\x80\x00" + bytes(9), stun, b"\x16\xfe\xfd" + bytes(20)):
        rig.send(a, rubbish, ports[0])
    assert b.received() == []
    assert rig.figures(0).malformed == 5


def test_both_parties_on_one_host(rig: Rig) -> None:
    a, b, ports = rig.call()
    assert a.host == b.host == rig.far_host
    rig.send(a, rtp(1), ports[0])
    rig.send(b, rtp(1), ports[1])
    assert len(a.received()) == len(b.received()) == 1


def test_two_calls_that_face_each_other_through_the_relay(rig: Rig) -> None:
    """A call that comes back to us: the far end of one leg is another endpoint of ours."""
    a, b = rig.party(), rig.party()
    first, second = rig.reserve("first"), rig.reserve("second")
    rig.direct(0, a, "first", latch=False)
    rig.direct(1, b, "second", latch=False)
    ours = {"address": rig.host, "latch": False}
    rig.direct(1, a, "first", port=second[0], rtcp_port=second[0] + 1, **ours)
    rig.direct(0, b, "second", port=first[1], rtcp_port=first[1] + 1, **ours)
    rig.do(Bridge("first", 0, 1), Bridge("second", 0, 1))
    if rig.form.name == "memory":  # the rig carries to parties only
        return
    rig.send(a, rtp(1), first[0])
    assert b.received() == [(rtp(1), second[1])]


def test_an_address_that_cannot_be_sent_to_is_not(rig: Rig) -> None:
    a, b, ports = rig.call()
    of_the_other_version = "192.0.2.1" if ":" in rig.host else "2001:db8::1"
    for address in ("phone.example", "224.0.0.1", "255.255.255.255", "ff02::1", "::", of_the_other_version, ""):
        rig.direct(1, b, address=address, latch=False)
        rig.send(a, rtp(1), ports[0])
    assert b.received() == []
    assert rig.figures(1).sent_packets == 0


def test_rtcp_of_an_unbridged_leg_goes_nowhere(rig: Rig) -> None:
    ports = rig.reserve()
    rtp_party, rtcp_party = rig.rtp_and_rtcp()
    rig.direct(0, rtp_party, latch=False)
    rig.send(rtcp_party, rtcp(), ports[0] + 1)
    assert rig.figures(0).rtcp_packets == 1


def test_a_reserve_that_cannot_be_met_lends_nothing(rig: Rig) -> None:
    (event,) = rig.do(Reserve("call", (LegRequest(0), LegRequest(1, interface="nowhere"))))
    assert isinstance(event, Refused)
    assert "nowhere" in event.reason
    assert rig.holdings().ports_lent == 0
    assert rig.holdings().calls == ()
