"""Sounds made in threads and kept; recordings that end as files."""

from __future__ import annotations

import asyncio
import os
import wave
from array import array
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest

from rtp_relay import g711
from rtp_relay.control import Codec, CountryTone, File, Speech
from rtp_relay.process.workshop import Workshop
from rtp_relay.sound import Sound
from rtp_relay.studio import Chunk, Reeled, What
from tests.rtp_relay.goertzel import share
from tests.rtp_relay.packets import rtp
from tests.rtp_relay.process.sounds import write_wav

LIMIT = 60.0


async def made(workshop: Workshop, what: What, codec: Codec) -> Sound | str:
    done: asyncio.Future[Sound | str] = asyncio.get_running_loop().create_future()
    workshop.prepare(what, codec, lambda sound, now: done.set_result(sound))
    return await done


def run(tmp_path: Path, script: Callable[[Workshop], Coroutine[object, object, None]]) -> None:
    async def play() -> None:
        workshop = Workshop(tmp_path / "speech")
        try:
            async with asyncio.timeout(LIMIT):
                await script(workshop)
        finally:
            workshop.close()

    asyncio.run(play())


def test_a_file_is_decoded_once_until_it_changes(tmp_path: Path) -> None:
    path = write_wav(tmp_path / "a.wav")

    async def script(workshop: Workshop) -> None:
        what = File(str(path))
        one, other = await asyncio.gather(made(workshop, what, Codec()), made(workshop, what, Codec()))
        assert isinstance(one, Sound)
        assert one is other
        assert await made(workshop, what, Codec()) is one
        assert await made(workshop, what, Codec(8, "PCMA")) is not one
        write_wav(path, seconds=0.5)
        os.utime(path, ns=(1, 1))
        changed = await made(workshop, what, Codec())
        assert isinstance(changed, Sound)
        assert changed.seconds == pytest.approx(0.5)

    run(tmp_path, script)


def test_tones_in_every_codec(tmp_path: Path) -> None:
    async def script(workshop: Workshop) -> None:
        for codec in (Codec(), Codec(8, "PCMA"), Codec(9, "G722"), Codec(111, "opus", 48000)):
            sound = await made(workshop, CountryTone("ringback", "de"), codec)
            assert isinstance(sound, Sound)
            assert sound.seconds == pytest.approx(5.0, abs=0.03)

    run(tmp_path, script)


def test_what_cannot_be_made_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    (tmp_path / "bad.mp3").write_bytes(b"rubbish")

    async def script(workshop: Workshop) -> None:
        assert not workshop.speaks
        for what in (
            File(str(tmp_path / "bad.mp3")), File(str(tmp_path / "none.wav")), File(str(tmp_path)), File(""),
            Speech("hello"), CountryTone("laughter"),
        ):  # fmt: skip
            for codec in (Codec(), Codec(9, "G722")):
                sound = await made(workshop, what, codec)
                assert isinstance(sound, str)
                assert sound

    run(tmp_path, script)


async def record(workshop: Workshop, path: Path, packets: list[tuple[bytes, float]]) -> Reeled:
    tape = workshop.open_tape(str(path), (Codec(), Codec(9, "G722")))
    tape.write([Chunk(packet, at) for packet, at in packets])
    done: asyncio.Future[Reeled] = asyncio.get_running_loop().create_future()
    tape.close(lambda reeled, now: done.set_result(reeled))
    return await done


def test_a_recording_with_a_gap_and_packets_out_of_order(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "voice.wav"

    async def script(workshop: Workshop) -> None:
        sound = await made(workshop, File(str(write_wav(tmp_path / "tone.wav"))), Codec())
        assert isinstance(sound, Sound)
        packets = [
            (rtp(at, size=0) + frame, 5 + at * 0.02)
            for at, frame in enumerate(sound.frames)
            if not 20 <= at < 30
        ]
        packets[3], packets[4] = packets[4], packets[3]
        packets.insert(8, packets[7])
        packets.insert(8, (rtp(7, payload_type=101), 5.15))
        assert await record(workshop, path, packets) == Reeled(1.0, "")

    run(tmp_path, script)
    assert [one.name for one in path.parent.iterdir()] == ["voice.wav"]
    with wave.open(str(path)) as kept:
        rate = kept.getframerate()
        samples = array("h", kept.readframes(kept.getnframes()))
    assert (rate, len(samples)) == (16000, 16000)
    assert share(samples[: 16 * 380], 1000, rate) > 0.98
    assert max(map(abs, samples[16 * 410 : 16 * 590])) < 50
    assert share(samples[16 * 620 : 16 * 980], 1000, rate) > 0.98


def test_what_is_loud(tmp_path: Path) -> None:
    async def script(workshop: Workshop) -> None:
        tape = workshop.open_tape(str(tmp_path / "x.wav"), (Codec(),))
        quiet = bytes([g711.to_mu_law(100)]) * 160
        loud = bytes([g711.to_mu_law(5000)]) * 160
        tape.write([Chunk(rtp(1, size=0) + loud, 5.0), Chunk(rtp(2, size=0) + quiet, 5.02)])
        done = asyncio.Event()
        tape.close(lambda reeled, now: done.set())
        await done.wait()
        assert tape.last_loud == 5.0

    run(tmp_path, script)


def test_a_disk_that_will_not(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    async def script(workshop: Workshop) -> None:
        reeled = await record(workshop, tmp_path / "file" / "x.wav", [(rtp(1), 5.0)])
        assert reeled.seconds == 0
        assert reeled.trouble

    run(tmp_path, script)
