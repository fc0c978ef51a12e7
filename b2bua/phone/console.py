"""The phone for a person: events in words, single keys as commands."""

from __future__ import annotations

import os
import select
import sys
import termios
import tty
from typing import Any, Final

from b2bua.phone import messages

KEYS: Final = "a answer · d decline · b busy · h hang up · p hold · r resume · 0-9*# digits · q quit"
_COMMANDS: Final[dict[str, messages.AnyCommand]] = {
    "a": messages.Answer(),
    "d": messages.Decline(),
    "b": messages.Decline(486),
    "h": messages.HangUp(),
    "p": messages.Hold(),
    "r": messages.Resume(),
    "q": messages.Quit(),
}
_DIGITS: Final = frozenset("0123456789*#")


def command_for(key: str) -> messages.AnyCommand | None:
    """What a key means, None for one that means nothing."""
    if key in _DIGITS:
        return messages.SendDigits(key)
    return _COMMANDS.get(key.lower())


def sentence(event: messages.Event) -> str:
    """An event in words, "" for one that a person need not see."""
    match event:
        case messages.Ready(uri=uri):
            return f"listening at {uri}\n  {KEYS}"
        case messages.Incoming(caller=caller, caller_name=name):
            who = f"{name} ({caller})" if name else caller
            return f"ringing: {who} calls. Press a to answer, d to decline, b for busy"
        case messages.Ringing(line=_, code=code):
            return f"it rings ({code})"
        case messages.MediaActive(state=state, codec=codec):
            return f"audio {state}, {codec}"
        case messages.Confirmed():
            return "connected. Press h to hang up"
        case messages.Disconnected(code=code, reason=reason, outcome=outcome):
            return f"over: {outcome} ({code} {reason})"
        case messages.DigitHeard(digit=digit):
            return f"the other side pressed {digit}"
        case messages.ToneHeard(frequency=frequency, level=level):
            return f"hears {frequency} Hz at {level} dB"
        case messages.ToneGone(frequency=frequency):
            return f"hears {frequency} Hz no more"
        case messages.Failed(command=command, reason=reason):
            return f"cannot {command}: {reason}"
    return ""


class Console:
    """Keys from standard input, singly where that is a terminal; words to standard output."""

    def __init__(self, name: str) -> None:
        self.is_closed = False
        self._name = name
        self._saved: list[Any] | None = None
        if os.isatty(0):
            self._saved = termios.tcgetattr(0)
            tty.setcbreak(0)

    def commands(self) -> list[messages.AnyCommand]:
        """What the keys pressed since the last call mean."""
        pressed = ""
        while not self.is_closed and select.select([0], [], [], 0)[0]:
            received = os.read(0, 1024)
            self.is_closed = not received
            pressed += received.decode("ascii", "ignore")
        return [command for key in pressed if (command := command_for(key)) is not None]

    def show(self, event: messages.Event) -> None:
        """Says an event in words."""
        words = sentence(event)
        if words:
            print(f"{self._name}: {words}", flush=True)

    def close(self) -> None:
        """Gives the terminal back as it was."""
        if self._saved is not None:
            termios.tcsetattr(0, termios.TCSADRAIN, self._saved)
        sys.stdout.flush()
