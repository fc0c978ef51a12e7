"""The subcommands of ``b2bua``: a file each, with ``add(subparsers)`` and ``run(arguments)``, the exit status."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    Subparsers = argparse._SubParsersAction[argparse.ArgumentParser]
else:
    Subparsers = object
