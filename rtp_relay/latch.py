"""The relay's belief about one far address, and how it was come by.

Theory. The signalling states an address. Mostly media comes from there; a far end behind NAT sends from
another, which only its packets can tell, and anybody can send packets. So:

- the stated address is believed at once, and its first packet settles the matter;
- another source is believed only while the window is open, only if the signalling allowed it, and only
  after RUN_LENGTH packets of one SSRC whose sequence numbers follow each other. Until then nothing of it
  is forwarded and nothing is sent to it. A source that is believed and heard gives way only to the stated
  address, or, in a window that was opened anew, to a run that comes after QUIET seconds of its silence;
- once confirmed the belief is strict: everything else is a stranger, dropped and counted.

The window has no end of its own before the endpoint is bridged, as nobody can hear or be heard yet;
from then on it is bounded. RTCP never teaches: only RTP (or T.38) is shown to a latch.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Final, NamedTuple

from rtp_relay.source import Address

RUN_LENGTH: Final = 3  # packets; 60 ms of speech
QUIET: Final = 0.2  # seconds without a packet from the believed source before another may take its place
CANDIDATES: Final = 8  # sources observed at a time; the oldest gives way


class State(enum.IntEnum):
    BLANK = enum.auto()  # nothing stated: nobody is believed
    EXPECTING = enum.auto()  # stated, not heard, no window
    OPEN = enum.auto()  # stated, not heard, window open
    REOPENED = enum.auto()  # heard, and the window open anew
    LEARNT = enum.auto()  # another than the stated, in this window; the stated one may still take it back
    CONFIRMED = enum.auto()  # heard and strict


class Input(enum.IntEnum):
    BELIEVED = enum.auto()  # a packet from the source believed and heard
    STATED = enum.auto()  # a packet from the stated address
    RUN = enum.auto()  # the packet that completes another source's run
    OTHER = enum.auto()  # any other packet
    CLOSE = enum.auto()  # the window's end
    STATE = enum.auto()  # the signalling states an address, and no other will do
    ADVISE = enum.auto()  # the signalling states an address, and another may be learnt
    REOPEN = enum.auto()  # the signalling opens the window anew for an address stated before
    FORGET = enum.auto()  # the signalling takes the medium away


class Run(NamedTuple):
    ssrc: int
    sequence: int
    length: int


class Latch:
    """One belief. `passing` is the source whose packets need no further thought: believed and heard."""

    __slots__ = ("_runs", "believed", "closes", "learn_from", "passing", "state", "stated")

    def __init__(self) -> None:
        self.state = State.BLANK
        self.stated: Address | None = None
        self.believed: Address | None = None
        self.passing: Address | None = None
        self.closes: float | None = None
        self.learn_from: tuple[str, ...] = ()
        self._runs: dict[Address, Run] | None = None

    def __repr__(self) -> str:
        return f"<Latch {self.state.name} stated={self.stated} believed={self.believed}>"

    # What the signalling says.

    def direct(
        self, stated: Address | None, may_learn: bool, reopen: bool, learn_from: tuple[str, ...] = ()
    ) -> None:
        """Take what the signalling says of the far end; said again it changes nothing, unless reopen."""
        self.learn_from = learn_from
        if stated is None:
            self._handle(Input.FORGET, None)
        elif stated != self.stated:
            self.stated = stated
            self._handle(Input.ADVISE if may_learn else Input.STATE, None)
        elif may_learn and reopen:
            self._handle(Input.REOPEN, None)
        elif not may_learn and self.believed != stated:
            self._handle(Input.STATE, None)
        elif not may_learn:
            self._handle(Input.CLOSE, None)

    def recall(self, source: Address, is_strict: bool) -> bool:
        """Believe what an earlier relay had believed, if what was stated since allows it; whether it does.

        A belief that was not final yet gives way to the stated address only.
        """
        if source != self.stated and not (self.state in LEARNING and self._is_admissible(source)):
            return False
        self.believed = self.passing = source
        self.state = State.CONFIRMED if is_strict or source == self.stated else State.LEARNT
        return True

    def limit(self, closes: float) -> None:
        """Bound a window that has no end yet: the endpoint is bridged."""
        if self.closes is None and self.state in WINDOWED:
            self.closes = closes

    # What the wire says.

    def judge(self, source: Address, sequence: int, ssrc: int, silence: float, now: float) -> bool:
        """Whether a packet from a source other than `passing` may pass; it may change the belief.

        silence: seconds since the believed source was last heard.
        """
        if self.closes is not None and now >= self.closes:
            self._handle(Input.CLOSE, None)
        return self._handle(self._classify(source, sequence, ssrc, silence), source)

    def judge_unread(self, source: Address, silence: float, now: float) -> bool:
        """As `judge`, for packets without a sequence to follow (T.38): a run is packets of one source."""
        run = self._runs.get(source) if self._runs is not None else None
        return self.judge(source, (run.sequence + 1) & 0xFFFF if run else 0, 0, silence, now)

    def _classify(self, source: Address, sequence: int, ssrc: int, silence: float) -> Input:
        if source == self.passing:
            return Input.BELIEVED
        if source == self.stated:
            return Input.STATED
        if self.state not in LEARNING or not self._is_admissible(source):
            return Input.OTHER
        if self._extend_run(source, sequence, ssrc) < RUN_LENGTH:
            return Input.OTHER
        if self.passing is not None and silence < QUIET:
            return Input.OTHER
        return Input.RUN

    def _is_admissible(self, source: Address) -> bool:
        if not self.learn_from:
            return True
        return source[0] in self.learn_from or (self.stated is not None and source[0] == self.stated[0])

    def _extend_run(self, source: Address, sequence: int, ssrc: int) -> int:
        runs = self._runs
        if runs is None:
            runs = self._runs = {}
        before = runs.pop(source, None)
        follows = before is not None and before.ssrc == ssrc and sequence == (before.sequence + 1) & 0xFFFF
        length = before.length + 1 if before is not None and follows else 1
        if len(runs) >= CANDIDATES:
            del runs[next(iter(runs))]
        runs[source] = Run(ssrc, sequence, length)
        return length

    def _handle(self, what: Input, source: Address | None) -> bool:
        action, after = TABLE.get((self.state, what), (refuse, self.state))
        if after is not self.state:
            self.state = after
            self._runs = None
            if after not in WINDOWED:
                self.closes = None
        return action(self, source)


# What the rows ask for; each says whether the packet may pass.


def refuse(latch: Latch, source: Address | None) -> bool:
    return False


def admit(latch: Latch, source: Address | None) -> bool:
    return True


def believe(latch: Latch, source: Address | None) -> bool:
    latch.believed = latch.passing = source
    return True


def believe_stated_unheard(latch: Latch, source: Address | None) -> bool:
    latch.believed, latch.passing, latch.closes = latch.stated, None, None
    return False


def open_window(latch: Latch, source: Address | None) -> bool:
    latch.closes = None
    return False


def forget(latch: Latch, source: Address | None) -> bool:
    latch.stated = latch.believed = latch.passing = None
    return False


Action = Callable[[Latch, Address | None], bool]
S, I = State, Input

WINDOWED: Final = frozenset({S.OPEN, S.REOPENED, S.LEARNT})
LEARNING: Final = frozenset({S.OPEN, S.REOPENED})

# A pair that no row names: the packet is a stranger's, the state stays.
TABLE: Final[dict[tuple[State, Input], tuple[Action, State]]] = {
    (S.EXPECTING, I.STATED): (believe, S.CONFIRMED),
    (S.EXPECTING, I.REOPEN): (open_window, S.OPEN),
    (S.OPEN, I.STATED): (believe, S.CONFIRMED),
    (S.OPEN, I.RUN): (believe, S.LEARNT),
    (S.OPEN, I.CLOSE): (refuse, S.EXPECTING),
    (S.OPEN, I.REOPEN): (open_window, S.OPEN),
    (S.REOPENED, I.BELIEVED): (admit, S.REOPENED),
    (S.REOPENED, I.STATED): (believe, S.CONFIRMED),
    (S.REOPENED, I.RUN): (believe, S.LEARNT),
    (S.REOPENED, I.CLOSE): (refuse, S.CONFIRMED),
    (S.REOPENED, I.REOPEN): (open_window, S.REOPENED),
    (S.LEARNT, I.BELIEVED): (admit, S.LEARNT),
    (S.LEARNT, I.STATED): (believe, S.CONFIRMED),
    (S.LEARNT, I.CLOSE): (refuse, S.CONFIRMED),
    (S.LEARNT, I.REOPEN): (open_window, S.REOPENED),
    (S.CONFIRMED, I.BELIEVED): (admit, S.CONFIRMED),
    (S.CONFIRMED, I.REOPEN): (open_window, S.REOPENED),
    # A newly stated address, or none, is taken in any state.
    **{(state, I.STATE): (believe_stated_unheard, S.EXPECTING) for state in State},
    **{(state, I.ADVISE): (believe_stated_unheard, S.OPEN) for state in State},
    **{(state, I.FORGET): (forget, S.BLANK) for state in State},
}
