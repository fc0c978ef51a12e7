"""``b2bua ringtest``: rings a recipient now, and tells what his phone did."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from dataclasses import replace
from typing import Final

from b2bua.calls.flow import Dial, DialRecipient, RecipientType
from b2bua.calls.record import CallRecord
from b2bua.commands import Failure, Subparsers
from b2bua.commands.finding import add_option, configuration
from b2bua.config import Config
from b2bua.config.flow_facts import facts_of, speech_is_installed
from b2bua.control import ControlClient, ControlError
from b2bua.flows.lint import lint
from b2bua.flows.writing import written
from b2bua.records import printable
from b2bua.ring_test import CONFIRM_TIME, RING_TIME, RingTestResult, flow_for, report
from b2bua.store import Archive, StoreError

PATIENCE: Final = RING_TIME + CONFIRM_TIME + 10.0
LOOK_AGAIN: Final = 0.3


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "ringtest",
        help="ring a recipient now, and tell what his phone did",
        description="Rings for half a minute, asks whoever answers to press 1, and says how long everything took, "
        "which codec and caller ID there were, and how the key came. Needs the running service.",
    )
    parser.add_argument("destination", help='"sip:ana@192.0.2.7", "+1 555 0102" with --trunk, or a name of the file')
    parser.add_argument("--trunk", default="", help="for a phone, or as outbound proxy")
    parser.add_argument(
        "--extension", default="", help='digits to send after the answer, "w" for half a second'
    )
    parser.add_argument("--json", action="store_true", help="for a program")
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments.config)
    recipient = _meant(config, arguments.destination, arguments.trunk, arguments.extension)
    flow = flow_for(recipient, speech_is_installed(), config.media.tones)
    errors = [each for each in lint(flow, facts_of(config, flow)) if each.severity == "error"]
    if errors:
        raise Failure(" ".join(f"{each.text} {each.remedy}" for each in errors))
    try:
        with ControlClient(config.service.control_socket) as service:
            call = str(service.ask({"command": "ring_test", "toml": written(flow)})["call"])
    except ControlError as problem:
        raise Failure(str(problem)) from problem
    test = report(asyncio.run(_ended(config, call)))
    print(json.dumps(test.as_json(), indent=2) if arguments.json else "\n".join(map(printable, told(test))))
    return 0 if test.pressed_after is not None else 1


def _meant(config: Config, destination: str, trunk: str, extension: str) -> DialRecipient:
    """Whom to ring: an address, a number, or somebody whom the configuration file rings, by his name."""
    if destination.startswith("sip:"):
        return DialRecipient("test", destination, RecipientType.SIP, trunk, extension)
    if any(map(str.isdigit, destination)):
        return DialRecipient("test", destination, RecipientType.PHONE, trunk, extension)
    flows = [number.flow for number in config.numbers.values() if number.flow is not None]
    for step in [step for flow in flows for step in flow.steps.values() if isinstance(step, Dial)]:
        for each in step.recipients:
            if each.name.casefold() == destination.casefold():
                return replace(
                    each, name="test", trunk=trunk or each.trunk, extension=extension or each.extension, way=None,
                    start_after=0.0, stop_after=0.0, press_one=None, is_on=True,
                )  # fmt: skip
    raise Failure(
        f'"{destination}" is neither an address nor a number, and the file rings nobody of that name. '
        'Write "sip:ana@192.0.2.7", or "+1 555 0102" with --trunk.'
    )


async def _ended(config: Config, call: str) -> CallRecord:
    """The record of the call, when it has ended."""
    deadline = time.monotonic() + PATIENCE
    try:
        async with Archive(config.records.database) as archive:
            while time.monotonic() < deadline:
                record = await archive.call(call)
                if record is not None and record.outcome is not None:
                    return record
                await asyncio.sleep(LOOK_AGAIN)
    except StoreError as problem:
        raise Failure(str(problem)) from problem
    raise Failure(f"The test call {call} has not ended after {PATIENCE:g} s.")


def told(test: RingTestResult) -> list[str]:
    """For a person."""

    def after(milliseconds: float | None) -> str:
        return "never" if milliseconds is None else f"after {milliseconds / 1000:.2f} s"

    lines = [
        f"{test.sentence}.",
        "",
        f"rang         {after(test.rang_after)}",
        f"answered     {after(test.answered_after)}",
        f"pressed 1    {after(test.pressed_after)}" + (f", by {test.keys}" if test.keys else ""),
        f"codec        {test.codec or 'not known'}",
        f"was shown    {test.shown or 'nothing'}",
    ]
    if test.asserted:
        lines.append(f"and asserted {test.asserted}")
    return [*lines, f"call         {test.call}"]
