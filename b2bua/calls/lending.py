"""The endpoints that the relay lends to a call: asked for, waited for, given back, and lent again by a new relay.

Theory. All legs of a step are asked for in one message, and the step begins when all have their endpoints. A relay
that says no, or nothing, costs a caller who has not been answered a 503, so that his trunk may try elsewhere. One whom
the flow has answered already waits for a while for a relay that is gone: one that is started again is back within a
second or two, and is told everything anew, with the very ports that the far ends know.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from b2bua.calls.leg import Leg
from b2bua.calls.state import State
from rtp_relay import control
from sip_stack.timers import Timer

if TYPE_CHECKING:
    from b2bua.calls.call import Call
    from b2bua.calls.fork import Fork

Then = Callable[[float], None]

RELAY_PATIENCE = 2.0  # seconds for the relay to lend endpoints; it takes a millisecond
ABSENCE_PATIENCE = 10.0  # seconds for one that is gone to be back


class Lending:
    """What one call has of the relay, and waits for. Told by its call of what the relay says."""

    __slots__ = ("_awaited", "_call", "_is_away", "_is_owed", "_spent", "_timer", "_when_lent")

    def __init__(self, call: Call) -> None:
        self._call = call
        self._awaited: list[Leg] = []  # until these have endpoints
        self._when_lent: Then | None = None
        self._spent: Fork | None = None  # a fork that has failed, and still has its endpoints
        self._is_away = False  # the relay
        self._is_owed = False  # the figures of a call that is over
        self._timer: Timer | None = None

    # Asking.

    def with_endpoint(self, then: Then, now: float) -> None:
        """Go on when the caller has an endpoint."""
        if self._call.caller.ends:
            then(now)
        else:
            self._ask([self._call.caller], then, now)

    def with_endpoints(self, fork: Fork, then: Then, now: float) -> None:
        """Go on when the caller and everybody of a fork have endpoints."""
        caller, legs = self._call.caller, [branch.leg for branch in fork.branches]
        self._ask(legs if caller.ends else [caller, *legs], then, now)

    def await_more(self, now: float) -> None:
        """Endpoints for a re-INVITE with more media were asked for: whoever waits is told if they do not come."""
        self._cancel()
        patience = ABSENCE_PATIENCE if self._is_away else RELAY_PATIENCE
        self._timer = self._call.stack.wheel.set(self, 0, now + patience)

    def _ask(self, legs: list[Leg], then: Then, now: float) -> None:
        self._call.state = State.PREPARING
        self._awaited, self._when_lent = legs, then
        self._reserve(now)

    def _reserve(self, now: float) -> None:
        """Ask for endpoints of all legs that are waited for, in one message."""
        call = self._call
        legs = [leg for leg in self._awaited if not leg.ends]
        call.media.reserve(legs, len(call.offer.media) if call.offer is not None else 1)
        self.await_more(now)

    # Giving back.

    def keep_spent(self, fork: Fork) -> None:
        """A fork has failed. Most often the call ends with it, and all is given back at once."""
        self._spent = fork

    def release_spent(self) -> None:
        """The call goes on."""
        spent, self._spent = self._spent, None
        if spent is not None:
            spent.release()

    def release_all(self) -> None:
        """The call is over."""
        self._cancel()
        if self._call.media.is_asked:
            self._call.media.release_all()
            self._is_owed = True

    @property
    def is_owed(self) -> bool:
        """The relay has yet to say how the media of the call was."""
        return self._is_owed

    def dissolve(self) -> None:
        self._cancel()
        self._awaited, self._when_lent, self._spent = [], None, None

    # From the relay, and the wheel.

    def relay_event(self, event: control.Event, now: float) -> None:
        """Reserved, Refused or Released."""
        if isinstance(event, control.Reserved):
            self._call.media.accept(event, {leg.number: leg for leg in self._call.legs})
            self._lent(now)
        elif isinstance(event, control.Refused):
            self._refused(event, now)
        elif isinstance(event, control.Released):
            self._call.switchboard.note_streams(self._call.record, event.streams)
            self._paid(now)

    def relay_lost(self, now: float) -> None:
        """The relay is gone: no figures will come, nothing sounds, and whoever waits for endpoints waits for it."""
        call = self._call
        self._is_away = True
        if call.state is State.PREPARING:
            if call.is_told_so:
                self.await_more(now)
            else:
                call.ending.no_media("the relay is not there", now)
            return
        call.announcer.relay_lost(now)
        if self._is_owed:
            self._paid(now)
        else:
            call.crossing.not_lent(now)

    def relay_is_back(self, now: float) -> None:
        """A new relay: lend the same ports again, so that the media goes on without a word on the wire."""
        call = self._call
        self._is_away = False
        if call.state is State.OVER:
            return
        call.media.restore(call.legs)
        if call.state is State.PREPARING:
            self._reserve(now)
        if call.state is not State.CONNECTED:
            call.fork.relay_is_back(now)
            call.announcer.relay_is_back(now)

    def handle_timer(self, name: int, now: float) -> None:
        self._timer = None
        self._call.guard(Lending._late, self, None, now)

    def _late(self, _: None, now: float) -> None:
        if self._call.state is State.PREPARING:
            self._call.ending.no_media("the relay did not answer", now)
        else:
            self._call.crossing.not_lent(now)

    def _lent(self, now: float) -> None:
        call = self._call
        if call.state is not State.PREPARING:
            if call.crossing.lent(now):
                self._cancel()
            return
        if not all(leg.ends for leg in self._awaited):  # it answers what a new relay was to lend again
            return
        self._cancel()
        then, self._when_lent, self._awaited = self._when_lent, None, []
        call.state = State.RINGING
        assert then is not None
        then(now)

    def _refused(self, event: control.Refused, now: float) -> None:
        call = self._call
        if call.state is State.PREPARING:
            if not (self._is_away and call.is_told_so):
                call.ending.no_media(f"relay: {event.reason}", now)
        elif not call.crossing.not_lent(now) and call.state is not State.OVER:
            call.ending.media_lost(event.reason, now)  # a new relay could not lend the ports that the far ends know

    def _paid(self, now: float) -> None:
        if self._call.state is State.OVER:
            self._is_owed = False
            self._call.close_if_quiet(now)

    def _cancel(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            self._call.stack.wheel.cancel(timer)
