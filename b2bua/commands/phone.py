"""``b2bua phone``: a softphone on the terminal, in a process of its own (pjsua2 is GPL, and never loaded here)."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys

from b2bua.commands import Failure, Subparsers

_OPTIONS = (
    ("--name", "NAME", "what the phone is called, and the user part of its address"),
    ("--port", "N", "UDP port to listen on; 0 takes a free one"),
    ("--call", "URI", "call this address at once"),
    ("--tone", "HZ", "send a tone of so many hertz"),
    ("--answer-after", "S", "answer by itself, after so many seconds"),
    ("--decline-after", "S", "decline by itself, after so many seconds"),
)


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "phone",
        help="a softphone to try things with",
        description="A softphone on the terminal; it says which keys it takes. `python -m b2bua.phone --help` has "
        "more options.",
    )
    for option, placeholder, text in _OPTIONS:
        parser.add_argument(option, metavar=placeholder, help=text)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    if importlib.util.find_spec("pjsua2") is None:
        raise Failure("pjsua2 is not installed: pip install 'multiring[phone]'")
    options = ["--console"]
    for option, _, _ in _OPTIONS:
        value = getattr(arguments, option[2:].replace("-", "_"))
        if value is not None:
            options += [option, value]
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "b2bua.phone", *options])
