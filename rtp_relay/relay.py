"""The relay, with the sockets taken out: commands and packets in, events and packets out, `now` handed in.

Give it a command, then `take_events()`; whenever `next_deadline()` has come, `handle_deadline(now)`.
Packets reach the endpoints by way of the form. A call belongs to the *owner* who reserved it, a number
that the process gives to a connection. When the owner is lost its calls are kept for a while as orphans;
a Reserve for the same call, or for the same ports, adopts them. Ports leased to the owner that no call has
go to rest.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple, get_args

from rtp_relay import control
from rtp_relay.bridge import Leg, join, part, rejoin
from rtp_relay.call import Call, Owner
from rtp_relay.endpoint import Endpoint, settle
from rtp_relay.errors import PortsExhausted, Refusal
from rtp_relay.form import Form, Interface
from rtp_relay.interfaces import Interfaces
from rtp_relay.ports import REST
from rtp_relay.source import is_version_6
from rtp_relay.stage import Stage
from rtp_relay.studio import PlainStudio, Studio
from rtp_relay.tally import Tally

Note = Callable[..., object]  # note(event, **what): the process logs it, a test collects it

MEDIA_LIMIT: Final = 32  # m-lines of one leg; more is a mistake, or somebody emptying the pool
LEG_LIMIT: Final = 256  # legs of one call
CALLS_IN_HOLDINGS: Final = 1000  # calls named in one event, so that it stays under PACKET_LIMIT


@dataclass(frozen=True, slots=True)
class Settings:
    """What may be chosen. Intervals are seconds.

    media_timeout: silence after which the core is told; 0 never tells it.
    learning: how long after the bridge (or a Direct later on) a far address may still be learnt.
    rest: how long ports rest between calls.
    orphan_time: how long calls outlive the connection that they belong to.
    """

    first_port: int = 20000
    last_port: int = 29999
    media_timeout: float = 60.0
    learning: float = 10.0
    rest: float = REST
    orphan_time: float = 30.0


USUAL: Final = Settings()


class Loan(NamedTuple):
    """What one Reserve lends by: from the lease or not, to whom, when; fresh: endpoints made so far."""

    quiet: bool
    owner: Owner
    now: float
    fresh: list[tuple[Leg, Endpoint]]


class Relay:
    """Every call's endpoints and bridges, on one form of forwarding.

    Raises StartError if there is no interface, or an address is none, or the range holds no pair.
    """

    def __init__(
        self,
        form: Form,
        interfaces: Sequence[Interface],
        settings: Settings = USUAL,
        note: Note | None = None,
        studio: Studio | None = None,
    ) -> None:
        self._form = form
        self._settings = settings
        self._note = note or _note_nothing
        self._stage = Stage(form, studio or PlainStudio())
        self._tally = Tally()
        self._calls: dict[str, Call] = {}
        self._events: list[tuple[Owner, control.Event]] = []
        self._deadlines: list[tuple[float, int, Call]] = []
        self._numbers = itertools.count()
        self._interfaces = Interfaces(
            form, interfaces, settings.first_port, settings.last_port, settings.rest
        )

    def open(self, pairs: int) -> None:
        """Open ports ahead of need, on each address. Raises StartError if there is one that lends none."""
        self._interfaces.open(pairs)

    def close(self) -> None:
        """Close every port. Calls end without a word; recordings are finished."""
        self._stage.close()
        self._calls.clear()
        self._deadlines.clear()
        self._interfaces.close()

    def leave(self) -> None:
        """End, and leave ports and flows as they are, for another relay. Recordings are finished."""
        self._stage.close()

    # Commands and events.

    def handle(self, command: control.Command, owner: Owner, now: float) -> None:
        """Obey one command. What it leads to is in `take_events`."""
        COMMANDS[type(command)](self, command, owner, now)

    def take_events(self) -> list[tuple[Owner, control.Event]]:
        """What there is to tell, and whom."""
        events, self._events = self._events, []
        return events

    @property
    def has_events(self) -> bool:
        """There is something to tell, of packets that came."""
        return bool(self._events)

    def lose(self, owner: Owner, now: float) -> None:
        """The owner's connection is gone: its calls go on for a while, for somebody to adopt."""
        until = now + self._settings.orphan_time
        orphans = [call for call in self._calls.values() if call.owner == owner]
        for call in orphans:
            call.owner = None
            call.orphaned_until = until
            self._schedule(until, call)
        self._interfaces.end_leases(owner, now)
        if orphans:
            self._note("calls orphaned", calls=len(orphans), seconds=self._settings.orphan_time)

    # Time.

    def next_deadline(self) -> float | None:
        """When `handle_deadline` is to be called next; None while nothing is pending."""
        due = self._stage.next_deadline()
        deadlines = self._deadlines
        while deadlines and self._calls.get(deadlines[0][2].name) is not deadlines[0][2]:
            heapq.heappop(deadlines)  # most calls are over long before: nobody is to wake for them
        own = deadlines[0][0] if deadlines else None
        return own if due is None or (own is not None and own < due) else due

    def handle_deadline(self, now: float) -> None:
        """Do what is due: say what is played, look for silence, release orphans."""
        self._stage.handle_deadline(now)
        while self._deadlines and self._deadlines[0][0] <= now:
            _, _, call = heapq.heappop(self._deadlines)
            if self._calls.get(call.name) is not call:
                continue
            if call.orphaned_until is not None and call.orphaned_until <= now:
                self._note("orphan released", call=call.name)
                self._release_legs(call, list(call.legs), now)
            else:
                self._look_for_silence(call, now)

    @property
    def wants_growth(self) -> bool:
        """Few ports are free, and there are more to open."""
        return self._interfaces.wants_growth

    def grow(self) -> None:
        """Open some ports more, so few that media does not wait for it."""
        self._interfaces.grow()

    @property
    def ports_lent(self) -> int:
        """Pairs that calls have."""
        return self._interfaces.lent

    def _schedule(self, at: float, call: Call) -> None:
        heapq.heappush(self._deadlines, (at, next(self._numbers), call))

    def _watch(self, call: Call, now: float) -> None:
        if self._settings.media_timeout > 0 and not call.is_watched:
            call.is_watched = True
            self._schedule(now + self._settings.media_timeout, call)

    def _look_for_silence(self, call: Call, now: float) -> None:
        """Each call is looked at when it could be silent at the earliest, not every second."""
        timeout = self._settings.media_timeout
        if not call.is_watched or timeout <= 0:
            return
        last = self._last_sign(call)
        if (
            last is not None and now >= last + timeout
        ):  # as it was scheduled: rounding must not bring it back at once
            self._note("no media", call=call.name, seconds=round(now - last, 3))
            self._tally.silent += 1
            self._tell(call, control.Silent(call.name, round(now - last, 3)))
            last = None  # told; again if it stays silent for as long again
        self._schedule((now if last is None else last) + timeout, call)

    def _last_sign(self, call: Call) -> float | None:
        """When a leg that owes packets last sent one, or began to owe them; None if none owes any."""
        last: float | None = None
        for endpoint in call.endpoints():
            if endpoint.due and endpoint.peer is not None:
                self._form.collect(endpoint.pair.rtp, endpoint.stream)
                sign = max(endpoint.last_heard, endpoint.due_since)
                last = sign if last is None else max(last, sign)
        return last

    def _tell(self, call: Call, event: control.Event) -> None:
        if call.owner is not None:
            self._events.append((call.owner, event))

    # The commands, one by one.

    def _hello(self, command: control.Hello, owner: Owner, now: float) -> None:
        if not control.OLDEST <= command.version <= control.VERSION:
            spoken = f"versions {control.OLDEST} to {control.VERSION}"
            reason = f"this relay speaks {spoken}, not {command.version}"
            self._events.append((owner, control.Refused("", reason)))
            return
        form, calls, names = self._form, len(self._calls), self._interfaces.names
        welcome = control.Welcome(command.version, form.name, form.reason, calls, names, self._stage.speaks)
        self._events.append((owner, welcome))

    def _reserve(self, command: control.Reserve, owner: Owner, now: float) -> None:
        call = self._calls.get(command.call) or Call(command.call, owner)
        loan = Loan(command.quiet, owner, now, [])
        try:
            self._check_owner(call, command, owner)
            for request in command.legs:
                self._lend_leg(call, request, loan)
        except Refusal as refusal:
            self._undo(call, loan.fresh)
            self._tally.refused += 1
            self._note("reserve refused", call=command.call, reason=str(refusal))
            self._events.append((owner, control.Refused(command.call, str(refusal))))
            return
        if call.owner != owner:
            self._take_over(call, owner)
        self._calls[call.name] = call
        for request in command.legs:
            leg = call.legs[request.leg]
            if leg.partner is not None:
                rejoin(leg, self._form, now, self._settings.learning)
        if not command.quiet:
            self._events.append((owner, control.Reserved(call.name, call.lent(command.legs))))

    def _check_owner(self, call: Call, command: control.Reserve, owner: Owner) -> None:
        """Another's call may be taken over by who names its ports, as a core does that has come back."""
        if call.owner not in (None, owner) and not all(request.ports for request in command.legs):
            raise Refusal("the call belongs to another connection")

    def _take_over(self, call: Call, owner: Owner) -> None:
        """Another's call, or an orphan: ports that were leased to who had it are leased to nobody now."""
        call.owner, call.orphaned_until = owner, None
        for endpoint in call.endpoints():
            self._stage.hush(endpoint)
            if endpoint.pair.lessee != owner:
                endpoint.pair.lessee = None

    def _lend_leg(self, call: Call, request: control.LegRequest, loan: Loan) -> None:
        if not 0 < request.media <= MEDIA_LIMIT or not 0 <= request.first_medium <= MEDIA_LIMIT:
            raise Refusal(f"leg {request.leg}: {request.media} media from {request.first_medium}")
        if len(request.ports) != request.media and (request.ports or loan.quiet):
            raise Refusal(f"leg {request.leg}: {len(request.ports)} ports for {request.media} media")
        leg = call.legs.get(request.leg) or self._new_leg(call, request)
        for medium, wanted in enumerate(request.ports or (None,) * request.media, request.first_medium):
            self._lend(leg, medium, wanted, loan)

    def _new_leg(self, call: Call, request: control.LegRequest) -> Leg:
        interface, pool = self._interfaces.named(request.interface)
        if len(call.legs) >= LEG_LIMIT:
            raise Refusal(f"more than {LEG_LIMIT} legs in a call")
        leg = call.legs[request.leg] = Leg(request.leg, interface, pool)
        return leg

    def _lend(self, leg: Leg, medium: int, wanted: int | None, loan: Loan) -> None:
        """Give the leg an endpoint for the medium, unless it has one already; it must be the wanted one."""
        endpoint = leg.endpoints.get(medium)
        if endpoint is not None:
            if wanted is not None and endpoint.pair.number != wanted:
                has = endpoint.pair.number
                raise Refusal(f"leg {leg.number} has port {has} for medium {medium}, not {wanted}")
            return
        if wanted is None:
            pair = leg.pool.lend(loan.now)
        elif loan.quiet:
            pair = leg.pool.lend_leased(wanted, loan.owner)
        else:
            pair = leg.pool.lend_number(wanted, loan.now, loan.owner)
        if pair.rtp.waits and (wanted is None or loan.quiet):  # a new call, not one that comes back
            self._form.renounce(pair.rtp)
            self._form.renounce(pair.rtcp)
        endpoint = leg.endpoints[medium] = Endpoint(leg.number, medium, pair, loan.now, self._belief_changed)
        loan.fresh.append((leg, endpoint))

    def _undo(self, call: Call, fresh: list[tuple[Leg, Endpoint]]) -> None:
        for leg, endpoint in fresh:
            del leg.endpoints[endpoint.medium]
            leg.pool.undo(endpoint.pair)
        for number in [number for number, leg in call.legs.items() if not leg.endpoints]:
            del call.legs[number]

    def _lease(self, command: control.Lease, owner: Owner, now: float) -> None:
        try:
            interface, pool = self._interfaces.named(command.interface)
            ports = pool.lease(command.pairs, owner, now)
            if not ports:
                raise PortsExhausted(f"no port at {pool.host} is left to lease")
        except Refusal as refusal:
            self._events.append((owner, control.Refused("", str(refusal))))
            return
        leased = control.Leased(command.interface, interface.advertised, tuple(ports), self._settings.rest)
        self._events.append((owner, leased))

    def _return(self, command: control.Return, owner: Owner, now: float) -> None:
        try:
            _, pool = self._interfaces.named(command.interface)
        except Refusal as refusal:
            self._note("return refused", reason=str(refusal))
            return
        pool.take_return(command.ports, owner)

    def _direct(self, command: control.Direct, owner: Owner, now: float) -> None:
        call = self._calls.get(command.call)
        leg = call.legs.get(command.leg) if call else None
        endpoint = leg.endpoints.get(command.medium) if leg else None
        if leg is None or endpoint is None:
            self._note("no such endpoint", call=command.call, leg=command.leg, medium=command.medium)
            return
        endpoint.direct(command, is_version_6(leg.interface.bind), now)
        if endpoint.pair.rtp.waits:
            left = self._form.inheritance(endpoint.pair.rtp)
            if left is not None:
                endpoint.recall(left)
        if endpoint.peer is not None:
            endpoint.latch.limit(now + self._settings.learning)
            settle(endpoint, self._form)

    def _attend(self, endpoint: Endpoint) -> None:
        """A call that came back has said what it wants: what has waited is for it."""
        pair = endpoint.pair
        if pair.rtp.waits:
            self._form.attend(pair.rtp)
        if pair.rtcp.waits:
            self._form.attend(pair.rtcp)

    def _belief_changed(self, endpoint: Endpoint) -> None:
        endpoint.aim()
        settle(endpoint, self._form)

    def _bridge(self, command: control.Bridge, owner: Owner, now: float) -> None:
        call = self._calls.get(command.call)
        a, b = (call.legs.get(command.a), call.legs.get(command.b)) if call else (None, None)
        if call is None or a is None or b is None or a is b:
            self._note("no such legs", call=command.call, a=command.a, b=command.b)
            return
        join(a, b, command.a_to_b, command.b_to_a, self._form, now, self._settings.learning)
        for endpoint in call.endpoints():
            self._attend(endpoint)
        self._watch(call, now)

    def _release(self, command: control.Release, owner: Owner, now: float) -> None:
        call = self._calls.get(command.call)
        streams: tuple[control.StreamFigures, ...] = ()
        if call is not None:
            numbers = [number for number in command.legs or tuple(call.legs) if number in call.legs]
            streams = self._release_legs(call, numbers, now)
        self._events.append((owner, control.Released(command.call, streams)))

    def _release_legs(self, call: Call, numbers: list[int], now: float) -> tuple[control.StreamFigures, ...]:
        """Take back the endpoints of some legs; the call ends with its last leg."""
        streams = []
        for number in numbers:
            leg = call.legs.pop(number)
            part(leg, self._form, now)
            for endpoint in leg.endpoints.values():
                self._stage.leave(endpoint)
                self._form.collect(endpoint.pair.rtp, endpoint.stream)
                streams.append(endpoint.figures(now))
                leg.pool.give_back(endpoint.pair, now)
        if not call.legs:
            del self._calls[call.name]
        self._tally.add(streams)
        return tuple(streams)

    def _perform(self, command: control.Performance, owner: Owner, now: float) -> None:
        call = self._calls.get(command.call)
        leg = call.legs.get(command.leg) if call else None
        endpoints = leg.endpoints if leg else {}
        for endpoint in endpoints.values():
            self._attend(endpoint)
        if isinstance(command, control.StopPlaying):
            self._stage.stop(command.play_id, endpoints.values())
        else:
            tell = partial(self._tell, call or Call(command.call, owner))
            self._stage.handle(command, endpoints.get(command.medium), tell, now)

    def _query(self, command: control.Query, owner: Owner, now: float) -> None:
        call = self._calls.get(command.call)
        streams = []
        for endpoint in call.endpoints() if call else ():
            self._form.collect(endpoint.pair.rtp, endpoint.stream)
            streams.append(endpoint.figures(now))
        self._events.append((owner, control.Figures(command.call, tuple(streams))))

    def _inventory(self, command: control.Inventory, owner: Owner, now: float) -> None:
        ports, names = self._interfaces, list(self._calls)
        for start in range(0, max(len(names), 1), CALLS_IN_HOLDINGS):
            some = tuple(names[start : start + CALLS_IN_HOLDINGS])
            more = start + CALLS_IN_HOLDINGS < len(names)
            holdings = control.Holdings(some, ports.lent, ports.free, ports.resting, more, ports.leased)
            self._events.append((owner, holdings))


    def _measure(self, command: control.Measure, owner: Owner, now: float) -> None:
        work, ports, tally = self._form.measure(), self._interfaces, self._tally
        measures = control.Measures(
            self._form.name, len(self._calls), ports.lent, ports.free, ports.resting, ports.leased, *work,
            tally.packets, tally.lost, tally.strangers, tally.malformed, tuple(tally.drops.items()),
            tally.refused, tally.silent, self._stage.playing,
        )  # fmt: skip
        self._events.append((owner, measures))


def _note_nothing(event: str, **what: object) -> None:
    """For who does not want to know."""


COMMANDS: Final[dict[type[control.Command], Callable[..., None]]] = {
    control.Hello: Relay._hello,
    control.Reserve: Relay._reserve,
    control.Direct: Relay._direct,
    control.Bridge: Relay._bridge,
    control.Release: Relay._release,
    control.Query: Relay._query,
    control.Inventory: Relay._inventory,
    control.Measure: Relay._measure,
    control.Lease: Relay._lease,
    control.Return: Relay._return,
    **dict.fromkeys(get_args(control.Performance), Relay._perform),
}
