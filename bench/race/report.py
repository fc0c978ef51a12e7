"""What the rounds came to: tables for people, charts and the section of docs/performance.md."""

from __future__ import annotations

import operator
import re
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from bench.race import charts, goals
from bench.race.goals import Verdict
from bench.race.measuring import QUANTILES, Result
from bench.race.methods import Method
from bench.race.setting_up import SettingUp

BEGIN, END = "<!-- figures of bench-relay -->\n", "<!-- end of figures -->\n"
COLUMNS: Final = (
    "packets/s under 0.1 % loss", "saturated", "CPU a packet there", "CPU at 20,000/s", "delay p50", "p99", "p99.9",
)  # fmt: skip
NO_RELAY: Final = "none xdp"


def table(methods: Sequence[Method], results: Sequence[Result], calls: int) -> list[list[str]]:
    """Rows of medians, the title first."""
    rows = []
    for method in methods:
        of = [each for each in results if each.method == method.name and each.calls == calls]
        if of:
            rows.append([method.title, *_medians(of)])
    return rows


def _medians(of: Sequence[Result]) -> list[str]:
    def median(value: Callable[[Result], float]) -> float:
        return statistics.median(value(each) for each in of)

    spread = f"({min(each.highest for each in of) / 1000:,.0f} to {max(each.highest for each in of) / 1000:,.0f})"
    columns = [
        f"{median(goals.rate) / 1000:,.0f}k {spread}",
        f"{median(goals.saturated) / 1000:,.0f}k",
        f"{median(lambda each: each.ns_at_highest):,.0f} ns",
        f"{median(lambda each: each.ns_at_few):,.0f} ns",
    ]
    if not of[0].delays:
        return columns + [""] * len(QUANTILES)
    return columns + [f"{statistics.median(each.delays.get(name, 0.0) for each in of):.1f} us" for name in QUANTILES]


def print_table(rows: Sequence[Sequence[str]]) -> str:
    widths = (40, 28, 10, 12, 12, 9, 9, 10)
    lines = []
    for row in [["", *COLUMNS], *rows]:
        cells = [f"{cell:<{widths[0]}}" if not at else f"{cell:>{widths[at]}}" for at, cell in enumerate(row)]
        lines.append(" ".join(cells).rstrip())
    return "\n".join(lines)


def markdown(rows: Sequence[Sequence[str]]) -> list[str]:
    used = [at for at in range(len(COLUMNS) + 1) if not at or any(row[at] for row in rows)]
    head = ["", *COLUMNS]
    return [
        "| " + " | ".join(head[at] for at in used) + " |",
        "|" + "---|" * len(used),
        *("| " + " | ".join(_written(row[at]) for at in used) + " |" for row in rows),
    ]


def set_up_lines(set_up: Sequence[SettingUp]) -> list[list[str]]:
    """Who, microseconds until ports are known and until all is done, CPU of the relay and of its client; medians."""
    rows = []
    for who in dict.fromkeys(one.who for one in set_up):
        of = [one for one in set_up if one.who == who]
        figures = (
            statistics.median(value(one) for one in of)
            for value in map(operator.attrgetter, ("until_lent", "microseconds", "relay_cpu", "client_cpu"))
        )
        rows.append([who if who == "rtpengine" else f"ours, {who}", *(f"{figure:.0f} us" for figure in figures)])
    return rows


def draw(folder: Path, methods: Sequence[Method], results: Sequence[Result]) -> list[str]:
    """The charts, as files; their names."""
    few = [each for each in results if each.calls != goals.MANY]
    base = {each.round: goals.p50(each) for each in few if each.method == NO_RELAY}
    drawings: dict[str, tuple[str, str, Callable[[Result], float]]] = {
        "relay-rate": ("Thousand packets a second, one core, under 0.1 % loss", "k", lambda e: e.highest / 1e3),
        "relay-cpu": ("CPU of a packet at that rate", "ns", lambda e: e.ns_at_highest),
        "relay-delay": (
            "Added delay at 20,000 packets/s, p50", "µs", lambda e: max(goals.p50(e) - base.get(e.round, 0.0), 0.0)
        ),
    }  # fmt: skip
    folder.mkdir(parents=True, exist_ok=True)
    for name, (title, unit, value) in drawings.items():
        rows = []
        for method in methods:
            values = tuple(value(each) for each in few if each.method == method.name)
            if values and not (name == "relay-delay" and method.name == NO_RELAY):
                rows.append(charts.Bar(method.title, values, statistics.median(values), kind_of(method.name)))
        (folder / f"{name}.svg").write_text(charts.bars(title, unit, rows), encoding="utf-8")
    return [f"{name}.svg" for name in drawings]


def kind_of(name: str) -> str:
    if name in ("user", "tc", "xdp", "recorded"):
        return "ours"
    return "limits" if name.startswith(("none", "least")) else "others"


def section(
    machine: str, methods: Sequence[Method], results: Sequence[Result], set_up: Sequence[SettingUp],
    verdicts: Sequence[Verdict], drawings: Sequence[str], missing: dict[str, str],
) -> str:  # fmt: skip
    """What stands between the marks in docs/performance.md."""
    lines = [f"{machine}.", ""]
    for calls in dict.fromkeys(each.calls for each in results):
        rounds = len({each.round for each in results if each.calls == calls})
        lines += [f"{calls:,} calls, medians of {rounds} rounds (least to most):", ""]
        lines += [*markdown(table(methods, results, calls)), ""]
    lines += [f"![{name.removesuffix('.svg')}](figures/{name})" for name in drawings]
    lines += ["", "Setting the media of a call up, one after the other:", ""]
    lines += ["| | until ports are known | until all is done | CPU of the relay | of its client |", "|---" * 5 + "|"]
    lines += ["| " + " | ".join(map(_written, row)) + " |" for row in set_up_lines(set_up)]
    lines += ["", "| goal | wanted | reached (least to most) | |", "|---|---|---|---|"]
    lines += [_goal_line(one) for one in verdicts]
    lines += ["", *(f"Not measured: {name}: {reason}." for name, reason in missing.items())]
    return "\n".join(lines).rstrip() + "\n"


def _goal_line(one: Verdict) -> str:
    wanted = f"{'at most' if one.at_most else 'at least'} {one.wanted:g}"
    if not one.ratios:
        return f"| {one.text} | {wanted} | not measured | |"
    missed = "" if one.reached else f"missed by {abs(one.median - one.wanted) / one.wanted:.0%}"
    return f"| {one.text} | {wanted} | {one.median:.2f} ({min(one.ratios):.2f} to {max(one.ratios):.2f}) | {missed} |"


def put_into(page: Path, text: str) -> None:
    """Replace what stands between the marks. ValueError if the page has none."""
    before, begin, rest = page.read_text(encoding="utf-8").partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{page.name} has no marks for the figures")
    page.write_text(before + begin + "\n" + text + "\n" + end + after, encoding="utf-8")


def _written(cell: str) -> str:
    """As a page has it: a terminal's "131 us" is "131 µs"."""
    return re.sub(r"(?<=\d) us$", " µs", cell)
