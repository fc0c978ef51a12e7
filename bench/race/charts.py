"""Bars, drawn as SVG: a line for each method, its length the median, a thin line from the least to the most."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Final, NamedTuple

WIDTH, LEFT, RIGHT, TOP, LINE, BAR = 760, 250, 90, 46, 28, 16
OURS, OTHERS, LIMITS = "#2563a8", "#8a8f98", "#c9ccd1"
FONT: Final = 'font-family="system-ui, sans-serif" font-size="13"'


class Bar(NamedTuple):
    """values: one for each round. kind: whose it is, "ours", "others" or "limits"."""

    title: str
    values: tuple[float, ...]
    middle: float
    kind: str


COLOURS: Final = {"ours": OURS, "others": OTHERS, "limits": LIMITS}


def bars(title: str, unit: str, rows: Sequence[Bar]) -> str:
    """One chart; bars begin at zero."""
    most = max((max(row.values) for row in rows if row.values), default=1.0) or 1.0
    scale = (WIDTH - LEFT - RIGHT) / most
    height = TOP + LINE * len(rows) + 12
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" {FONT}>',
        f"<title>{escape(title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>',
        f'<text x="12" y="26" font-weight="600" font-size="15" fill="#1b1f24">{escape(title)}</text>',
    ]
    for number, row in enumerate(rows):
        parts += _bar(row, TOP + LINE * number, scale, unit)
    return "\n".join([*parts, "</svg>", ""])


def _bar(row: Bar, top: int, scale: float, unit: str) -> list[str]:
    middle, end = top + BAR / 2, LEFT + scale * row.middle
    least, most = (LEFT + scale * value for value in (min(row.values), max(row.values)))
    return [
        f'<text x="{LEFT - 10}" y="{middle + 5:.1f}" text-anchor="end" fill="#1b1f24">{escape(row.title)}</text>',
        f'<rect x="{LEFT}" y="{top}" width="{max(end - LEFT, 1):.1f}" height="{BAR}" rx="2" '
        f'fill="{COLOURS[row.kind]}"/>',
        f'<line x1="{least:.1f}" x2="{most:.1f}" y1="{middle:.1f}" y2="{middle:.1f}" stroke="#1b1f24"/>',
        f'<text x="{max(end, most) + 6:.1f}" y="{middle + 5:.1f}" fill="#1b1f24">{_short(row.middle)} {unit}</text>',
    ]


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"
