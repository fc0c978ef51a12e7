"""A call that moves between the kernel and user space, by whatever makes it move, loses and reorders nothing.

The order in which things happen is drawn from a seed; a failure can be played again by its number.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from rtp_relay.control import Listen, Query
from rtp_relay.forms.kernel import KernelForm
from rtp_relay.forms.user import ROUNDS, UserForm
from rtp_relay.stream import Stream
from tests.rtp_relay.conformance.rig import Party, Rig
from tests.rtp_relay.packets import rtcp, rtp

STEPS = 300
PACKET = 0.02  # seconds between two


class Talk:
    """A call of two far ends that send without a pause, while other things happen."""

    def __init__(self, rig: Rig, seed: int) -> None:
        self.rig, self.dice = rig, random.Random(seed)
        self.a, self.b, self.ports = rig.call(latch=True, mux=True, clock_rates=((111, 8000),))
        self.stranger = rig.party(rig.elsewhere)
        self.sequence, self.ssrc, self.kind = self.dice.randrange(65536), 1, 0
        self.sent: list[bytes] = []
        self.came: list[bytes] = []
        self.reference = Stream()
        self.strangers = 0
        self.reports = 0
        self.back = 0

    def speak(self) -> None:
        packet = rtp(self.sequence, ssrc=self.ssrc, payload_type=self.kind, size=self.dice.choice((0, 33, 160, 240)))
        self.a.send(packet, self.ports[0])
        self.sent.append(packet)
        self.reference.receive(packet, self.rig.now)
        self.sequence += 1
        self.rig.now += PACKET
        self._hear()

    def answer(self) -> None:
        """The other direction, which has flows of its own."""
        self.back += 1
        self.b.send(rtp(self.back, ssrc=99), self.ports[1])

    def turn(self) -> None:
        self.rig.run()
        self._hear()

    def change_source(self) -> None:
        self.ssrc += 1
        self.sequence = self.dice.randrange(65536)

    def change_codec(self) -> None:
        self.kind = self.dice.choice((0, 8, 101, 111))

    def burst(self) -> None:
        """More than one turn of the form takes, while the kernel leaves them to it; and one that comes then."""
        self.change_source()
        for _ in range(2 * ROUNDS + 1):
            self.speak()
        if isinstance(self.rig.form, UserForm):
            self.rig.form.turn()
        self.speak()

    def lose_some(self) -> None:
        self.sequence += self.dice.choice((1, 2, 30, 5000))

    def report(self) -> None:
        """RTCP on the same port, which is for user space to read."""
        self.a.send(rtcp(200, ssrc=self.ssrc), self.ports[0])
        self.reports += 1

    def attack(self) -> None:
        self.stranger.send(rtp(self.sequence, ssrc=self.ssrc), self.ports[0])
        self.strangers += 1

    def re_invite(self) -> None:
        relatch = self.dice.random() < 0.5
        for leg, party in ((0, self.a), (1, self.b)):
            self.turn()
            self.rig.direct(leg, party, latch=True, relatch=relatch, mux=True, clock_rates=((111, 8000),))

    def listen(self) -> None:
        self.turn()
        self.rig.do(Listen("call", 0, (101,) if self.dice.random() < 0.5 else ()))

    def look(self) -> None:
        self.rig.do(Query("call"))

    def lose_the_way(self) -> None:
        """As when a route has changed."""
        if isinstance(self.rig.form, KernelForm):
            self.rig.form.ask_again()

    def wait(self) -> None:
        """Time passes, until a window of learning is over."""
        self.turn()
        self.rig.run(self.dice.choice((0.5, 12.0)))

    def _hear(self) -> None:
        self.came += heard(self.b)


def heard(party: Party) -> list[bytes]:
    """RTP that came; the reports beside it may take the longer way."""
    return [packet for packet, _ in party.received() if not 192 <= packet[1] <= 223]


EVENTS: tuple[tuple[Callable[[Talk], None], int], ...] = (
    (Talk.speak, 60), (Talk.turn, 25), (Talk.answer, 20), (Talk.look, 5), (Talk.attack, 5), (Talk.report, 4),
    (Talk.change_codec, 3), (Talk.change_source, 2), (Talk.lose_some, 2), (Talk.re_invite, 3), (Talk.listen, 2),
    (Talk.lose_the_way, 3), (Talk.wait, 1), (Talk.burst, 2),
)  # fmt: skip


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_no_packet_is_lost_or_overtaken(rig: Rig, seed: int) -> None:
    talk = Talk(rig, seed)
    events, weights = zip(*EVENTS, strict=True)
    for event in talk.dice.choices(events, weights, k=STEPS):
        event(talk)
    for event in (Talk.speak, Talk.look, Talk.speak, Talk.look, Talk.speak, Talk.turn):
        event(talk)  # whatever was changed last is what goes on
    assert talk.came == talk.sent
    assert heard(talk.a) == [rtp(number, ssrc=99) for number in range(1, talk.back + 1)]
    assert talk.stranger.received() == []
    figures, reference = rig.figures(0), talk.reference
    assert (figures.packets, figures.octets) == (len(talk.sent), sum(map(len, talk.sent)))
    assert (figures.ssrc, figures.payload_type) == (talk.ssrc, talk.kind)
    assert figures.lost == reference.lost
    assert (figures.strangers, figures.rtcp_packets) == (talk.strangers, talk.reports)
    assert rig.figures(1).sent_packets == len(talk.sent)
