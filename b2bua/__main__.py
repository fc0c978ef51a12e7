"""The command line: ``b2bua COMMAND``, or ``python -m b2bua COMMAND``."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import Any, Final

from b2bua.commands import Failure
from b2bua.commands.finding import NoConfiguration
from b2bua.config import ConfigError

COMMANDS: Final = (
    "run",
    "core",
    "relay",
    "console",
    "check",
    "calls",
    "show",
    "stats",
    "flow",
    "numbers",
    "simulate",
    "ringtest",
    "live",
    "hangup",
    "reload",
    "user",
    "phone",
)


class _Parser(argparse.ArgumentParser):
    """One that is known to what it has read, as `parser`: argparse makes those of the commands by the same class."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.set_defaults(parser=self)


def parser(named: str = "") -> argparse.ArgumentParser:
    """The command line: of one command, or of all. A service that starts has no time to import the others."""
    made = _Parser(
        prog="b2bua",
        description="Rings every recipient of a number at once and connects the first to answer.",
        epilog="`b2bua COMMAND --help` explains a command, docs/configuration.md the configuration.",
    )
    subparsers = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in (named,) if named in COMMANDS else COMMANDS:
        importlib.import_module(f"b2bua.commands.{name}").add(subparsers)
    return made


def _parsed(given: Sequence[str]) -> argparse.Namespace:
    """The arguments. What nobody knows is refused with the usage of the command that was meant, and not of them all."""
    chosen, unknown = parser(given[0] if given else "").parse_known_args(given)
    if unknown:
        meant: argparse.ArgumentParser = chosen.parser
        meant.error(f"unrecognized arguments: {' '.join(unknown)}")
    return chosen


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit status: 0 done, 1 not done, 2 asked for wrongly."""
    # Records, recordings and captures are nobody else's on this machine; a unit's own UMask= may be stricter.
    os.umask(os.umask(0o077) | 0o027)
    given = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # Names of callers may hold what the terminal's character set does not.
            stream.reconfigure(errors="replace")
    chosen = _parsed(given)
    try:
        status: int = chosen.run(chosen)
        sys.stdout.flush()
    except (ConfigError, NoConfiguration) as problem:
        print(problem, file=sys.stderr)
        return 2
    except Failure as problem:
        print(problem, file=sys.stderr)
        return 1
    except BrokenPipeError:
        # `b2bua calls | head`: nobody reads on; Python must not complain of it when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


if __name__ == "__main__":
    sys.exit(main())
