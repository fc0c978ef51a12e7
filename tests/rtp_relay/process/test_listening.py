"""The real process records and hears keys of media that only the kernel forwards."""

from __future__ import annotations

import signal
import wave
from pathlib import Path

import pytest

from bench import namespaces
from rtp_relay.control import (
    Bridge,
    Digit,
    Direct,
    Hello,
    LegRequest,
    Listen,
    Query,
    Record,
    Recorded,
    Reserve,
    Reserved,
    StopRecording,
)
from tests.rtp_relay.conformance.test_listening import numbered
from tests.rtp_relay.packets import rtp
from tests.rtp_relay.process.test_forms import HOST, Core, Start, far_end, folder, heard, start
from tests.rtp_relay.test_digits import press

__all__ = ["folder", "start"]  # fixtures


@pytest.mark.parametrize("form", ["tc", "xdp"])
def test_what_the_kernel_forwards_while_the_process_stands_still_is_heard_afterwards(
    start: Start, folder: Path, form: str
) -> None:
    process = start(form, user="root")  # nobody may not read where Python is, on some machines, and wav is read late
    core = Core(folder / "relay")
    core.ask(Hello())
    (reserved,) = core.ask(Reserve("call", (LegRequest(0), LegRequest(1))))
    assert isinstance(reserved, Reserved)
    port = reserved.lent[0].port
    first, second = rtp(1, ssrc=1), rtp(2, ssrc=1)
    speech = [rtp(sequence, ssrc=1) for sequence in range(3, 103)]
    packets = numbered([*speech[:50], *press("4", 8320), *speech[50:]], 3)
    far = [far_end(port, [first, second, *packets]), far_end(port, [])]
    directs = [
        Direct("call", leg, 0, namespaces.FAR[False], where := one.getsockname()[1], where + 1, latch=False)
        for leg, one in enumerate(far)
    ]
    core.ask(*directs, Bridge("call", 0, 1), Query("call"))
    far[0].sendto(first, (HOST, port))
    assert heard(far[1]) == first
    core.ask(Listen("call", 0, (101,)), Record("call", 0, str(folder / "call.wav")), Query("call"))
    far[0].sendto(second, (HOST, port))
    assert heard(far[1]) == second
    core.ask(Query("call"))  # whose answer comes after the turn in which the flow went to the kernel
    process.send_signal(signal.SIGSTOP)
    for packet in packets:
        far[0].sendto(packet, (HOST, port))
        assert heard(far[1]) == packet
    process.send_signal(signal.SIGCONT)
    assert core.hear() == [Digit("call", 0, "4", 20)]
    (made,) = core.ask(StopRecording("call", 0))
    assert isinstance(made, Recorded)
    with wave.open(str(folder / "call.wav")) as file:
        seconds = file.getnframes() / file.getframerate()
    assert seconds == pytest.approx(made.seconds) == pytest.approx(101 * 0.02, abs=0.021)
    for one in far:
        one.close()
    core.close()
