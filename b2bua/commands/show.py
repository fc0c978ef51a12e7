"""``b2bua show CALL``: one call on one page, with the ladder of all its legs."""

from __future__ import annotations

import argparse
import asyncio
import json

from b2bua import records
from b2bua.calls.record import CallRecord
from b2bua.commands import Failure, Subparsers
from b2bua.commands.finding import add_option, configuration
from b2bua.store import Archive, StoreError


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "show",
        help="tell all of one call",
        description="What happened in a call: outcome, recipients, times, media, SIP messages of all legs.",
    )
    parser.add_argument("call", metavar="CALL", help='its id or the beginning of it, its Call-ID, or "last"')
    parser.add_argument("--messages", action="store_true", help="with the SIP messages in full")
    parser.add_argument("--json", action="store_true", help="as a JSON object, messages included")
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments.config)
    try:
        record = asyncio.run(_read(config.records.database, arguments.call))
    except StoreError as problem:
        raise Failure(str(problem)) from problem
    if record is None:
        raise Failure(f"There is no call {arguments.call}.")
    if arguments.json:
        print(json.dumps(records.as_json(record), indent=2))
        return 0
    print(records.page(record))
    if arguments.messages:
        print("\n" + records.messages(record))
    return 0


async def _read(database: str, key: str) -> CallRecord | None:
    async with Archive(database) as archive:
        return await archive.call(key)
