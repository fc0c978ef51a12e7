"""The command line: ``b2bua COMMAND``, or ``python -m b2bua COMMAND``."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Final

_COMMANDS: Final = ("run", "core", "relay", "check", "calls", "show", "live", "hangup", "reload")


def parser() -> argparse.ArgumentParser:
    """The whole command line. What a command needs beyond its options is imported when it runs."""
    made = argparse.ArgumentParser(
        prog="b2bua",
        description="Rings every recipient of a number at once and connects the first to answer.",
        epilog="`b2bua COMMAND --help` explains a command. docs/configuration.md explains the configuration.",
    )
    subparsers = made.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in _COMMANDS:
        importlib.import_module(f"b2bua.commands.{name}").add(subparsers)
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; gives the exit status."""
    from b2bua.commands.finding import NoConfiguration, explain
    from b2bua.config import ConfigError
    from b2bua.control import ControlError
    from b2bua.store import StoreError

    for stream in (sys.stdout, sys.stderr):
        # Names of callers may hold what the terminal's character set does not.
        getattr(stream, "reconfigure", lambda **_: None)(errors="replace")
    chosen = parser().parse_args(arguments)
    try:
        status: int = chosen.run(chosen)
        sys.stdout.flush()
    except (ConfigError, NoConfiguration) as problem:
        explain(problem)
        return 2
    except (ControlError, StoreError) as problem:
        print(problem, file=sys.stderr)
        return 1
    except BrokenPipeError:
        # `b2bua calls | head`: nobody reads on; Python must not complain of it when it closes stdout.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


if __name__ == "__main__":
    sys.exit(main())
