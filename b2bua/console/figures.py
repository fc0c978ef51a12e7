"""How recipients and numbers fare, remembered for a while: the sums over a month of calls cost half a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import tzinfo
from typing import Any, Final
from zoneinfo import ZoneInfo

from b2bua.console.preferences import PreferenceStore
from b2bua.store.statistics import RecipientFigures, Selection, Statistics, read

KEPT: Final = 60.0  # seconds that figures are good
_KEPT_LIMIT: Final = 32
_DAY: Final = 86_400_000_000  # microseconds

_Key = tuple[Selection, str]


class Figures:
    """Statistics of the record of calls. Everything may raise StoreError."""

    def __init__(self, database: str, preferences: PreferenceStore, clock: Callable[[], float]) -> None:
        self._database = database
        self._preferences = preferences
        self._clock = clock
        self._known: dict[_Key, tuple[float, Statistics]] = {}
        self._turn = asyncio.Lock()

    async def of(self, selection: Selection) -> Statistics:
        """As of store.statistics.read, in the zone that is preferred; a minute old at most."""
        zone = (await self._preferences.read()).time_zone
        key = (selection, zone)
        async with self._turn:  # whoever asks for the same meanwhile gets the same
            known = self._known.get(key)
            if known is not None and 0 <= self._clock() - known[0] < KEPT:
                return known[1]
            found = await read(self._database, selection, _zone(zone))
            if len(self._known) >= _KEPT_LIMIT:
                self._known.clear()
            self._known[key] = (self._clock(), found)
            return found

    async def lately(self) -> Statistics:
        """Of the days that are learned from, to the minute."""
        days = (await self._preferences.read()).learn_days
        until = (int(self._clock()) // 60 + 1) * 60_000_000
        return await self.of(Selection(until - days * _DAY, until))

    async def voicemails(self) -> dict[str, float]:
        """The URI that is rung → the second in which voicemail seems to answer."""
        found = (await self.lately()).recipients
        return {each.uri: each.voicemail.after / 1e6 for each in found if each.voicemail is not None}

    async def by_uri(self) -> dict[str, RecipientFigures]:
        found: dict[str, RecipientFigures] = {}
        for each in (await self.lately()).recipients:
            found.setdefault(each.uri, each)  # the one with the most calls comes first
        return found


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


def _zone(name: str) -> tzinfo | None:
    return ZoneInfo(name) if name else None
