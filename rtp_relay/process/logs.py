"""Logs: for people on a terminal, JSON lines on stderr for everything else; in the form of b2bua/logs.py, beside which
they stand.
"""

from __future__ import annotations

import logging
import sys
from typing import Final

import structlog

READABLE: Final = "%H:%M:%S.%f"  # local time


def set_up(level: str) -> None:
    """Configure structlog for this process."""
    on_terminal = sys.stderr.isatty()
    stamp = structlog.processors.TimeStamper(fmt=READABLE if on_terminal else "iso", utc=not on_terminal)
    machines = [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            stamp,
            *([structlog.dev.ConsoleRenderer(pad_event_to=0)] if on_terminal else machines),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
