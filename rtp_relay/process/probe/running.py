"""Asks a relay that may be running what it does; says Hello like any core, and wants nothing of it."""

from __future__ import annotations

import socket
import struct
from typing import Final

from rtp_relay import control, facts
from rtp_relay.errors import ControlError
from rtp_relay.framing import events_in, packets_of
from rtp_relay.process.probe.machine import descriptors_of

PATIENCE: Final = 2.0  # seconds
CREDENTIALS: Final = struct.Struct("=iII")  # struct ucred


def ask(path: str) -> facts.Running | None:
    """None where none answers. Raises OSError where this user may not ask."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
        asking.settimeout(PATIENCE)
        try:
            asking.connect(path)
        except (FileNotFoundError, ConnectionRefusedError):
            return None
        process, _, _ = CREDENTIALS.unpack(asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, CREDENTIALS.size))
        for packet in packets_of([control.Hello(), control.Inventory()]):
            asking.send(packet)
        welcome: control.Welcome | None = None
        try:
            while packet := asking.recv(control.PACKET_LIMIT):
                for event in events_in(packet):
                    if isinstance(event, control.Welcome):
                        welcome = event
                    elif isinstance(event, control.Holdings) and welcome is not None:
                        return _seen(welcome, event, descriptors_of(process))
        except (TimeoutError, ControlError) as error:
            raise OSError(0, f"what listens at {path} does not speak as this relay does") from error
    return None


def _seen(welcome: control.Welcome, holdings: control.Holdings, limit: int) -> facts.Running:
    pairs = holdings.ports_lent + holdings.ports_free + holdings.ports_resting + holdings.ports_leased
    return facts.Running(welcome.form, welcome.reason, welcome.calls, pairs, limit)
