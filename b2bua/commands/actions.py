"""The actions of a subcommand (``b2bua numbers add``, ``b2bua flow publish``), which all take ``--config``."""

from __future__ import annotations

import argparse

from b2bua.commands import Subparsers
from b2bua.commands.finding import add_option


def add_action(
    actions: Subparsers, name: str, words: str, *arguments: str, **defaults: object
) -> argparse.ArgumentParser:
    """One action. words: what it does, as help. arguments: positional ones, by name. defaults: for whoever runs it."""
    parser = actions.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
    for argument in arguments:
        parser.add_argument(argument, metavar=argument.upper())
    add_option(parser)
    parser.set_defaults(**defaults)
    return parser
