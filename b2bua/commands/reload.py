"""``b2bua reload``: the running service takes up its changed configuration, or says why not."""

from __future__ import annotations

import argparse

from b2bua.commands import Failure, Subparsers
from b2bua.commands.finding import add_option, configuration, report
from b2bua.control import ControlClient, ControlError


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "reload",
        help="make the service read its configuration again",
        description="New calls use the new configuration, running ones keep theirs. A file with errors "
        "changes nothing.",
    )
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments.config)
    report(config)
    try:
        with ControlClient(config.service.control_socket) as service:
            answer = service.ask({"command": "reload"})
    except ControlError as problem:
        raise Failure(str(problem)) from problem
    running = answer.get("configuration")
    if running != config.version:
        raise Failure(f"The service runs with version {running}; this file is {config.version}: not its own?")
    print(f"The service now runs with version {running}.")
    return 0
