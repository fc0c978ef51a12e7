from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rtp_relay.control import Bridge, Direct, Hello, LegRequest, Released, Reserve, Silent, StreamFigures
from rtp_relay.errors import ControlError
from rtp_relay.framing import commands_in, events_in, packets_of


def test_commands_and_events_come_back_as_they_went() -> None:
    commands = [
        Hello(),
        Reserve("call", (LegRequest(0), LegRequest(1, "other", 2, (20000, 20002), 1))),
        Direct("call", 0, 0, "192.0.2.1", 4000, 4001, learn_from=("192.0.2.1",), clock_rates=((111, 48000),)),
        Bridge("call", 0, 1, b_to_a=False),
    ]
    (packet,) = packets_of(commands)
    assert commands_in(packet) == commands
    events = [Silent("call", 60.0), Released("call", ())]
    (packet,) = packets_of(events)
    assert events_in(packet) == events


def test_figures_of_an_older_relay_have_defaults_and_an_older_core_passes_over_the_new_ones() -> None:
    """Version 4 appends to StreamFigures: the array of version 3 has 17 values."""
    figures = StreamFigures(0, 0, *(0,) * 3, 0.0, *(0,) * 7, 0.0, 0.0, 0.0, "", drops=(("no far end", 3),), heard_by=1)
    (packet,) = packets_of([Released("call", (figures,))])
    ((kind, call, (values,)),) = msgspec.msgpack.decode(packet)
    (before,) = events_in(msgspec.msgpack.encode([[kind, call, [values[:17]]]]))
    assert isinstance(before, Released)
    assert before.streams == (StreamFigures(*values[:17]),)
    (after,) = events_in(msgspec.msgpack.encode([[kind, call, [[*values, "something new"]]]]))
    assert after == Released("call", (figures,))


def test_what_is_too_long_for_one_packet_goes_in_several() -> None:
    commands = [Bridge(f"call-{number}", 0, 1) for number in range(100)]
    packets = list(packets_of(commands, limit=300))
    assert all(len(packet) <= 300 for packet in packets)
    assert [command for packet in packets for command in commands_in(packet)] == commands


def test_one_message_that_is_too_long_is_an_error() -> None:
    with pytest.raises(ControlError, match="Bridge"):
        list(packets_of([Bridge("x" * 500, 0, 1)], limit=300))


@pytest.mark.parametrize("packet", [b"", b"rubbish", b"\xc1", b"\x91\x01", b"\x91\x92\xa5Hello\xa1x"])
def test_rubbish_is_an_error(packet: bytes) -> None:
    with pytest.raises(ControlError):
        commands_in(packet)
    with pytest.raises(ControlError):
        events_in(packet)


def test_an_event_is_no_command() -> None:
    (packet,) = packets_of([Silent("call", 1.0)])
    with pytest.raises(ControlError):
        commands_in(packet)


@given(st.binary(max_size=200))
def test_any_octets_are_commands_or_a_control_error(octets: bytes) -> None:
    try:
        commands_in(octets)
    except ControlError:
        pass
