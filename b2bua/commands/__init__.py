"""The subcommands of ``b2bua``: a file each, with ``add(subparsers)`` and ``run(arguments)``."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = object


class Failure(Exception):
    """A command could not do what it was asked. The text is for a person."""
