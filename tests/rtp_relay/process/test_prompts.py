"""The real process, real sockets, the real clock: a tone, a file, keys both ways, a recording."""

from __future__ import annotations

import asyncio
import socket
import time
import wave
from collections.abc import Iterator
from pathlib import Path

import pytest

from rtp_relay import g711
from rtp_relay.control import (
    Codec,
    CountryTone,
    Digit,
    DigitsSent,
    Direct,
    File,
    LegRequest,
    Listen,
    Play,
    Played,
    Record,
    Recorded,
    SendDigits,
    StopPlaying,
    StopRecording,
)
from rtp_relay.packet import HEADER
from tests.rtp_relay.goertzel import share
from tests.rtp_relay.packets import rtp
from tests.rtp_relay.process import test_service
from tests.rtp_relay.process.sounds import write_wav
from tests.rtp_relay.process.test_service import HOST, LIMIT, Core, Start
from tests.rtp_relay.test_digits import press

notify, start = test_service.notify, test_service.start


@pytest.fixture
def phone() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as made:
        made.bind((HOST, 0))
        made.setblocking(False)
        yield made


async def introduced(core: Core, phone: socket.socket) -> int:
    await core.ready()
    (port,) = await core.reserve(LegRequest(0))
    core.client.send(Direct("call", 0, 0, HOST, phone.getsockname()[1], 0))
    return port


async def packets(phone: socket.socket, count: int) -> list[bytes]:
    loop = asyncio.get_running_loop()
    return [await loop.sock_recv(phone, 2000) for _ in range(count)]


def test_ringback_and_a_file_in_real_time(start: Start, tmp_path: Path, phone: socket.socket) -> None:
    path = write_wav(tmp_path / "prompt.wav", 700.0, 0.4)

    async def script(core: Core) -> None:
        await introduced(core, phone)
        asked = time.monotonic()
        core.client.send(Play("call", 0, 0, 1, CountryTone("ringback", "us"), repeat=0))
        heard = await packets(phone, 50)
        assert time.monotonic() - asked > 0.95, "a second of sound takes a second, less a packet"
        samples = [g711.of_mu_law(octet) for packet in heard for octet in packet[12:]]
        assert share(samples, 440) + share(samples, 480) > 0.99
        sequences = [HEADER.unpack_from(packet)[2] for packet in heard]
        assert [(one - sequences[0]) & 0xFFFF for one in sequences] == list(range(50))
        core.client.send(StopPlaying("call", 0, 1))
        assert isinstance(stopped := await core.told.get(), Played)
        assert stopped.reason == "stopped"
        core.client.send(Play("call", 0, 0, 2, File(str(path)), Codec(9, "G722")))
        assert await core.told.get() == Played("call", 0, 2, 0.4, "finished")
        core.client.send(Play("call", 0, 0, 3, File(str(tmp_path / "none.wav"))))
        assert isinstance(failed := await core.told.get(), Played)
        assert (failed.reason, "No such file" in failed.trouble) == ("failed", True)

    start()
    test_service.run(script, tmp_path / "relay")


def test_keys_and_a_recording(start: Start, tmp_path: Path, phone: socket.socket) -> None:
    path = tmp_path / "voice.wav"

    async def script(core: Core) -> None:
        port = await introduced(core, phone)
        core.client.send(Listen("call", 0, (101,)))
        core.client.send(Record("call", 0, str(path)))
        await core.holdings()
        for packet in [rtp(1, size=160), rtp(2, size=160), *press("4", 3 * 160), rtp(20)]:
            phone.sendto(packet, (HOST, port))
        assert isinstance(digit := await core.told.get(), Digit)
        assert digit.digit == "4"
        core.client.send(StopRecording("call", 0))
        assert await core.told.get() == Recorded("call", 0, str(path), 0.4, "stopped")
        core.client.send(SendDigits("call", 0, 0, 101, "w12"))
        assert isinstance(sent := await core.told.get(), DigitsSent)
        assert sent.reason == "finished"
        assert len(await packets(phone, 14)) == 14

    start()
    test_service.run(script, tmp_path / "relay")
    with wave.open(str(path)) as kept:
        assert kept.getnframes() / kept.getframerate() == pytest.approx(0.4)


def test_a_stop_leaves_a_whole_recording(start: Start, tmp_path: Path, phone: socket.socket) -> None:
    path = tmp_path / "voice.wav"
    process = start()

    async def script(core: Core) -> None:
        port = await introduced(core, phone)
        core.client.send(Record("call", 0, str(path)))
        core.client.send(Listen("call", 0, (101,)))
        await core.holdings()
        phone.sendto(rtp(1), (HOST, port))
        phone.sendto(press("4", 320)[0], (HOST, port))
        await core.told.get()
        process.terminate()
        await asyncio.to_thread(process.wait, LIMIT)

    test_service.run(script, tmp_path / "relay")
    with wave.open(str(path)) as kept:
        assert kept.getnframes() / kept.getframerate() == pytest.approx(0.02)
