"""Logs: JSON lines for journald, or readable lines on a terminal; phone numbers masked where wished."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any, TextIO

import structlog

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}
# Five digits or more that stand by themselves: not those of an address, a time with a fraction, or an id.
_NUMBER = re.compile(r"(?<![\w.:+-])\+?\d{5,15}(?![\w.:-])|(?<=sip:)\+?\d{5,15}(?=@)")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_KEPT_DIGITS = 3
# Fields that hold a number whatever it looks like.
_PRIVATE_FIELDS = frozenset({"caller", "caller_name", "dialled"})


def set_up(
    level: str = "info",
    mask_numbers: bool = False,
    output: TextIO | None = None,
    terminal: bool | None = None,
) -> None:
    """Send all logs of this process to output (stderr): readable on a terminal, else JSON, one line an event.

    level: "debug", "info", "warning" or "error". May be called again after a reload.
    """
    stream = sys.stderr if output is None else output
    readable = stream.isatty() if terminal is None else terminal
    processors: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S.%f" if readable else "iso", utc=not readable),
    ]
    if mask_numbers:
        processors.append(mask)
    if readable:
        processors.append(harmless)
        processors.append(structlog.dev.ConsoleRenderer(colors=stream.isatty(), pad_event_to=0))
    else:
        processors += [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(_LEVELS[level]),
        logger_factory=structlog.PrintLoggerFactory(stream),
        # Loggers are made when modules are imported, before this; and a reload may change the level.
        cache_logger_on_first_use=False,
    )


def mask(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: phone numbers keep their last three digits, names of callers their initial."""
    for name, value in event.items():
        if not isinstance(value, str) or name in ("timestamp", "level", "exception"):
            continue
        event[name] = (
            masked(value) if name in _PRIVATE_FIELDS else _NUMBER.sub(lambda found: masked(found[0]), value)
        )
    return event


def harmless(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A structlog processor: text from the wire, or from a log-in, cannot steer the terminal that it is shown on."""
    for name, value in event.items():
        if isinstance(value, str) and name != "exception":
            event[name] = _CONTROL.sub("·", value)
    return event


def masked(private: str) -> str:
    """A phone number as dots and its last digits, "…123"; a name as its first letter, "J…"."""
    digits = private.lstrip("+")
    if digits.isascii() and digits.isdigit():
        return "…" + digits[-_KEPT_DIGITS:] if len(digits) > _KEPT_DIGITS else private
    return private[:1] + "…" if private else private
