"""Messages of control.py to packets and back: one packet is one msgpack array."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from rtp_relay.control import PACKET_LIMIT, Command, Event, Message
from rtp_relay.errors import ControlError

_encode: Final = msgspec.msgpack.Encoder().encode
_decode_commands: Final = msgspec.msgpack.Decoder(list[Command]).decode
_decode_events: Final = msgspec.msgpack.Decoder(list[Event]).decode


def packets_of(messages: Sequence[Message], limit: int = PACKET_LIMIT) -> Iterator[bytes]:
    """The messages in as few packets as halving finds. Raises ControlError for one that fits in none."""
    packet = _encode(messages)
    if len(packet) <= limit:
        yield packet
    elif len(messages) == 1:
        raise ControlError(f"{type(messages[0]).__name__} of {len(packet)} octets: {limit} is the limit")
    else:
        half = len(messages) // 2
        yield from packets_of(messages[:half], limit)
        yield from packets_of(messages[half:], limit)


def commands_in(packet: bytes) -> list[Command]:
    """Commands of one packet. Raises ControlError."""
    try:
        return _decode_commands(packet)
    except msgspec.MsgspecError as error:
        raise ControlError(f"no commands: {error}") from error


def events_in(packet: bytes) -> list[Event]:
    """Events of one packet. Raises ControlError."""
    try:
        return _decode_events(packet)
    except msgspec.MsgspecError as error:
        raise ControlError(f"no events: {error}") from error
