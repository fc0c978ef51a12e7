"""``b2bua phone``: a softphone on the terminal, in a process of its own (pjsua2 is GPL, and never loaded here)."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys

from b2bua.commands import Failure, Subparsers


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "phone",
        help="a softphone to try things with",
        description="A softphone on the terminal: a answers, d declines, h hangs up, q quits. "
        "All further options are those of `python -m b2bua.phone --help`.",
        add_help=False,
    )
    parser.add_argument("options", nargs=argparse.REMAINDER, metavar="OPTION")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if importlib.util.find_spec("pjsua2") is None:
        raise Failure("pjsua2 is not installed: pip install 'multiring[phone]'")
    options = arguments.options
    if "--help" not in options and "--console" not in options:
        options = ["--console", *options]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "b2bua.phone", *options])
