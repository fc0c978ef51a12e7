"""``b2bua hangup CALL``: ends a running call on both sides."""

from __future__ import annotations

import argparse

from b2bua.commands import Failure, Subparsers
from b2bua.commands.finding import add_option, configuration
from b2bua.control import ControlClient, ControlError


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "hangup", help="end a running call", description="Ends a running call on all sides."
    )
    parser.add_argument(
        "call", metavar="CALL", help="its id, as `b2bua live` shows it, or the beginning of it"
    )
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments.config)
    try:
        with ControlClient(config.service.control_socket) as service:
            answer = service.ask({"command": "hangup", "call": arguments.call})
    except ControlError as problem:
        raise Failure(str(problem)) from problem
    print(f"Call {answer.get('call', arguments.call)} is being ended.")
    return 0
