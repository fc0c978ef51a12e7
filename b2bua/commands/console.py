"""``b2bua console CONFIG``: the web console and its API."""

from __future__ import annotations

import argparse
import asyncio

from b2bua.commands import Failure, Subparsers
from b2bua.config import Config, load
from b2bua.store import StoreError


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "console",
        help="run the web console",
        description="Serves the console and its API, as [console] of the configuration says. Calls do not need it.",
    )
    parser.add_argument("config", metavar="CONFIG", help="configuration file")
    parser.add_argument(
        "--first-link",
        action="store_true",
        help="only print a new link by which the first owner is made; the one before is good no more",
    )
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from b2bua.console.process import run as run_console  # takes half a second to import

    if not arguments.first_link:
        return run_console(arguments.config)
    try:
        print(asyncio.run(_first_link(load(arguments.config))))
    except StoreError as problem:
        raise Failure(str(problem)) from problem
    return 0


async def _first_link(config: Config) -> str:
    from b2bua.console.database import open_database
    from b2bua.console.desk import Desk
    from b2bua.console.process import first_link, place_of

    desk = Desk(config, await open_database(config.records.database, patience=0.0))
    try:
        if not await desk.people.are_none():
            raise Failure("There is an owner already. `b2bua user add NAME --role owner` makes another one.")
        return first_link(place_of(config.console), await desk.people.first_code())
    finally:
        await desk.close()
