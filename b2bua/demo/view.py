"""The phones as lamps on the terminal, redrawn in place; elsewhere a line an event."""

from __future__ import annotations

import enum
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TextIO

from b2bua.phone import messages, outcome

BAR: Final = 40  # columns
SECONDS_A_COLUMN: Final = 0.2  # until the bar is full; then the scale gives way


class Lamp(enum.Enum):
    """What a phone is doing: a character of its bar, and a colour (of SGR, ECMA-48)."""

    IDLE = (" ", "0")
    CALLING = ("░", "36")
    RINGING = ("▒", "33")
    TALKING = ("█", "32")
    STOPPED = ("·", "90")
    REFUSED = ("·", "31")


_ENDS: Final = {
    outcome.TALKED: (Lamp.STOPPED, "call over"),
    outcome.MISSED: (Lamp.STOPPED, "stopped: missed call"),
    outcome.ANSWERED_ELSEWHERE: (Lamp.STOPPED, "stopped: answered elsewhere"),
    outcome.DECLINED: (Lamp.REFUSED, "declined"),
    outcome.BUSY: (Lamp.REFUSED, "busy"),
    outcome.GAVE_UP: (Lamp.STOPPED, "gave up"),
    outcome.NOT_ANSWERED: (Lamp.REFUSED, "not answered"),
}


def seen(event: messages.Event) -> tuple[Lamp | None, str]:
    """What an event means for the row of its phone; (None, "") if nothing, None if the lamp stays."""
    match event:
        case messages.Incoming():
            return Lamp.RINGING, "rings"
        case messages.Ringing(line=_, code=code):
            return None, f"ringing ({code})"
        case messages.Confirmed():
            return Lamp.TALKING, "talks"
        case messages.ToneHeard(frequency=frequency):
            return None, f"hears {frequency} Hz"
        case messages.Disconnected(code=code, outcome=ended):
            lamp, words = _ENDS[ended]
            return lamp, words if ended == outcome.TALKED else f"{words} ({code})"
    return None, ""


@dataclass(slots=True)
class Row:
    """One phone: its lamp now, what it was before, and the words beside it."""

    name: str
    lamp: Lamp = Lamp.IDLE
    words: str = ""
    past: list[tuple[float, Lamp]] = field(default_factory=list)

    def set(self, at: float, lamp: Lamp, words: str) -> None:
        """The lamp from `at` (seconds since the scene began) on."""
        self.lamp, self.words = lamp, words
        self.past.append((at, lamp))

    def bar(self, now: float) -> list[Lamp]:
        """A lamp for each column, as it was at the column's end; the last one is for `now`."""
        column = max(SECONDS_A_COLUMN, now / BAR)
        columns = min(BAR, int(now / column) + 1)
        return [self._at(min(index * column, now)) for index in range(1, columns + 1)]

    def _at(self, at: float) -> Lamp:
        return next((lamp for since, lamp in reversed(self.past) if since <= at), Lamp.IDLE)


class View:
    """The rows of one scene after the other: takes events by `saw`; on a terminal, `draw` it now and then."""

    def __init__(self, out: TextIO, *, is_terminal: bool, has_colour: bool) -> None:
        self._out = out
        self._is_terminal = is_terminal
        self._has_colour = has_colour
        self._rows: dict[str, Row] = {}
        self._began = 0.0
        self._is_drawn = False

    def begin(self, names: Sequence[str]) -> None:
        """A new scene with these phones."""
        self._rows = {name: Row(name) for name in names}
        self._began = time.monotonic()
        self._is_drawn = False
        self.draw()

    def saw(self, name: str, event: messages.Event) -> None:
        """Something happened to a phone."""
        row = self._rows.get(name)
        lamp, words = seen(event)
        is_own_180 = isinstance(event, messages.Ringing) and row is not None and row.lamp is Lamp.RINGING
        if row is None or not words or words in row.words or is_own_180:
            return
        since = event.at - self._began
        if lamp is not None:
            row.set(since, lamp, words)
        else:
            row.words = f"{row.words}, {words}" if row.words else words
        self._show(row, since, words)

    def calls(self, name: str, number: str) -> None:
        """A phone dials."""
        row = self._rows[name]
        since = time.monotonic() - self._began
        row.set(since, Lamp.CALLING, f"calls {number}")
        self._show(row, since, row.words)

    def draw(self) -> None:
        """Draws all rows over the last drawing. Does nothing but on a terminal."""
        if not self._is_terminal:
            return
        now = time.monotonic() - self._began
        up = f"\x1b[{len(self._rows)}A" if self._is_drawn else ""
        self._out.write(up + "".join(f"\r\x1b[2K{self._line(row, now)}\n" for row in self._rows.values()))
        self._out.flush()
        self._is_drawn = True

    def coloured(self, text: str, colour: str) -> str:
        """The text in a colour of SGR, if there are colours."""
        return f"\x1b[{colour}m{text}\x1b[0m" if self._has_colour and text.strip() else text

    def _show(self, row: Row, since: float, words: str) -> None:
        if self._is_terminal:
            self.draw()
        else:
            print(f"  {since:7.3f} s  {row.name:<8}{words}", file=self._out, flush=True)

    def _line(self, row: Row, now: float) -> str:
        width = os.get_terminal_size(self._out.fileno()).columns or 80  # some terminals do not know theirs
        bar = row.bar(now)
        drawn = "".join(self.coloured(lamp.value[0], lamp.value[1]) for lamp in bar) + " " * (BAR - len(bar))
        room = max(0, width - BAR - 15)
        return f"  {row.name:<8}{drawn}  {self.coloured(row.words[:room], row.lamp.value[1])}"
