"""``b2bua run CONFIG``: the whole service in the foreground, relay included."""

from __future__ import annotations

import argparse
import os
import sys

from b2bua import logs, supervisor
from b2bua.commands import Failure, Subparsers, relay
from b2bua.config import EX_CONFIG, ConfigError, load
from b2bua.control import ControlError, ServiceRunning, make_way


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "run",
        help="run the service: core, relay and console",
        description="Runs the service in the foreground: the core; unless media.relay_socket names another, a "
        "relay of its own; and the web console, unless console.enabled is false. SIGTERM or Ctrl-C drains and ends "
        "it, SIGHUP reloads the file.",
    )
    parser.add_argument("config", metavar="CONFIG", help="configuration file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    try:
        config = load(arguments.config)
    except ConfigError as problem:
        print(problem, file=sys.stderr)
        return EX_CONFIG
    try:
        make_way(config.service.control_socket)  # else a second service would be started again and again
    except ServiceRunning as problem:
        raise Failure(f"Cannot start: {problem}") from problem
    except ControlError as problem:
        print(f"Cannot start: {problem}", file=sys.stderr)
        return EX_CONFIG
    logs.set_up(config.service.log_level, config.service.mask_numbers)
    # The relay is configured as the file says now, even when it has to be started again later: the core, too,
    # takes up a change of [media] only at its own start.
    relay_command = relay.command(config) if config.media.starts_relay else []
    core, own_relay = supervisor.children_for(arguments.config, relay_command, os.environ)
    console = supervisor.console_for(arguments.config, os.environ) if config.console.is_on else None
    return supervisor.Supervisor(core, own_relay, config.limits.drain_seconds, console).run()
