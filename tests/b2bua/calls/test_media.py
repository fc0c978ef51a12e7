"""What a call asks of the relay: what is lent, where the far ends are, who hears whom, and all of it again."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from b2bua.calls.leg import Leg
from b2bua.calls.media import Media
from rtp_relay.control import Bridge, Command, Direct, LegRequest, Lent, Release, Reserve, Reserved
from sip_stack.sdp import Session, parse
from sip_stack.sdp_rewriting import End

HEAD = b"v=0\r\no=ana 7 3 IN IP4 203.0.113.9\r\ns=call\r\nc=IN IP4 203.0.113.9\r\nt=0 0\r\n"
MUX = b"a=rtcp-mux\r\n"


def described(*media: bytes) -> Session:
    return parse(HEAD + b"".join(media))


def audio(*attributes: bytes, port: int = 4000) -> bytes:
    return b"m=audio %d RTP/AVP 0 101\r\na=rtpmap:101 telephone-event/8000\r\n" % port + b"".join(attributes)


@dataclass
class Rig:
    """A call's media with a caller and two callees, each with one endpoint."""

    said: list[Command] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.media = Media("c1", self.said)
        self.caller, self.ana, self.ben = (Leg(number, "", number != 2, number, 5) for number in range(3))
        for leg in (self.caller, self.ana, self.ben):
            leg.lend(0, End("192.0.2.2", 30000 + 2 * leg.number, 30001 + 2 * leg.number))
            leg.source_hosts = (f"203.0.113.{leg.number}",)

    def take(self) -> list[Command]:
        taken = self.said[:]
        self.said.clear()
        return taken

    def directs(
        self, leg: Leg, description: Session, other: Session | None = None, **more: bool
    ) -> list[Direct]:
        self.media.direct(leg, description, other, **more)
        taken = self.take()
        assert all(isinstance(each, Direct) for each in taken)
        return taken  # type: ignore[return-value]

    def direct(self, leg: Leg, description: Session, other: Session | None = None, **more: bool) -> Direct:
        (only,) = self.directs(leg, description, other, **more)
        return only


# Lending.


def test_all_legs_are_asked_for_in_one_message() -> None:
    said: list[Command] = []
    media = Media("c1", said)
    assert not media.is_asked
    media.reserve([Leg(0, "", True, 1, 5), Leg(1, "v6", True, 2, 5)], 2)
    assert said == [Reserve("c1", (LegRequest(0, "", 2), LegRequest(1, "v6", 2)))]
    assert media.is_asked


def test_more_media_are_asked_for_behind_those_that_are_there() -> None:
    rig = Rig()
    rig.ana.lend(1, End("192.0.2.2", 30010, 30011))
    rig.media.reserve_more([rig.caller, rig.ana], 3)
    assert rig.said == [Reserve("c1", (LegRequest(0, "", 2, (), 1), LegRequest(1, "", 1, (), 2)))]


def test_what_is_lent_goes_to_its_leg_and_medium() -> None:
    rig = Rig()
    lent = (Lent(1, 1, "192.0.2.2", 40002, 40003), Lent(0, 0, "192.0.2.2", 40000, 40001))
    rig.media.accept(Reserved("c1", lent), {0: rig.caller, 1: rig.ana})
    assert rig.caller.ends == [End("192.0.2.2", 40000, 40001)]
    assert rig.ana.ends[1] == End("192.0.2.2", 40002, 40003)


def test_what_is_lent_to_a_leg_that_is_not_there_is_let_be() -> None:
    rig = Rig()
    rig.media.accept(Reserved("c1", (Lent(9, 0, "192.0.2.2", 40000, 40001),)), {0: rig.caller})
    assert rig.caller.ends == [End("192.0.2.2", 30000, 30001)]


# Where the far ends are.


def test_a_far_end_is_where_its_description_says() -> None:
    rig = Rig()
    assert rig.direct(rig.ana, described(audio())) == Direct(
        "c1", 1, 0, "203.0.113.9", 4000, 4001, mux=False, kind="rtp", latch=True, relatch=False, due=True,
        learn_from=("203.0.113.1",), clock_rates=(),
    )  # fmt: skip


def test_a_leg_without_nat_is_not_learnt() -> None:
    rig = Rig()
    assert rig.direct(rig.ben, described(audio())).latch is False


@pytest.mark.parametrize(
    ("ours", "theirs", "is_agreed"),
    [(MUX, MUX, True), (MUX, b"", False), (b"", MUX, False), (b"", b"", False)],
)
def test_rtcp_shares_the_port_only_where_both_say_so(ours: bytes, theirs: bytes, is_agreed: bool) -> None:
    """RFC 5761 §5.1.1, SDP-12."""
    rig = Rig()
    direct = rig.direct(rig.ana, described(audio(ours)), described(audio(theirs)))
    assert (direct.mux, direct.rtcp_port) == ((True, 4000) if is_agreed else (False, 4001))


@pytest.mark.parametrize("other", [None, "fewer"])
def test_mux_is_not_agreed_with_nobody(other: str | None) -> None:
    rig = Rig()
    rig.ana.lend(1, End("192.0.2.2", 30010, 30011))
    description = described(audio(MUX), audio(MUX, port=4010))
    direct = rig.directs(rig.ana, description, described(audio(MUX)) if other else None)[1]
    assert (direct.mux, direct.rtcp_port) == (False, 4011)


