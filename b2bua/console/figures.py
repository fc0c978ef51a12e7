"""How recipients and numbers fare: the sums of the log kept up to date beside the calls, and figures made of them.

The console counts, since the core has calls to attend to. What is new is counted every few seconds; after a long
absence, or an update from a version that did not count, that may take it some seconds more, in which it says so.

Of a span that ends now, figures that are some seconds old are as good as any: they are given at once, with the time
that they are of, and read anew beside.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy.ext.asyncio import AsyncEngine

from b2bua.console.preferences import PreferenceStore
from b2bua.store import StoreError
from b2bua.store.statistics import RecipientFigures, Selection, Statistics, read_from
from b2bua.store.summing import Behind, advance, behind, fold

FRESH: Final = 10.0  # seconds in which nothing is read anew
NOTHING: Final = 1.0  # seconds for which there being no calls is believed
STALE: Final = 60.0  # seconds after which nobody is given them any more
ROUND_INTERVAL: Final = 5.0  # seconds between rounds of counting
LEFT_LIMIT: Final = 2_000  # calls that are counted while somebody waits: some 50 ms
_KEPT_LIMIT: Final = 32
_MINUTE: Final = 60_000_000  # microseconds
_HOUR: Final = 60 * _MINUTE
_DAY: Final = 24 * _HOUR

log = structlog.get_logger("console")


class Counting(Exception):
    """The log is being counted, and figures of it are yet to come."""

    def __init__(self, behind: Behind) -> None:
        super().__init__(f"{behind.left} of {behind.of} calls are yet to be counted")
        self.behind = behind


class Span(NamedTuple):
    """What is asked for. until: None is now, whenever that is; since: then a length, else a time (microseconds)."""

    since: int
    until: int | None
    number: str
    zone: str

    def selection(self, now: int) -> Selection:
        if self.until is not None:
            return Selection(self.since, self.until, self.number)
        until = (now // _MINUTE + 1) * _MINUTE
        since = until - self.since
        # Whole hours are summed up already; who asks for days does not mind some minutes more.
        return Selection(since if self.since < _DAY else since // _HOUR * _HOUR, until, self.number)


class Dated(NamedTuple):
    """Figures, and of which calls they are."""

    selection: Selection
    statistics: Statistics


@dataclass(slots=True)
class _Known:
    dated: Dated
    read_at: float

    @property
    def lasts(self) -> float:
        """For how long they may be given, in seconds: that there are no calls is soon no longer so, and soon read."""
        return STALE if self.dated.statistics.numbers else NOTHING


class Figures:
    """Statistics of the record of calls. clock: seconds since 1970. Everything may raise StoreError."""

    def __init__(self, engine: AsyncEngine, preferences: PreferenceStore, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._preferences = preferences
        self._clock = clock
        self._known: dict[Span, _Known] = {}
        self._turn = asyncio.Lock()  # one sum at a time; whoever asks for the same meanwhile gets the same
        self._reading: set[asyncio.Task[None]] = set()
        self._folded_at = 0  # hour since 1970

    async def of(self, selection: Selection) -> Dated:
        """As of store.statistics.read, in the zone that is preferred; a minute old at most. Raises Counting."""
        zone = (await self._preferences.read()).time_zone
        now = self._clock()
        span = _span(selection, zone, int(now * 1e6))
        known = self._known.get(span)
        if known is None or not 0 <= now - known.read_at < known.lasts:
            return (await self._read(span)).dated
        if now - known.read_at >= FRESH:
            self._read_beside(span)
        return known.dated

    async def lately(self) -> Statistics:
        """Of the days that are learned from; nothing as long as the log is being counted."""
        days = (await self._preferences.read()).learn_days
        now = int(self._clock() * 1e6)
        try:
            return (await self.of(Selection(now - days * _DAY, now))).statistics
        except Counting:
            return Statistics((), ())

    async def voicemails(self) -> dict[str, float]:
        """The URI that is rung → the second in which voicemail seems to answer."""
        found = (await self.lately()).recipients
        return {each.uri: each.voicemail.after / 1e6 for each in found if each.voicemail is not None}

    async def by_uri(self) -> dict[str, RecipientFigures]:
        found: dict[str, RecipientFigures] = {}
        for each in (await self.lately()).recipients:
            found.setdefault(each.uri, each)  # the one with the most calls comes first
        return found

    async def keep_up(self) -> None:
        """Count what is new, without end."""
        while True:
            try:
                await self.catch_up()
            except StoreError as problem:
                log.warning("calls cannot be counted; trying on", problem=str(problem))
            await asyncio.sleep(ROUND_INTERVAL)

    async def catch_up(self) -> None:
        """Count everything that is not counted yet, with room for others in between."""
        while await advance(self._engine):
            pass
        hour = int(self._clock() // 3600)
        if hour != self._folded_at:
            while await fold(self._engine, int(self._clock() * 1e6)):
                pass
            self._folded_at = hour
            await self.lately()  # so that whoever comes first need not wait

    async def close(self) -> None:
        for task in self._reading:
            task.cancel()
        await asyncio.gather(*self._reading, return_exceptions=True)

    def _read_beside(self, span: Span) -> None:
        if not self._reading:
            task = asyncio.get_running_loop().create_task(self._read_quietly(span), name="figures")
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)

    async def _read_quietly(self, span: Span) -> None:
        try:
            await self._read(span)
        except (StoreError, Counting) as problem:
            log.warning("figures cannot be read", problem=str(problem))

    async def _read(self, span: Span) -> _Known:
        async with self._turn:
            known = self._known.get(span)
            if known is not None and 0 <= self._clock() - known.read_at < min(known.lasts, FRESH):
                return known  # somebody else has asked for it while we waited
            selection = span.selection(int(self._clock() * 1e6))
            waiting = await behind(self._engine)
            if waiting.left > LEFT_LIMIT:
                raise Counting(waiting)
            found = await read_from(self._engine, selection, ZoneInfo(span.zone) if span.zone else None)
            if len(self._known) >= _KEPT_LIMIT:
                self._known.clear()
            self._known[span] = _Known(Dated(selection, found), self._clock())
            return self._known[span]


def _span(selection: Selection, zone: str, now: int) -> Span:
    """Spans that end now are the same span while the clock goes on, to the minute."""
    if selection.until < now - int(STALE * 1e6):
        return Span(selection.since, selection.until, selection.number, zone)
    length = (selection.until - selection.since + _MINUTE // 2) // _MINUTE * _MINUTE
    return Span(max(length, _MINUTE), None, selection.number, zone)


def recipient_json(figures: RecipientFigures) -> dict[str, Any]:
    """What the editor of a flow shows of a recipient."""
    to_answer, suspicion = figures.to_answer, figures.voicemail
    return {
        "offered": figures.offered,
        "rang": figures.rang,
        "answered": figures.answered,
        "share": figures.share,
        "lost": figures.lost,
        "time_to_answer": None if to_answer is None else to_answer._asdict(),
        "probably_voicemail": None if suspicion is None else suspicion._asdict(),
    }
