"""``b2bua user …``: who may use the console, from the command line of the machine that it runs on."""

from __future__ import annotations

import argparse
import asyncio
import getpass
import sys
from typing import TYPE_CHECKING, Final

from b2bua.commands import Failure, Subparsers
from b2bua.commands.actions import add_action
from b2bua.commands.finding import configuration
from b2bua.config import Config
from b2bua.records import moment, table
from b2bua.store import StoreError

if TYPE_CHECKING:
    from b2bua.console.desk import Desk

ROLES: Final = ("owner", "editor", "viewer")


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "user",
        help="who may use the console",
        description="Lists, adds, changes and removes users of the console. A password is asked for on the "
        "terminal, or is the first line of standard input.",
    )
    parser.set_defaults(run=run)
    actions = parser.add_subparsers(title="actions", metavar="ACTION", dest="action", required=True)
    add_action(actions, "list", "everybody who may log in")
    adding = add_action(actions, "add", "let somebody in", "name")
    adding.add_argument("--role", choices=ROLES, default="viewer", help="default %(default)s")
    changing = add_action(actions, "change", "another role, off or on; ends his sessions", "name")
    changing.add_argument("--role", choices=ROLES)
    changing.add_argument("--on", dest="is_on", action="store_true", default=None, help="may log in")
    changing.add_argument("--off", dest="is_on", action="store_false", help="may log in no more")
    add_action(actions, "password", "a new password; ends his sessions", "name")
    add_action(actions, "remove", "let somebody in no more; his tokens end, too", "name")


def run(arguments: argparse.Namespace) -> int:
    from b2bua.console.people import PeopleError  # with all of the console's, which takes its time to import

    config = configuration(arguments.config)
    try:
        print(asyncio.run(_work(config, arguments)))
    except PeopleError as problem:
        raise Failure(f"{problem.field}: {problem}") from problem
    except (StoreError, LookupError) as problem:
        raise Failure(str(problem.args[0])) from problem
    return 0


async def _work(config: Config, arguments: argparse.Namespace) -> str:
    from b2bua.console.database import open_database
    from b2bua.console.desk import Desk

    desk = Desk(config, await open_database(config.records.database, patience=0.0))
    try:
        return await (_list(desk) if arguments.action == "list" else _change(desk, arguments))
    finally:
        await desk.close()


async def _list(desk: Desk) -> str:
    users = await desk.people.users()
    if not users:
        return "Nobody. `b2bua user add NAME --role owner` makes the first one."
    rows = [
        (user.name, user.role.word, "on" if user.is_on else "off", moment(user.seen_at) or "never")
        for user in users
    ]
    return table(("NAME", "ROLE", "STATE", "LAST LOGGED IN"), rows)


async def _change(desk: Desk, arguments: argparse.Namespace) -> str:
    from b2bua.console.audit import Author
    from b2bua.console.people import ROLES as BY_WORD

    name, action, people = arguments.name, arguments.action, desk.people
    author = Author(getpass.getuser(), "command line", "")
    before = await people.user(name)
    after = None
    if action == "add":
        after = await people.add(name, BY_WORD[arguments.role], password(), author.who)
        said = f"{name} may log in now, as {arguments.role}."
    elif action == "remove":
        await people.remove(name)
        said = f"{name} may log in no more."
    elif action == "password":
        after = await people.change(name, password=password())
        said = f"{name} has a new password."
    else:
        role = None if arguments.role is None else BY_WORD[arguments.role]
        after = await people.change(name, role, arguments.is_on)
        said = f"{name} is {after.role.word}, and {'on' if after.is_on else 'off'}."
    await desk.audit.note(
        author, f"user.{action}", name, before and before.as_json(), after and after.as_json()
    )
    return said


def password() -> str:
    """Asked for twice on a terminal; else the first line of standard input."""
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    given = getpass.getpass("Password: ")
    if getpass.getpass("Once more: ") != given:
        raise Failure("The two are not the same.")
    return given
