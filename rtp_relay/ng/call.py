"""One call at one rtpengine: what the core says, told in offers and answers.

Theory. A leg is a tag in rtpengine's call, its number. The first leg that is reserved, the caller's, is the *anchor*:
it offers to every other one, so that each gets ports of its own, while the anchor's stay the same for all of them. What
the anchor was lent is told by an answer, given in a leg's name before that leg has said anything, with a placeholder.
Until a bridge is asked for the whole call is blocked: what a leg receives goes nowhere.

A bridge is an offer of the one leg and an answer of the other, with what is known of their far ends then. When that
changes (hold, a re-INVITE) both are said again. Ports stay ("port latching"); if they do not, the far ends have been
told wrong, and the call is given up. Directions that are closed, and legs that are not in the bridge, are blocked one
by one.

Requests of a call go out one after the other, each when the last was answered: they may not overtake each other. What
a description says is decided when its turn comes.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from rtp_relay.control import (
    Bridge,
    Direct,
    Event,
    Figures,
    LegRequest,
    Lent,
    Query,
    Refused,
    Release,
    Released,
    Reserve,
    Reserved,
)
from rtp_relay.errors import ControlError
from rtp_relay.ng import description, messages
from rtp_relay.ng.description import End
from rtp_relay.ng.figures import figures, received
from rtp_relay.ng.messages import Reply, Request
from rtp_relay.ng.node import Node

NOBODY: Final = -1  # stands for a partner when an anchor has none yet
MEDIA_LIMIT: Final = 32
GONE: Final = "rtpengine does not answer"


class Leg:
    """What is known of one leg. ends: what was lent; directs: where its far end is, by medium."""

    __slots__ = ("directs", "ends", "interface", "media", "number")

    def __init__(self, number: int, interface: str) -> None:
        self.number = number
        self.interface = interface
        self.media = 0
        self.ends: list[End] = []
        self.directs: dict[int, Direct] = {}

    @property
    def latch(self) -> bool:
        """Whether any of its media may be learnt from packets: until something else is said, as with Direct."""
        return any(direct.latch for direct in self.directs.values()) or not self.directs

    @property
    def is_due(self) -> bool:
        return any(direct.due for direct in self.directs.values())


Take = Callable[[Reply, float], None]


class Step(NamedTuple):
    """A request, made when its turn comes; what to do with a reply, and without one or with a refusal."""

    request: Callable[[], Request]
    take: Take
    fail: Callable[[str, float], None]


class Interfaces(NamedTuple):
    """Those the calls may name, the first one first: name and whether it is IPv6's. Without names, rtpengine's own."""

    names: tuple[tuple[str, bool], ...] = ()

    def is_version_6(self, name: str) -> bool:
        return dict(self.names).get(name, bool(self.names) and self.names[0][1])

    def called(self, name: str) -> str:
        """What rtpengine is told."""
        return name or (self.names[0][0] if self.names else "")


class Call:
    """tell: where events go. on_stranded is called when the node cannot have the call and nothing was lent yet;
    on_over when nothing more is to be done.
    """

    def __init__(
        self, name: str, node: Node, interfaces: Interfaces, tell: Callable[[Event], None],
        on_stranded: Callable[[Call, str, float], None], on_over: Callable[[Call], None], now: float,
    ) -> None:  # fmt: skip
        self.name = name
        self.node = node
        self.has_lent = False
        self.heard_at = now  # when a packet that was due was last known to have come
        self._heard: int | None = None
        self._openings: list[Reserve] = []  # until the first was met
        self._interfaces = interfaces
        self._tell, self._on_stranded, self._on_over = tell, on_stranded, on_over
        self._legs: dict[int, Leg] = {}
        self._bridge: Bridge | None = None
        self._steps: deque[Step] = deque()
        self._is_waiting = False
        self._is_changed = False  # the bridge, or what is known of its far ends
        self._is_blocked = False  # all of the call
        self._blocked: set[int] = set()  # single legs
        self._is_over = False

    # What the core says.

    def reserve(self, command: Reserve, now: float) -> None:
        if any(request.ports for request in command.legs):
            self._restore(command)
            return
        if not self.has_lent:
            self._openings.append(command)
        for request in command.legs:
            leg = self._legs.setdefault(request.leg, Leg(request.leg, request.interface))
            leg.media = min(request.first_medium + request.media, MEDIA_LIMIT)
        anchor = self._anchor.number
        partners = [request.leg for request in command.legs if request.leg != anchor]
        partners = partners or [next((number for number in self._legs if number != anchor), NOBODY)]
        for partner in partners:
            self._add(partial(self._offer, anchor, partner), self._lend_to(partner))
        if not self._is_blocked and self._bridge is None:
            self._is_blocked = True
            self._add(partial(messages.block, self.name, None, True))
        if any(request.leg == anchor for request in command.legs):
            self._add(partial(self._answer, anchor, partners[0]), self._lend_to(anchor))
        last = self._steps.pop()
        self._steps.append(last._replace(take=self._lend_after(last.take, command.legs)))
        self._is_changed = self._is_changed or self._bridge is not None
        self._go_on(now)

    def move(self, node: Node, now: float) -> None:
        """Nothing was lent: have it from another node, from the beginning."""
        self.node, openings, legs = node, self._openings, self._legs
        self._openings, self._legs = [], {}
        self._is_blocked = self._is_waiting = False
        for command in openings:
            self.reserve(command, now)
        for number, leg in legs.items():
            if number in self._legs:
                self._legs[number].directs = leg.directs

    def direct(self, command: Direct) -> None:
        leg = self._legs.get(command.leg)
        if leg is not None and 0 <= command.medium < leg.media:
            self._is_changed = self._is_changed or command.relatch or leg.directs.get(command.medium) != command
            leg.directs[command.medium] = command

    def bridge(self, command: Bridge) -> None:
        if command.a in self._legs and command.b in self._legs:
            self._is_changed = self._is_changed or command != self._bridge
            self._bridge = command

    def release(self, command: Release, now: float) -> None:
        """Some legs, or all of them: figures are asked for first, as they go with the call."""
        is_whole = not command.legs
        numbers = tuple(self._legs) if is_whole else tuple(leg for leg in command.legs if leg in self._legs)
        self._is_over = self._is_over or is_whole
        self._add(
            partial(messages.query, self.name),
            lambda reply, now: self._tell(Released(self.name, figures(reply, numbers))),
            lambda problem, now: self._tell(Released(self.name, ())),
        )
        anchor = self._anchor.number if self._legs else 0
        if is_whole:
            self._add(partial(messages.delete, self.name), fail=_no_matter)
        for number in () if is_whole else numbers:
            del self._legs[number]
            self._blocked.discard(number)
            self._add(partial(messages.delete, self.name, anchor, number), fail=_no_matter)
        self._go_on(now)

    def query(self, command: Query, now: float) -> None:
        numbers = tuple(self._legs)
        self._add(
            partial(messages.query, self.name),
            lambda reply, now: self._tell(Figures(self.name, figures(reply, numbers))),
            lambda problem, now: self._tell(Figures(self.name, ())),
        )
        self._go_on(now)

    def settle(self, now: float) -> None:
        """The core has said all that it had to say at once: tell rtpengine what of it matters."""
        bridge = self._bridge
        if bridge is None or not self._is_changed or self._is_over:
            return
        a, b = self._legs.get(bridge.a), self._legs.get(bridge.b)
        if a is None or b is None or not a.directs or not b.directs:
            return
        self._is_changed = False
        self._add(partial(self._offer, a.number, b.number), self._check(b))
        self._add(partial(self._answer, a.number, b.number), self._check(a))
        self._open(bridge)
        self._go_on(now)

    def look(self, now: float) -> None:
        """Ask whether media came, unless something else is being asked: it is asked again."""
        if not self._steps and not self._is_waiting and self._bridge is not None:
            self._add(partial(messages.query, self.name), self._listen, self._miss)
            self._go_on(now)

    @property
    def is_owed(self) -> bool:
        """Whether media is due from any leg, and could be forwarded."""
        return self._bridge is not None and any(leg.is_due for leg in self._legs.values())

    # One after the other.

    def _add(
        self, request: Callable[[], Request], take: Take | None = None,
        fail: Callable[[str, float], None] | None = None,
    ) -> None:  # fmt: skip
        self._steps.append(Step(request, take or _done, fail or self._fail))

    def _go_on(self, now: float) -> None:
        """Ask what is next. What is over need not wait for a node that is dead."""
        while self._steps and not self._is_waiting:
            if self._is_over and not self.node.is_alive:
                self._steps.popleft().fail(GONE, now)
            else:
                self._is_waiting = True
                self.node.ask(self._steps[0].request(), partial(self._answered, self.node), now)
        if self._is_over and not self._steps:
            self._on_over(self)

    def _answered(self, node: Node, reply: Reply | None, now: float) -> None:
        if node is not self.node or not self._is_waiting:
            return
        self._is_waiting = False
        step = self._steps.popleft()
        problem = GONE if reply is None else messages.trouble(reply)
        if reply is not None and not problem:
            try:
                step.take(reply, now)
            except ControlError as error:
                problem = str(error)
        if problem:
            step.fail(problem, now)
        self._go_on(now)

    def _fail(self, problem: str, now: float) -> None:
        """Another node may have the call if nothing was lent; else the media is lost."""
        if self._is_over:
            return  # nothing is left to lose
        self._steps.clear()
        if not self.has_lent:
            self.node.ask(messages.delete(self.name), _no_answer, now)
            self._on_stranded(self, problem, now)
        else:
            self._bridge = None
            self._tell(Refused(self.name, problem))

    # Descriptions.

    @property
    def _anchor(self) -> Leg:
        return next(iter(self._legs.values()))

    def _offer(self, a: int, b: int) -> Request:
        return self._describe("offer", a, a, b)

    def _answer(self, a: int, b: int) -> Request:
        return self._describe("answer", b, a, b)

    def _describe(self, command: str, teller: int, a: int, b: int) -> Request:
        """What the teller's far end is, with as many media as the larger of the two has."""
        offerer, answerer = self._legs[a], self._legs.get(b) or Leg(b, "")
        leg = offerer if teller == a else answerer
        media = max(offerer.media, answerer.media)
        rates = {
            rate for one in (offerer, answerer) for direct in one.directs.values() for rate in direct.clock_rates
        }
        sdp = description.write(
            [leg.directs.get(medium) for medium in range(media)],
            self._interfaces.is_version_6(leg.interface),
            sorted(rates),
        )
        called = self._interfaces.called
        direction = (called(offerer.interface), called(answerer.interface))
        return messages.describe(command, self.name, a, b, sdp, latch=leg.latch, direction=direction)

    def _lend_to(self, number: int) -> Take:
        """What the reply describes is what that leg's far end is told."""

        def take(reply: Reply, now: float) -> None:
            leg = self._legs.get(number)
            if leg is not None:
                leg.ends = _ends(reply)[: leg.media]

        return take

    def _lend_after(self, take: Take, requests: tuple[LegRequest, ...]) -> Take:
        """The last of a reservation: tell what was lent."""

        def lend(reply: Reply, now: float) -> None:
            take(reply, now)
            lent = tuple(lent for request in requests for lent in self._lent(request))
            if len(lent) < sum(request.media for request in requests if request.leg in self._legs):
                raise ControlError("rtpengine has described fewer media than it was asked for")
            self.has_lent = True
            self._openings.clear()
            self._tell(Reserved(self.name, lent))

        return lend

    def _lent(self, request: LegRequest) -> list[Lent]:
        leg = self._legs.get(request.leg)
        ends = leg.ends if leg is not None else []
        return [
            Lent(request.leg, medium, *ends[medium])
            for medium in range(request.first_medium, min(request.first_medium + request.media, len(ends)))
        ]

    def _check(self, leg: Leg) -> Take:
        """The ports that a far end was told are the ones that it still has."""

        def take(reply: Reply, now: float) -> None:
            if any(told.port != here.port for told, here in zip(leg.ends, _ends(reply), strict=False)):
                raise ControlError("rtpengine has moved the ports")

        return take

    def _restore(self, command: Reserve) -> None:
        """Every node was away, and one is back: it may have kept what it lent, which the next bridge shows."""
        lent = [lent for request in command.legs for lent in self._lent(request)]
        wanted = [(request.leg, port) for request in command.legs for port in request.ports if port]
        if [(one.leg, one.port) for one in lent] != wanted:
            self._tell(Refused(self.name, "rtpengine does not lend ports by their numbers"))
            return
        self._is_changed = True
        self._tell(Reserved(self.name, tuple(lent)))

    # Who is heard.

    def _open(self, bridge: Bridge) -> None:
        """Block single legs before the call as a whole is let go."""
        open_legs = {number for number, is_open in ((bridge.a, bridge.a_to_b), (bridge.b, bridge.b_to_a)) if is_open}
        wanted = set(self._legs) - open_legs
        for number in sorted(wanted ^ self._blocked):
            self._add(partial(messages.block, self.name, number, number in wanted))
        self._blocked = wanted
        if self._is_blocked:
            self._is_blocked = False
            self._add(partial(messages.block, self.name, None, False))

    def _listen(self, reply: Reply, now: float) -> None:
        due = tuple(number for number, leg in self._legs.items() if leg.is_due)
        heard = received(reply, due)
        if heard != self._heard or not due:
            self._heard, self.heard_at = heard, now

    def _miss(self, problem: str, now: float) -> None:
        """Nobody said whether media came: that tells of the way to rtpengine only. That the call is not there does."""
        if problem != GONE and not self._is_over:
            self._bridge = None
            self._tell(Refused(self.name, problem))


def _ends(reply: Reply) -> list[End]:
    """What the reply describes. Raises ControlError."""
    text = reply.get("sdp")
    return description.read(text) if isinstance(text, str) else []


def _done(reply: Reply, now: float) -> None:
    """There is nothing in the reply that is of interest."""


def _no_matter(problem: str, now: float) -> None:
    """It is gone, or rtpengine will find out by itself."""


def _no_answer(reply: Reply | None, now: float) -> None:
    """Nothing depends on it."""
