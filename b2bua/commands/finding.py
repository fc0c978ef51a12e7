"""Which configuration file a command means, and through it which database and socket."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from b2bua.config import Config, load
from b2bua.control import ControlClient, ControlError

VARIABLE: Final = "MULTIRING_CONFIG"
PLACES: Final = ("multiring.toml", "/etc/multiring/multiring.toml")


class NoConfiguration(Exception):
    """No file was named, and none stands where it is looked for. The text is for a person."""


def add_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--config",
        metavar="FILE",
        default="",
        help=f"configuration of the service; else ${VARIABLE}, then {', then '.join(PLACES)}",
    )


def find(named: str, environment: Mapping[str, str] = os.environ, places: Sequence[str] = PLACES) -> str:
    """The path of the file that is meant. Raises NoConfiguration."""
    if named or environment.get(VARIABLE):
        return named or environment[VARIABLE]
    for place in places:
        if Path(place).is_file():
            return place
    raise NoConfiguration(
        f"No configuration: name it with --config FILE or ${VARIABLE}, or put it at {' or '.join(places)}."
    )


def configuration(named: str) -> Config:
    """The configuration that a command means. Raises NoConfiguration or ConfigError."""
    return load(find(named))


def put_to_use(config: Config) -> str:
    """Tell the service that runs, if one does, of flows or numbers that have changed; what to say of it."""
    try:
        with ControlClient(config.service.control_socket) as service:
            service.ask({"command": "flows"})
    except ControlError:
        return "No service runs; the next one to start uses it."
    return "New calls go by it."


def report(config: Config) -> None:
    """Say on stderr what the file draws by way of warnings."""
    for finding in config.findings:
        print(finding, file=sys.stderr)
