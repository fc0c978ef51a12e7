"""``b2bua calls``: the calls that were, newest first."""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import time
from datetime import datetime
from typing import Final

from b2bua import records
from b2bua.calls.record import CallOutcome, CallRecord
from b2bua.commands import Failure, Subparsers
from b2bua.commands.finding import add_option, configuration
from b2bua.store import Archive, CallFilter, StoreError

_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_AGO = re.compile(r"(\d{1,6})([smhdw])")


def moment(text: str) -> int:
    """Microseconds since 1970 of "2026-11-22", "2026-11-22 14:03" (local time) or "2h" (ago)."""
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return int((time.time() - int(ago[1]) * _UNITS[ago[2]]) * 1e6)
    try:
        return int(datetime.fromisoformat(text).astimezone().timestamp() * 1e6)
    except (ValueError, OverflowError) as problem:
        reason = f'"{text}" is no time: write 2026-11-22, "2026-11-22 14:03", or 30m, 2h, 7d for so long ago'
        raise argparse.ArgumentTypeError(reason) from problem


def count(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= 100_000):
        raise argparse.ArgumentTypeError(f'"{text}" is not a number from 1 to 100000')
    return int(text)


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "calls",
        help="list calls",
        description="Lists calls, newest first. `b2bua show CALL` tells all of one.",
    )
    outcomes = [outcome.value for outcome in CallOutcome] + ["running"]
    parser.add_argument(
        "--since", type=moment, metavar="TIME", help='begun then or later: 2026-11-22, "… 14:03", 2h'
    )
    parser.add_argument("--until", type=moment, metavar="TIME", help="begun before that")
    parser.add_argument("--caller", default="", metavar="NUMBER", help="of this caller")
    parser.add_argument("--dialled", default="", metavar="NUMBER", help="to this number")
    parser.add_argument("--answered-by", default="", metavar="NAME", help="answered by this recipient")
    parser.add_argument(
        "--outcome", default="", choices=outcomes, metavar="OUTCOME", help=", ".join(outcomes)
    )
    parser.add_argument(
        "--text", default="", metavar="TEXT", help="with this text in a number, name, id or outcome"
    )
    parser.add_argument(
        "--limit", type=count, default=20, metavar="N", help="at most so many (default %(default)s)"
    )
    parser.add_argument("--page", type=count, default=1, metavar="N", help="the N-th page of that many")
    parser.add_argument("--json", action="store_true", help="as a JSON array, recipients included")
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments.config)
    wanted = CallFilter(
        since=arguments.since,
        until=arguments.until,
        caller=arguments.caller,
        dialled=arguments.dialled,
        outcome=arguments.outcome,
        answered_by=arguments.answered_by,
        text=arguments.text,
        limit=arguments.limit,
        page=arguments.page,
    )
    try:
        found, total = asyncio.run(_read(config.records.database, wanted))
    except StoreError as problem:
        raise Failure(str(problem)) from problem
    if arguments.json:
        print(json.dumps([records.as_json(record, with_trace=False) for record in found], indent=2))
    elif not found:
        print("No calls." if total == 0 else f"No calls on page {wanted.page}; there are {total}.")
    else:
        print(records.call_table(found))
        if total > len(found):
            print(f"{len(found)} of {total}; --page {wanted.page + 1} shows earlier ones.")
    return 0


async def _read(database: str, wanted: CallFilter) -> tuple[list[CallRecord], int]:
    async with Archive(database) as archive:
        return await archive.calls(wanted), await archive.count(wanted)
