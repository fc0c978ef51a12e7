"""``b2bua simulate FLOW``: what a call would be like, on a virtual clock, with the code that real calls go through."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, tzinfo
from typing import Final
from zoneinfo import ZoneInfo

from b2bua.calls.flow import Flow, Schedule
from b2bua.commands import Failure, Subparsers
from b2bua.commands.finding import add_option, configuration
from b2bua.config import Config
from b2bua.flows.glance import glance
from b2bua.flows.use import with_numbers
from b2bua.flows.versions import DRAFT, FlowError, FlowVersions
from b2bua.simulate import Behaviour, Scene, parse_behaviour, parse_moment, simulate
from b2bua.simulate.scene import CALLER, keys_in, seconds_in
from b2bua.store import StoreError

_MANNERS: Final = """\
what a recipient does, and after how many seconds:
  answers:6            a person answers; pressing 1 when asked for it
  answers:6,silent     ... and presses nothing
  answers:6,presses=2@3   ... presses 2, three seconds into the prompt
  answers:6,talks=30   ... and hangs up after half a minute of talk
  voicemail:20         a machine answers and never presses a key
  busy, declines:3, redirects:1, unreachable, ignores (rings on; so does whoever is not named)
"""

_EXAMPLE: Final = """
example: b2bua simulate main --at "Tue 18:05" --recipient Ana=answers:6 --recipient Ben=busy
"""


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "simulate",
        help="try a call on a flow: what everybody would hear, and the SIP ladder",
        description="Nothing is rung: a virtual clock runs the very code that real calls go through.",
        epilog=_MANNERS + _EXAMPLE,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("flow", metavar="FLOW", help="a flow, or a number")
    parser.add_argument("--version", metavar="N", help='a number or "draft"; else the draft, or the last one')
    parser.add_argument("--caller", default=CALLER, metavar="NUMBER", help="who calls (default %(default)s)")
    parser.add_argument("--name", default="", help="the display name that the trunk states")
    times = '"Tue 18:05" (the next one) or 2026-12-24T18:05; else now'
    parser.add_argument("--at", default="", metavar="TIME", help=times)
    does = "see below; may be repeated"
    parser.add_argument("--recipient", action="append", default=[], metavar="NAME=WHAT", help=does)
    presses = "the caller presses K after S seconds; may be repeated"
    parser.add_argument("--key", action="append", default=[], metavar="S:K", help=presses)
    known = "who took this caller's last call, where a step is sticky"
    parser.add_argument("--sticky-to", default="", metavar="NAME", help=known)
    gives_up = "seconds after which the caller hangs up; else at the end"
    parser.add_argument("--caller-hangs-up", default="0", metavar="S", help=gives_up)
    parser.add_argument("--talk", default="10", metavar="S", help="of talk (default %(default)s)")
    parser.add_argument("--no-ladder", action="store_true", help="leave the SIP messages out")
    parser.add_argument("--json", action="store_true", help="for a program")
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments.config)
    try:
        found = asyncio.run(glance(config.records.database))
        config = with_numbers(config, found.numbers if found is not None else ())
        flow = asyncio.run(_flow(config, arguments.flow, arguments.version))
    except (FlowError, StoreError) as problem:
        raise Failure(str(problem)) from problem
    try:
        scene = Scene(
            caller=arguments.caller,
            caller_name=arguments.name,
            moment=parse_moment(arguments.at, datetime.now(_zone(flow))),
            recipients=dict(_behaviours(arguments.recipient)),
            keys=tuple(keys_in(each) for each in arguments.key),
            hangs_up_after=seconds_in(arguments.caller_hangs_up),
            talks=seconds_in(arguments.talk),
            sticky_to=arguments.sticky_to,
        )
        simulation = simulate(flow, config, scene)
    except ValueError as problem:
        raise Failure(f"{problem}.") from problem
    if arguments.json:
        print(json.dumps(simulation.as_json(), indent=2, ensure_ascii=False))
    else:
        print("\n".join(simulation.lines(not arguments.no_ladder)))
    return 0


async def _flow(config: Config, name: str, version: str | None) -> Flow:
    """A flow of the file, of a number that lists recipients, or of the database."""
    if name in config.flows:
        if version is not None:
            raise Failure(f"{name} is declared in {config.path}, which has no versions of it.")
        return config.flows[name]
    number = config.numbers.get(name)
    if number is not None and number.flow is not None:
        return number.flow
    name = number.flow_name if number is not None else name
    async with await FlowVersions.open(config.records.database) as versions:
        kept = await versions.versions(name)
        if not kept:
            raise FlowError(f"There is no flow {name}; `b2bua flow list` shows those that there are.")
        if version is None:
            return kept[0].value()
        if version != "draft" and not version.isdigit():
            raise FlowError(f'{version!r} is no version; a number or "draft" is.')
        return (await versions.version(name, DRAFT if version == "draft" else int(version))).value()


def _zone(flow: Flow) -> tzinfo | None:
    """The time zone that "Tue 18:05" is meant in: that of the flow's schedule; else the machine's."""
    for step in flow.steps.values():
        if isinstance(step, Schedule):
            return ZoneInfo(step.time_zone)
    return datetime.now().astimezone().tzinfo


def _behaviours(said: Sequence[str]) -> list[tuple[str, Behaviour]]:
    made = []
    for each in said:
        name, equals, what = each.partition("=")
        if not equals:
            raise ValueError(f"{each!r} is not NAME=WHAT, such as Ana=answers:6")
        made.append((name, parse_behaviour(what)))
    return made
