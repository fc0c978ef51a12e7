"""``b2bua core CONFIG``: SIP, calls and records, without a relay."""

from __future__ import annotations

import argparse

from b2bua.commands import Subparsers


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "core",
        help="run the core only (SIP, calls, records)",
        description="Runs the core; the relay runs by itself, at media.relay_socket. For a unit of its own, "
        "so that media flows on while the core restarts.",
    )
    parser.add_argument("config", metavar="CONFIG", help="configuration file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    from b2bua.service import run as run_core  # knows everything, and takes its time to import

    return run_core(arguments.config)
