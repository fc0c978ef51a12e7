"""``b2bua stats``: how recipients and numbers have fared over many calls."""

from __future__ import annotations

import argparse
import asyncio
import json

from b2bua import statistics
from b2bua.commands import Failure, Subparsers
from b2bua.commands.calls import moment
from b2bua.commands.finding import add_option, configuration
from b2bua.store import StoreError
from b2bua.store.statistics import ROWS_LIMIT, Selection, Statistics, read


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "stats",
        help="figures by recipient, number and hour",
        description="Counts the calls that have ended: by number, by hour of the day (local time), by recipient.",
        epilog=statistics.WORDS,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--since",
        type=moment,
        metavar="TIME",
        default="30d",
        help='begun then or later: 2026-11-22, "… 14:03", 2h (default %(default)s)',
    )
    parser.add_argument("--until", type=moment, metavar="TIME", default="0s", help="begun before that")
    parser.add_argument(
        "--number", default="", metavar="NAME", help="to this number: its name, or as it is dialled"
    )
    parser.add_argument("--json", action="store_true", help="as a JSON object; intervals in microseconds")
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments.config)
    selection = Selection(arguments.since, arguments.until, arguments.number)
    try:
        found = asyncio.run(read(config.records.database, selection))
    except StoreError as problem:
        raise Failure(str(problem)) from problem
    if arguments.json:
        said = {"since": selection.since, "until": selection.until, **statistics.as_json(found)}
        print(json.dumps(said, indent=2))
        return 0
    print(statistics.page(found))
    if _is_cut(found):
        print(f"\nOnly the {ROWS_LIMIT} with the most calls are shown; --number NAME shows one.")
    return 0


def _is_cut(found: Statistics) -> bool:
    return ROWS_LIMIT in (len(found.numbers), len(found.recipients))
