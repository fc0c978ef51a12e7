"""The phone's process, `python -m b2bua.phone`: commands on standard input, events on standard output.

It ends on `quit`, on SIGTERM, and when standard input closes, so that it never outlives the program that
drives it. With --console a person drives it with single keys instead.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import signal
import sys
import time
from collections.abc import Iterator
from types import FrameType
from typing import Final

import msgspec
import pjsua2

from b2bua.phone import messages
from b2bua.phone.console import Console
from b2bua.phone.library import Options
from b2bua.phone.softphone import Softphone

TURN_MILLISECONDS: Final = 10


class Pipe:
    """Commands and events as lines of JSON on the standard streams."""

    def __init__(self) -> None:
        self.is_closed = False
        self._received = bytearray()
        os.set_blocking(0, False)

    def commands(self) -> list[messages.AnyCommand]:
        """All whole commands that have arrived. A line that is none is reported on standard error."""
        self._read()
        *lines, rest = self._received.split(b"\n")
        self._received = bytearray(rest)
        commands = []
        for line in lines:
            try:
                commands.append(messages.command_from(bytes(line)))
            except msgspec.DecodeError as error:
                print(f"not a command: {error}", file=sys.stderr)
        return commands

    def show(self, event: messages.Event) -> None:
        """Writes an event."""
        sys.stdout.buffer.write(messages.to_line(event))
        sys.stdout.buffer.flush()

    def close(self) -> None:
        """Leaves standard input as it was found: others may share it."""
        os.set_blocking(0, True)

    def _read(self) -> None:
        while not self.is_closed:
            try:
                received = os.read(0, 65_536)
            except BlockingIOError:
                return
            self.is_closed = not received
            self._received += received


def main(arguments: list[str] | None = None) -> int:
    """Runs one phone to its end. Returns the exit status: 0, or 1 when it cannot listen."""
    parsed = _parser().parse_args(arguments)
    stop: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        stop.append(number)

    signal.signal(signal.SIGTERM, note)
    signal.signal(signal.SIGINT, note)
    try:
        with _quiet_output():
            phone = Softphone(_options(parsed))
    except pjsua2.Error as error:
        where = f"{parsed.address}:{parsed.port}"
        print(f"{parsed.name}: cannot listen on {where}: {error.reason}", file=sys.stderr)
        return 1
    front: Pipe | Console = Console(parsed.name) if parsed.console else Pipe()
    try:
        _run(phone, front, parsed.call, stop)
    finally:
        phone.close()
        _show_all(phone, front)
        front.close()
    return 0


@contextlib.contextmanager
def _quiet_output() -> Iterator[None]:
    """pjlib writes its first lines to standard output, before it can be told not to; ours is for events."""
    kept, nowhere = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nowhere)


def _run(phone: Softphone, front: Pipe | Console, call: str, stop: list[int]) -> None:
    phone.tell(messages.Ready(time.monotonic(), phone.port, phone.uri, os.getpid()))
    if call:
        phone.obey(messages.Call(call))
    while not (front.is_closed or stop):
        phone.turn(TURN_MILLISECONDS)
        for command in front.commands():
            if isinstance(command, messages.Quit):
                return
            phone.obey(command)
        _show_all(phone, front)


def _show_all(phone: Softphone, front: Pipe | Console) -> None:
    while True:
        try:
            front.show(phone.events.get_nowait())
        except queue.Empty:
            return


def _options(parsed: argparse.Namespace) -> Options:
    return Options(
        name=parsed.name,
        user=parsed.user,
        address=parsed.address,
        port=parsed.port,
        tcp=parsed.tcp,
        tone=parsed.tone,
        listen=tuple(parsed.listen),
        answer_after=parsed.answer_after,
        decline_after=parsed.decline_after,
        hang_up_after=parsed.hang_up_after,
        busy=parsed.busy,
        silent=parsed.silent,
        log=parsed.log,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="A softphone that sends and hears tones.")
    parser.add_argument("--name", default="phone", help="who it shows as calling (default: %(default)s)")
    parser.add_argument("--user", default="", help="user part of its SIP address (default: the name)")
    parser.add_argument("--address", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, default=0, help="UDP port; 0 takes any that is free (default)")
    parser.add_argument("--tcp", action="store_true", help="listen on TCP too, on the same port")
    parser.add_argument("--tone", type=int, default=0, metavar="HZ", help="send a sine; 0: silence (default)")
    parser.add_argument("--silent", action="store_true", help="send silence until told to play")
    parser.add_argument(
        "--listen", type=int, nargs="*", default=[], metavar="HZ", help="tell when these tones begin and end"
    )
    parser.add_argument("--call", default="", metavar="URI", help="call this at the start")
    parser.add_argument("--answer-after", type=float, metavar="S", help="answer after ringing S seconds")
    parser.add_argument("--decline-after", type=float, metavar="S", help="decline after ringing S seconds")
    parser.add_argument("--hang-up-after", type=float, metavar="S", help="hang up S seconds after the answer")
    parser.add_argument("--busy", action="store_true", help="answer every call with 486")
    parser.add_argument("--log", default="", metavar="FILE", help="write pjsip's log with every SIP message")
    parser.add_argument("--console", action="store_true", help="show events in words and take single keys")
    return parser


if __name__ == "__main__":
    sys.exit(main())
