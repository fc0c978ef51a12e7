"""Which configuration file a command means, and through it which database and socket."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from b2bua.config import Config, load

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


def report(config: Config) -> None:
    """Say on stderr what the file draws by way of warnings."""
    for finding in config.findings:
        print(finding, file=sys.stderr)
