"""``b2bua live``: calls as they ring, are answered and end."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from datetime import datetime
from typing import Any, Final

from b2bua.commands import Failure, Subparsers
from b2bua.commands.board import FIGURES, Board, event_line
from b2bua.commands.finding import add_option, configuration
from b2bua.control import ControlClient, ControlError

_TICK: Final = 0.5  # seconds between two drawings when nothing happens
_HOME: Final = "\x1b[H"
_CLEAR_LINE: Final = "\x1b[K"
_CLEAR_BELOW: Final = "\x1b[J"
_OTHER_SCREEN: Final = "\x1b[?1049h\x1b[?25l"
_OWN_SCREEN: Final = "\x1b[?25h\x1b[?1049l"


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "live",
        help="watch calls as they happen",
        description="Shows who rings and who talks, as it changes; one line an event when the output "
        "is no terminal. Ctrl-C ends it.",
    )
    parser.add_argument("--json", action="store_true", help="the snapshot and each event as a line of JSON")
    add_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    config = configuration(arguments.config)
    on_terminal = _draw if sys.stdout.isatty() else _print_lines
    show = _print_json if arguments.json else on_terminal
    try:
        with ControlClient(config.service.control_socket) as service:
            show(service, service.ask({"command": "live"}))
    except ControlError as problem:
        raise Failure(str(problem)) from problem
    except KeyboardInterrupt:
        return 0
    raise Failure("The service has ended.")


def _print_json(service: ControlClient, snapshot: dict[str, Any]) -> None:
    print(json.dumps(snapshot), flush=True)
    for event in service.follow(_TICK):
        if event is not None:
            print(json.dumps(event), flush=True)


def _print_lines(service: ControlClient, snapshot: dict[str, Any]) -> None:
    for line in Board(snapshot).lines(_now()):
        print(line, flush=True)
    for event in service.follow(_TICK):
        if event is not None and event.get("event") not in FIGURES:
            at = datetime.fromtimestamp(event.get("at", 0) / 1e6)
            print(event_line(event, at.strftime("%H:%M:%S.%f")[:-3]), flush=True)


def _draw(service: ControlClient, snapshot: dict[str, Any]) -> None:
    board = Board(snapshot)
    sys.stdout.write(_OTHER_SCREEN)
    try:
        _redraw(board)
        for event in service.follow(_TICK):
            if event is not None:
                board.apply(event)
            _redraw(board)
    finally:
        sys.stdout.write(_OWN_SCREEN)
        sys.stdout.flush()


def _redraw(board: Board) -> None:
    size = shutil.get_terminal_size()
    lines = board.lines(_now(), size.columns - 1)[: size.lines - 1]
    sys.stdout.write(_HOME + "".join(f"{line}{_CLEAR_LINE}\n" for line in lines) + _CLEAR_BELOW)
    sys.stdout.flush()


def _now() -> int:
    return time.time_ns() // 1000
