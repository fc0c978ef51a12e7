"""``b2bua show CALL``: one call on one page, with the ladder of all its legs."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

from b2bua import records
from b2bua.calls.record import CallRecord
from b2bua.commands import Failure, Subparsers
from b2bua.commands.finding import add_option, configuration
from b2bua.control import ControlClient, ControlError, up_to_date
from b2bua.store import Archive, StoreError
from b2bua.traces import pcap, scenario


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "show",
        help="tell all of one call",
        description="What happened in a call: outcome, recipients, times, media, SIP messages of all legs.",
    )
    parser.add_argument("call", metavar="CALL", help='its id or the beginning of it, its Call-ID, or "last"')
    parser.add_argument("--messages", action="store_true", help="with the SIP messages in full")
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument("--json", action="store_true", help="as a JSON object, messages included")
    forms.add_argument(
        "--pcap",
        metavar="FILE",
        help="write the SIP messages to a file for Wireshark (- for standard output)",
    )
    forms.add_argument(
        "--sipp", metavar="PARTY", help='as a SIPp scenario that plays one side: "caller", or a name'
    )
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments.config)
    try:
        record = asyncio.run(_read(config.records.database, arguments.call))
    except StoreError as problem:
        raise Failure(str(problem)) from problem
    if record is None:
        raise Failure("There is no call yet." if arguments.call == "last" else f"There is no call {arguments.call}.")
    record = _as_it_is(record, config.service.control_socket)
    if arguments.json:
        print(json.dumps(records.as_json(record), indent=2))
    elif arguments.pcap:
        _write(arguments.pcap, _capture(record))
    elif arguments.sipp:
        print(_scenario(record, arguments.sipp), end="")
    else:
        print(records.page(record))
        if arguments.messages:
            print("\n" + records.messages(record))
    return 0


def _as_it_is(record: CallRecord, control_socket: str) -> CallRecord:
    """A running call as the service knows it: the database has its beginning only. That is all, if nobody answers."""
    if record.outcome is not None:
        return record
    try:
        with ControlClient(control_socket) as service:
            answer = service.ask({"command": "records", "calls": [record.id], "messages": True})
        return up_to_date([record], answer)[0]
    except ControlError:
        return record


def _capture(record: CallRecord) -> bytes:
    if not record.trace:
        raise Failure(f"No messages of call {record.id} were kept.")
    return pcap.capture(record.trace)


def _write(name: str, octets: bytes) -> None:
    if name == "-":
        sys.stdout.buffer.write(octets)
        return
    try:
        Path(name).write_bytes(octets)
    except OSError as problem:
        raise Failure(f"{name} cannot be written: {problem.strerror}.") from problem


def _scenario(record: CallRecord, party: str) -> str:
    try:
        return scenario.render(record, _leg(record, party))
    except scenario.ScenarioError as problem:
        raise Failure(str(problem)) from problem


def _leg(record: CallRecord, party: str) -> int:
    """The caller is meant by "caller"; a recipient by the name, in any case, or by the number of the leg."""
    if party.lower() in ("caller", "0"):
        return 0
    for recipient in record.recipients:
        if party.lower() in (recipient.name.lower(), str(recipient.leg)):
            return recipient.leg
    names = ", ".join(["caller", *(recipient.name for recipient in record.recipients)])
    raise Failure(f"Nobody in this call is {party}: it may be {names}.")


async def _read(database: str, key: str) -> CallRecord | None:
    async with Archive(database) as archive:
        return await archive.call(key)