def test_rtcp_is_where_a_rtcp_says_unless_it_shares_the_port() -> None:
    """RFC 3605."""
    rig = Rig()
    elsewhere = described(audio(b"a=rtcp:5555\r\n", MUX))
    assert rig.direct(rig.ana, elsewhere).rtcp_port == 5555
    assert rig.direct(rig.ana, elsewhere, described(audio(MUX))).rtcp_port == 4000


def test_t38_is_no_rtp() -> None:
    """SDP-5."""
    rig = Rig()
    direct = rig.direct(rig.ana, described(b"m=image 4100 udptl t38\r\n"))
    assert (direct.kind, direct.port, direct.clock_rates) == ("udptl", 4100, ())


@pytest.mark.parametrize(
    ("attributes", "port", "is_due"),
    [
        ((), 4000, True),
        ((b"a=sendonly\r\n",), 4000, True),
        ((b"a=recvonly\r\n",), 4000, False),
        ((b"a=inactive\r\n",), 4000, False),
        ((), 0, False),
    ],
)
def test_media_are_due_from_who_may_send(attributes: tuple[bytes, ...], port: int, is_due: bool) -> None:
    """SDP-7: a call on hold must not be ended for its silence."""
    rig = Rig()
    direct = rig.direct(rig.ana, described(audio(*attributes, port=port)))
    assert (direct.due, direct.port) == (is_due, port)


def test_media_without_an_endpoint_are_passed_over() -> None:
    rig = Rig()
    rig.ana.ends = [None, End("192.0.2.2", 30010, 30011)]
    directs = rig.directs(rig.ana, described(audio(), audio(port=4010), audio(port=4020)))
    assert [(each.medium, each.port) for each in directs] == [(1, 4010)]


def test_what_the_relay_knows_is_not_said_twice() -> None:
    rig = Rig()
    assert rig.directs(rig.ana, described(audio()))
    assert rig.directs(rig.ana, described(audio())) == []
    assert rig.direct(rig.ana, described(audio(port=4004))).port == 4004
    assert rig.direct(rig.ana, described(audio())).port == 4000


def test_each_relatch_is_said_since_each_opens_the_window_anew() -> None:
    """A phone whose NAT has given it another port re-INVITEs with the same private address as before."""
    rig = Rig()
    rig.directs(rig.ana, described(audio()))
    assert rig.direct(rig.ana, described(audio()), relatch=True).relatch
    assert rig.direct(rig.ana, described(audio()), relatch=True).relatch


# Who hears whom.


def test_a_bridge_is_said_once_and_again_when_it_changes() -> None:
    rig = Rig()
    rig.media.bridge(rig.caller, rig.ana, a_to_b=False)
    rig.media.bridge(rig.caller, rig.ana, a_to_b=False)
    rig.media.bridge(rig.caller, rig.ana)
    rig.media.bridge(rig.caller, rig.ben, a_to_b=False, b_to_a=False)
    assert rig.said == [
        Bridge("c1", 0, 1, False, True),
        Bridge("c1", 0, 1, True, True),
        Bridge("c1", 0, 2, False, False),
    ]


# Giving back.


def test_losers_give_back_theirs_alone() -> None:
    """FRK-18."""
    rig = Rig()
    rig.media.release([rig.ana, rig.ben])
    assert rig.said == [Release("c1", (1, 2))]


def test_a_leg_that_was_lent_nothing_gives_nothing_back() -> None:
    """No leg named would mean the whole call."""
    rig = Rig()
    rig.ana.ends = []
    rig.media.release([rig.ana])
    rig.media.release([])
    assert rig.said == []


def test_at_the_end_everything_goes_back() -> None:
    rig = Rig()
    rig.media.release_all()
    assert rig.said == [Release("c1", ())]


# A relay that was restarted.


def test_everything_is_said_again_with_the_very_ports() -> None:
    rig = Rig()
    rig.caller.ends.append(None)
    rig.media.direct(rig.caller, described(audio()))
    rig.media.direct(rig.ana, described(audio(port=4004)))
    rig.media.bridge(rig.caller, rig.ana)
    told = rig.take()
    rig.media.restore([rig.caller, rig.ana])
    reserve, *rest = rig.take()
    assert reserve == Reserve("c1", (LegRequest(0, "", 2, (30000, 0)), LegRequest(1, "", 1, (30002,))))
    assert rest == told


def test_a_leg_that_gave_back_its_endpoints_is_not_spoken_of_again() -> None:
    """The leader of the early media lost: its ports are another's by now."""
    rig = Rig()
    rig.media.direct(rig.caller, described(audio()))
    rig.media.direct(rig.ana, described(audio(port=4004)))
    rig.media.release([rig.ana])
    rig.media.direct(rig.ben, described(audio(port=4008)))
    rig.media.bridge(rig.caller, rig.ben)
    rig.take()
    rig.media.restore([rig.caller, rig.ben])
    assert {each.leg for each in rig.said if isinstance(each, Direct)} == {0, 2}


def test_nothing_lent_is_nothing_to_restore() -> None:
    rig = Rig()
    rig.media.direct(rig.caller, described(audio()))
    rig.take()
    rig.caller.ends = []
    rig.media.restore([rig.caller])
    assert rig.said == []
