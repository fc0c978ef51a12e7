"""``b2bua numbers …``: dialled numbers in the database of the configuration, and which flow each leads to."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import time
from dataclasses import replace
from typing import Any, Final

from b2bua.commands import Failure, Subparsers
from b2bua.commands.actions import add_action
from b2bua.commands.finding import configuration, put_to_use
from b2bua.config import Config, DialledNumber
from b2bua.flows.number_checks import digits
from b2bua.flows.number_editing import NumberEditing
from b2bua.flows.numbers import KeptNumber, NumberError, NumberStore
from b2bua.flows.use import with_numbers
from b2bua.flows.versions import FlowVersions
from b2bua.records import printable, table
from b2bua.store import StoreError
from b2bua.store.opening import open_engine

_NONE: Final = "No numbers. `b2bua numbers add +15550100 --flow main` makes one, of a flow that there is."


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "numbers",
        help="which flow the calls to a number go through",
        description="Numbers live in the database, where the console changes them as well; or in the "
        "configuration file, which counts before it, and which this command does not change.",
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    add_action(actions, "list", "all numbers, those of the file too")
    adding = add_action(actions, "add", "a new number", "number")
    adding.add_argument("--flow", required=True, metavar="NAME", help="that its calls go through")
    changing = add_action(actions, "change", "what is given, and nothing else", "number")
    changing.add_argument("--flow", metavar="NAME", help="that its calls go through")
    changing.add_argument("--on", dest="is_on", action="store_true", default=None, help="calls to it are taken")
    for each in (adding, changing):
        each.add_argument("--name", metavar="TEXT", help="what it is for; shown in records")
        each.add_argument(
            "--trunk", dest="trunks", action="append", metavar="NAME",
            help='which may dial it; may be repeated; "" for all',
        )  # fmt: skip
        each.add_argument(
            "--off", dest="is_on", action="store_false", default=None, help="calls to it are refused"
        )
    add_action(actions, "remove", "it is not there any more; calls to it are refused", "number")


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments.config)
    try:
        print(asyncio.run(_work(config, arguments)))
    except NumberError as problem:
        raise Failure(f"{problem.field}: {problem}") from problem
    except StoreError as problem:
        raise Failure(str(problem)) from problem
    return 0


async def _work(config: Config, arguments: argparse.Namespace) -> str:
    engine = await open_engine(config.records.database)
    try:
        versions = FlowVersions(engine, time.time)
        editing = NumberEditing(NumberStore(engine), versions)
        if arguments.action == "list":
            return _listed(with_numbers(config, await editing.store.all()), await versions.names())
        before, after = await _changed(config, editing, arguments)
        # The console's record of changes has those of the command line as well.
        from b2bua.console.audit import Audit, Author

        author = Author(getpass.getuser(), "command line", "")
        audit = Audit(engine, lambda: int(time.time() * 1e6))
        number = after or before
        assert number is not None
        await audit.note(
            author,
            f"number.{arguments.action}",
            number.dialled,
            before and before.settings,
            after and after.settings,
        )
    finally:
        await engine.dispose()
    return f"{_said(number, after)} {put_to_use(config)}"


async def _changed(
    config: Config, editing: NumberEditing, arguments: argparse.Namespace
) -> tuple[KeptNumber | None, KeptNumber | None]:
    """Do what is asked; gives what was and what is."""
    dialled, by = digits(arguments.number), getpass.getuser()
    if arguments.action == "remove":
        return await editing.remove(config, dialled), None
    wanted: dict[str, Any] = {
        name: value
        for name in ("name", "flow", "trunks", "is_on")
        if (value := getattr(arguments, name)) is not None
    }
    if "trunks" in wanted:
        wanted["trunks"] = tuple(each for each in wanted["trunks"] if each)
    if arguments.action == "add":
        return None, await editing.add(config, replace(KeptNumber(dialled, "", ""), **wanted), by)
    known = {each.dialled: each for each in await editing.store.all()}
    number = replace(known.get(dialled, KeptNumber(dialled, "", "")), **wanted)
    return await editing.change(config, number, by)


def _said(number: KeptNumber, after: KeptNumber | None) -> str:
    if after is None:
        return f"{number.dialled} is removed."
    state = "" if after.is_on else ", and is off"
    return f"{number.dialled} leads to {after.flow}{state}."


def _listed(config: Config, kept_flows: list[str]) -> str:
    if not config.numbers:
        return _NONE
    rows = [
        (
            dialled,
            printable(number.name),
            _leads_to(number, kept_flows),
            ", ".join(sorted(number.trunks)) or "all",
            "on" if number.is_on else "off",
            "file" if number.in_file else "database",
        )
        for dialled, number in config.numbers.items()
    ]
    return table(("NUMBER", "NAME", "LEADS TO", "TRUNKS", "STATE", "STANDS IN"), rows)


def _leads_to(number: DialledNumber, kept_flows: list[str]) -> str:
    if not number.flow_name:
        return "its recipients"
    is_there = number.flow is not None or number.flow_name in kept_flows
    return number.flow_name if is_there else f"{number.flow_name} (is not there)"
