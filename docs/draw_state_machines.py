"""Draws the figures of docs/state-machines.md from the tables in the sources.

    python -m docs.draw_state_machines            writes them into the page
    python -m docs.draw_state_machines --check    exits 1 if the page has others

A figure stands in the page between a line `<!-- figure: NAME -->` and the end of the fenced block that
follows; whatever stands around it is left alone. The figures are Mermaid state diagrams. An arrow is labelled
with each input and, after a slash, with what is done.
"""

from __future__ import annotations

import enum
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from rtp_relay import latch
from sip_stack import client_transaction, invite_client, invite_server, offer_answer, server_transaction

PAGE: Final = Path(__file__).parent / "state-machines.md"
_FIGURE = re.compile(r"(?ms)^<!-- figure: ([\w -]+) -->\n```mermaid\n(.*?)^```$")

Row = tuple[Any, enum.Enum]  # what is done (one function or a tuple of them), the next state
Rows = Mapping[Any, Mapping[Any, Row]]


class Machine(NamedTuple):
    """A table, and where it begins. quiet: functions that change nothing, or refuse a misuse of ours."""

    rows: Rows
    start: enum.Enum
    quiet: frozenset[Callable[..., object]] = frozenset()


class Arrow(NamedTuple):
    source: str
    target: str
    labels: tuple[str, ...]


def _by_state(table: Mapping[tuple[Any, Any], Row], states: type[enum.Enum]) -> Rows:
    return {state: {what: row for (of, what), row in table.items() if of is state} for state in states}


MACHINES: Final[Mapping[str, Machine]] = {
    "client INVITE": Machine(client_transaction.INVITE, client_transaction.State.CALLING),
    "client non-INVITE": Machine(client_transaction.NON_INVITE, client_transaction.State.TRYING),
    "server INVITE": Machine(server_transaction.INVITE, server_transaction.State.PROCEEDING),
    "server non-INVITE": Machine(server_transaction.NON_INVITE, server_transaction.State.TRYING),
    "invite client": Machine(invite_client.ROWS, invite_client.State.CALLING),
    "invite server": Machine(invite_server.ROWS, invite_server.State.PROCEEDING),
    "offer and answer": Machine(
        offer_answer.ROWS,
        offer_answer.State.IDLE,
        frozenset({offer_answer.OfferAnswer._ignore, offer_answer.OfferAnswer._misuse}),
    ),
    "latch": Machine(
        _by_state(latch.TABLE, latch.State),
        latch.State.BLANK,
        frozenset({latch.refuse, latch.admit}),
    ),
}


def figure(name: str) -> str:
    """The Mermaid text of one machine, each line ended."""
    machine = MACHINES[name]
    reached = _reached(machine)
    lines = ["stateDiagram-v2", f"    [*] --> {machine.start.name}"]
    for arrow in _arrows(machine):
        if arrow.source in reached:
            label = "<br>".join(arrow.labels)
            lines.append(f"    {arrow.source} --> {arrow.target} : {label}")
    for state, rows in machine.rows.items():
        if state.name in reached and not rows:
            lines.append(f"    {state.name} --> [*]")
    return "".join(f"{line}\n" for line in lines)


def drawn(page: str) -> str:
    """The page with every figure as the tables have it. KeyError for a figure of no machine."""
    return _FIGURE.sub(lambda found: f"<!-- figure: {found[1]} -->\n```mermaid\n{figure(found[1])}```", page)


def figures_in(page: str) -> list[str]:
    return [found[1] for found in _FIGURE.finditer(page)]


def _arrows(machine: Machine) -> Iterator[Arrow]:
    """One arrow for each pair of states, in the order of the table."""
    for state, rows in machine.rows.items():
        labels: dict[enum.Enum, list[str]] = {}
        for what, (actions, after) in rows.items():
            done = actions if isinstance(actions, tuple) else (actions,)
            if after is state and all(action in machine.quiet for action in done) and done:
                continue
            said = [_words(action.__name__) for action in done if action not in machine.quiet]
            labels.setdefault(after, []).append(_words(what.name) + (f" / {', '.join(said)}" if said else ""))
        for after, texts in labels.items():
            yield Arrow(state.name, after.name, tuple(texts))


def _reached(machine: Machine) -> set[str]:
    """The states that the machine can come to: both transactions of a file share their states' names."""
    reached, new = {machine.start.name}, {machine.start.name}
    while new:
        new = {arrow.target for arrow in _arrows(machine) if arrow.source in new} - reached
        reached |= new
    return reached


def _words(name: str) -> str:
    """`TIMER_A` is timer A, `_start_d` is start D."""
    words = name.strip("_").lower().split("_")
    return " ".join(word.upper() if len(word) == 1 else word for word in words)


def main(arguments: list[str]) -> int:
    page = PAGE.read_text(encoding="utf-8")
    made = drawn(page)
    if "--check" in arguments:
        return int(made != page)
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
