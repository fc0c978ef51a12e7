"""``b2bua check FILE``: what is wrong with a configuration, line by line, with the remedy."""

from __future__ import annotations

import argparse

from b2bua.commands import Subparsers
from b2bua.config import Config, ConfigError, load
from b2bua.directory import not_walked


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "check",
        help="check a configuration file",
        description="Names file, line and remedy of all that is wrong. Exit status 0: usable; 1: not.",
    )
    parser.add_argument("file", metavar="FILE")
    parser.add_argument("--strict", action="store_true", help="warnings count as errors")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    try:
        config = load(arguments.file)
    except ConfigError as problem:
        print(problem)
        return 1
    for finding in config.findings:
        print(finding)
    if arguments.strict and config.findings:
        return 1
    print(f"{arguments.file}: good. {summary(config)}")
    if missing := not_walked(config):
        print(f"{arguments.file}: note: {missing}")
    return 0


def summary(config: Config) -> str:
    """What the file amounts to, on one line."""
    recipients = sum(len(number.step.recipients) for number in config.numbers.values())
    listeners = ", ".join(listener.name for listener in config.sip.listeners)
    counts = (
        _counted(len(config.trunks), "trunk"),
        _counted(len(config.numbers), "number"),
        _counted(recipients, "recipient"),
    )
    flows = f", {_counted(len(config.flows), 'flow')}" if config.flows else ""
    return f"Listens on {listeners}; {', '.join(counts)}{flows}; version {config.version}."


def _counted(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"
