"""What a client does by itself with leased ports: between what the core says and what the relay hears.

Theory. A Reserve is met from the stock and answered at once; its legs *wait*. The first Direct or Bridge of a
leg has it *introduced*: a quiet Reserve with its ports goes ahead, in the same packet. A leg that is released
while it waits, as the losers of a fork are, was never known to anybody else. Whatever the stock cannot meet
goes to the relay as it is, after the legs that it names were introduced. Both sides obey in order, so that
the relay is never asked for a pair that it has not yet been given back.

`now` is handed in. What is to be sent is in `commands`, what is to be told in `answers`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple, get_args

from rtp_relay import control
from rtp_relay.control import LegRequest, Release, Reserve
from rtp_relay.stock import Stock

MEDIA_LIMIT: Final = 32  # of a leg; whoever wants more is for the relay to refuse


class Loan(NamedTuple):
    """Ports of a stock, lent for what was requested."""

    stock: Stock
    request: LegRequest
    ports: tuple[int, ...]


class Held:
    """What one call has of the stocks, by leg."""

    __slots__ = ("introduced", "is_introduced", "is_met_by_relay", "is_partly_the_relays", "waiting")

    def __init__(self) -> None:
        self.waiting: dict[int, list[Loan]] = {}
        self.introduced: dict[int, list[Loan]] = {}
        self.is_introduced = False  # the relay has heard of the call
        self.is_partly_the_relays = False  # it has asked the relay for endpoints that are none of the stock's
        self.is_met_by_relay = False  # and got some

    def can_go_on(self, request: LegRequest) -> bool:
        """No port is named, and the media are those that follow what the stock has lent the leg."""
        loans = self.waiting.get(request.leg) or self.introduced.get(request.leg)
        if loans:
            media = loans[-1].request.first_medium + loans[-1].request.media
        elif self.is_partly_the_relays:  # it may be a leg of the relay's
            return False
        else:
            media = 0
        return (
            request.first_medium == media and 0 < request.media <= MEDIA_LIMIT - media and not request.ports
        )


class Leases:
    """The stocks of one connection, and the calls that are served from them. interfaces: as Welcome names them."""

    def __init__(self, interfaces: Sequence[str]) -> None:
        self.commands: list[control.Command] = []
        self.answers: list[control.Event] = []
        self._all = tuple([Stock(name) for name in interfaces])
        self._stocks = {stock.interface: stock for stock in self._all}
        if self._all:
            self._stocks.setdefault("", self._all[0])
        self._calls: dict[str, Held] = {}
        self._asked: deque[Stock] = deque()  # Leases not yet answered, in order
        self._releasing: deque[list[Loan]] = deque()  # those of each Release not yet answered
        self._asked_for: dict[str, Reserve | None] = {}  # of the relay, as the stock had too little
        self._named: set[int] = set()  # ports that calls asked for while a Lease was on its way
        self._introductions: dict[str, int] = {}  # where in `commands` a call's quiet Reserve is
        self._is_drawn_on = False

    @property
    def is_stocked(self) -> bool:
        """Every stock's first Lease was answered."""
        return all(stock.is_begun for stock in self._all)

    def has_introduced(self, call: str) -> bool:
        """The relay has heard of that call, and nothing of it is settled here alone."""
        held = self._calls.get(call)
        return held is not None and held.is_introduced

    def take_commands(self) -> list[control.Command]:
        commands, self.commands = self.commands, []
        self._introductions.clear()
        return commands

    def take_answers(self) -> list[control.Event]:
        answers, self.answers = self.answers, []
        return answers

    def mind_stocks(self, now: float) -> None:
        """Lease what is wanted, give back what is not."""
        for stock in self._all:
            wanted = stock.wanted(now)
            if wanted:
                stock.is_asking = True
                self._asked.append(stock)
                self.commands.append(control.Lease(stock.interface, wanted))
            surplus = stock.surplus(now)
            if surplus:
                self.commands.append(control.Return(stock.interface, surplus))

    # What the core says.

    def obey(self, commands: Iterable[control.Command], now: float) -> None:
        """Settle what can be settled here, and pass on the rest."""
        for command in commands:
            OBEY.get(type(command), Leases._pass_on)(self, command, now)
        if self._is_drawn_on:
            self._is_drawn_on = False
            self.mind_stocks(now)

    def _pass_on(self, command: control.Command, now: float) -> None:
        self.commands.append(command)

    def _about_leg(self, command: control.Direct | control.Performance, now: float) -> None:
        self._introduce(command.call, command.leg)
        self.commands.append(command)

    def _bridge(self, command: control.Bridge, now: float) -> None:
        self._introduce(command.call, command.a)
        self._introduce(command.call, command.b)
        self.commands.append(command)

    def _introduce(self, call: str, leg: int) -> None:
        """Have the relay know a leg that waits, by one quiet Reserve for all such legs of a packet."""
        held = self._calls.get(call)
        if held is None or leg not in held.waiting:
            return
        loans = held.waiting.pop(leg)
        held.is_introduced = True
        held.introduced.setdefault(leg, []).extend(loans)
        legs = tuple(
            [LegRequest(leg, one.interface, one.media, ports, one.first_medium) for _, one, ports in loans]
        )
        at = self._introductions.get(call)
        if at is None:
            self._introductions[call] = len(self.commands)
            self.commands.append(Reserve(call, legs, quiet=True))
        else:
            begun = self.commands[at]
            assert isinstance(begun, Reserve)
            self.commands[at] = Reserve(call, begun.legs + legs, quiet=True)

    def _reserve(self, command: Reserve, now: float) -> None:
        self._is_drawn_on = True
        reserved = self._serve(command, now)
        if reserved is not None:
            self.answers.append(reserved)
            return
        held = self._calls.setdefault(command.call, Held())
        for request in command.legs:
            self._introduce(command.call, request.leg)
            if request.ports:
                self._introduce_holders(request.ports)
                self._withdraw(request)
        held.is_introduced = held.is_partly_the_relays = True
        if not any(request.ports for request in command.legs):
            self._asked_for[command.call] = None if command.call in self._asked_for else command
        self.commands.append(command)

    def _serve(self, command: Reserve, now: float, early: bool = False) -> control.Reserved | None:
        """Meet a Reserve from the stock, the whole of it or nothing."""
        held = self._calls.get(command.call) or Held()
        taken: list[Loan] = []
        lent: list[control.Lent] = []
        for request in command.legs:
            stock = self._stocks.get(request.interface)
            ports: tuple[int, ...] = ()
            if stock is not None and held.can_go_on(request):
                ports = stock.take(request.media, now, early)
            if stock is None or not ports:
                _unserve(held, taken)
                return None
            loan = Loan(stock, request, ports)
            taken.append(loan)
            held.waiting.setdefault(request.leg, []).append(loan)
            for medium, port in enumerate(ports, request.first_medium):
                lent.append(control.Lent(request.leg, medium, stock.address, port, port + 1))
        self._calls[command.call] = held
        return control.Reserved(command.call, tuple(lent))

    def _introduce_holders(self, ports: tuple[int, ...]) -> None:
        """What is asked for by name may be lent to a call that waits: the relay, which would refuse, must know."""
        for port in ports:
            if any(stock.has_lent(port) for stock in self._all):
                for call, held in self._calls.items():
                    for leg, loans in tuple(held.waiting.items()):
                        if any(port in loan.ports for loan in loans):
                            self._introduce(call, leg)

    def _withdraw(self, request: LegRequest) -> None:
        """Ports that a call asks for by name leave their lease.

        Where the pair is another interface's, the relay must be told that nobody here will lend it.
        """
        own = self._stocks.get(request.interface)
        if self._asked:
            self._named.update(request.ports)
        for stock in self._all:
            ports = tuple([port for port in request.ports if stock.withdraw(port)])
            if ports and stock is not own:
                self.commands.append(control.Return(stock.interface, ports))

    def _release(self, command: Release, now: float) -> None:
        held = self._calls.get(command.call)
        if held is None:
            self._send_release(command, [])
        elif command.legs:
            self._release_legs(command, held, now)
        else:
            del self._calls[command.call]
            for loans in held.waiting.values():
                _rest(loans, now)
            if held.is_introduced:
                self._send_release(command, [loan for loans in held.introduced.values() for loan in loans])
            else:
                self.answers.append(control.Released(command.call, ()))

    def _release_legs(self, command: Release, held: Held, now: float) -> None:
        """Legs that have waited all the time are settled here; the relay is told of the others."""
        told: list[int] = []
        known: list[Loan] = []
        for leg in command.legs:
            waited = held.waiting.pop(leg, None)
            if waited:
                _rest(waited, now)
            if leg in held.introduced:
                known += held.introduced.pop(leg)
                told.append(leg)
            elif not waited:
                told.append(leg)
        if held.is_introduced and told:
            self._send_release(Release(command.call, tuple(told)), known)
        if not held.waiting and not held.introduced and not held.is_partly_the_relays:
            del self._calls[command.call]

    def _send_release(self, command: Release, known: list[Loan]) -> None:
        self._introductions.pop(command.call, None)
        self._releasing.append(known)
        self.commands.append(command)

    def _query(self, command: control.Query, now: float) -> None:
        held = self._calls.get(command.call)
        if held is not None and not held.is_introduced:
            self.answers.append(control.Figures(command.call, ()))
        else:
            self.commands.append(command)

    # What the relay says.

    def hear(self, event: control.Event, now: float) -> control.Event | None:
        """What the core is to be told instead of an event of the relay's; None for nothing."""
        match event:
            case control.Released():
                if self._releasing:
                    _rest(self._releasing.popleft(), now)
            case control.Leased():
                self._stock_up(event, now)
                return None
            case control.Refused(call=""):
                if self._asked:
                    self._asked.popleft().refuse(now)
                    self.mind_stocks(now)
                return None
            case control.Refused():
                return self._try_again(event, now)
            case control.Reserved():
                self._asked_for.pop(event.call, None)
                held = self._calls.get(event.call)
                if held is not None:
                    held.is_met_by_relay = True
        return event

    def _stock_up(self, event: control.Leased, now: float) -> None:
        if not self._asked:
            return
        stock = self._asked.popleft()
        ports = [port for port in event.ports if port not in self._named]
        if len(ports) < len(event.ports):
            named = tuple([port for port in event.ports if port in self._named])
            self.commands.append(control.Return(stock.interface, named))
        stock.add(event.address, ports, event.rest)
        if not self._asked:
            self._named.clear()
        self.mind_stocks(now)

    def _try_again(self, event: control.Refused, now: float) -> control.Event:
        """The relay has no port: a call refused is a worse evil than a rest cut short."""
        held = self._calls.get(event.call)
        command = self._asked_for.pop(event.call, None)
        if held is None:
            return event
        if (
            not held.waiting and not held.introduced and not held.is_met_by_relay
        ):  # all there was is what has been refused
            del self._calls[event.call]
        if command is None:
            return event
        return self._serve(command, now, early=True) or event


def _unserve(held: Held, taken: list[Loan]) -> None:
    """The Reserve cannot be met: what was taken for it has not been."""
    for loan in reversed(taken):
        loan.stock.put_back(loan.ports)
        loans = held.waiting[loan.request.leg]
        loans.pop()
        if not loans:
            del held.waiting[loan.request.leg]


def _rest(loans: Iterable[Loan], now: float) -> None:
    for stock, _, ports in loans:
        stock.give_back(ports, now)


OBEY: Final[dict[type[control.Command], Callable[..., None]]] = {
    control.Direct: Leases._about_leg,
    **dict.fromkeys(get_args(control.Performance), Leases._about_leg),
    control.Bridge: Leases._bridge,
    control.Reserve: Leases._reserve,
    control.Release: Leases._release,
    control.Query: Leases._query,
}
