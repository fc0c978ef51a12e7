"""b2bua.demo.view: what is shown of the phones, on a terminal and elsewhere."""

from __future__ import annotations

import io
import os
import time

from b2bua.demo.view import BAR, Lamp, Row, View, seen
from b2bua.phone import messages as m
from b2bua.phone import outcome


def incoming(at: float) -> m.Incoming:
    return m.Incoming(at, 1, "sip:dana@host", "Dana", [])


def over(at: float, ended: str, code: int = 487) -> m.Disconnected:
    return m.Disconnected(at, 1, code, "", ended, [])


def test_every_outcome_has_words() -> None:
    words = {
        getattr(outcome, name)
        for name in dir(outcome)
        if name.isupper() and isinstance(getattr(outcome, name), str)
    }
    assert len(words) == 7
    for ended in words:
        lamp, said = seen(over(1.0, ended))
        assert lamp in (Lamp.STOPPED, Lamp.REFUSED) and said


def test_a_bar_has_a_column_for_each_fifth_of_a_second() -> None:
    row = Row("Ana")
    row.set(0.0, Lamp.RINGING, "rings")
    row.set(0.4, Lamp.TALKING, "talks")
    assert row.bar(0.9) == [Lamp.RINGING, *[Lamp.TALKING] * 4]
    assert Row("Ben").bar(0.0) == [Lamp.IDLE]


def test_a_long_scene_still_fits() -> None:
    row = Row("Ana")
    row.set(0.0, Lamp.RINGING, "rings")
    row.set(30.0, Lamp.TALKING, "talks")
    bar = row.bar(60.0)
    assert len(bar) == BAR
    assert (bar.count(Lamp.RINGING), bar.count(Lamp.TALKING)) == (BAR // 2 - 1, BAR // 2 + 1)


def test_elsewhere_than_on_a_terminal_each_event_is_a_line() -> None:
    out = io.StringIO()
    view = View(out, is_terminal=False, has_colour=False)
    view.begin(["Dana", "Ana"])
    view.calls("Dana", "sip:100@host")
    now = time.monotonic()
    view.saw("Ana", incoming(now + 1))
    view.saw("Ana", m.Ringing(now + 1, 1, 180))
    view.saw("Dana", m.Ringing(now + 1, 1, 180))
    view.saw("Dana", m.Ringing(now + 1, 1, 180))
    view.saw("Ana", over(now + 2, outcome.ANSWERED_ELSEWHERE))
    view.saw("Eve", incoming(now))
    view.draw()
    lines = [line.split(maxsplit=2)[2] for line in out.getvalue().splitlines()]
    assert lines == [
        "Dana    calls sip:100@host",
        "Ana     rings",
        "Dana    ringing (180)",
        "Ana     stopped: answered elsewhere (487)",
    ]
    assert "\x1b" not in out.getvalue()


def test_on_a_terminal_the_rows_are_drawn_over_the_last_ones() -> None:
    leader, follower = os.openpty()
    with os.fdopen(follower, "w", encoding="utf-8") as out, os.fdopen(leader, "rb", buffering=0) as screen:
        view = View(out, is_terminal=True, has_colour=True)
        view.begin(["Dana", "Ana"])
        first = screen.read(65_536).decode()
        view.saw("Ana", incoming(time.monotonic()))
        second = screen.read(65_536).decode()
    assert "\x1b[2A" not in first and first.count("\n") == 2
    assert second.startswith("\x1b[2A\r\x1b[2K") and second.count("\n") == 2
    assert "\x1b[33m" in second


def test_no_colour_where_none_is_wanted() -> None:
    view = View(io.StringIO(), is_terminal=True, has_colour=False)
    assert view.coloured("words", "31") == "words"
