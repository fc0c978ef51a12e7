"""How many prompts at once one core plays, and what a forwarded call feels of it.

    python -m bench.prompts [--levels 0,200,500,1000] [--seconds 4] [--recordings 50]

Everything stays on the loopback. At each level so many legs are played a prompt of a file (PCMU, 20 ms a packet)
while one bridged call sends a packet every 2 ms: how long each takes through the relay is its delay. CPU is
what the scheduler charged the relay's process, all threads. At the end a second file of five minutes is decoded and
legs are recorded at the same time.
"""

from __future__ import annotations

import argparse
import asyncio
import math
import socket
import tempfile
import time
import wave
from array import array
from pathlib import Path

from bench.relay import HOST, Core, Flow, bridged, relay
from rtp_relay.control import Direct, Figures, File, Listen, Play, Query, Record

INTERVAL = 0.002  # seconds between two packets of the call that is watched


def threads_charged(pid: int) -> float:
    """CPU seconds of all threads of a process."""
    return (
        sum(int((task / "schedstat").read_text().split()[0]) for task in Path(f"/proc/{pid}/task").iterdir())
        / 1e9
    )


def write_prompt(path: Path, seconds: float) -> Path:
    one = array(
        "h", [round(9000 * math.sin(2 * math.pi * 440 * at / 44100)) for at in range(44100)]
    ).tobytes()
    with wave.open(str(path), "wb") as out:
        out.setparams((1, 2, 44100, 0, "NONE", ""))
        for _ in range(int(seconds)):
            out.writeframes(one)
    return path


async def delays(a: Flow, b: Flow, seconds: float) -> list[float]:
    """Milliseconds through the relay, from a to b, one packet at a time; a lost one is not among them."""
    loop = asyncio.get_running_loop()
    a.socket.setblocking(False)
    b.socket.setblocking(False)
    taken: list[float] = []
    until = loop.time() + seconds
    while loop.time() < until:
        sent = time.perf_counter()
        a.send()
        try:
            async with asyncio.timeout(0.5):
                await loop.sock_recv(b.socket, 2000)
        except TimeoutError:
            continue
        taken.append((time.perf_counter() - sent) * 1000)
        await asyncio.sleep(INTERVAL)
    return sorted(taken)


async def sent(core: Core, name: str) -> int:
    core.client.send(Query(name))
    while not isinstance(answer := await core.answers.get(), Figures):
        pass
    return sum(stream.sent_packets for stream in answer.streams)


async def play(
    core: Core, pid: int, levels: list[int], seconds: float, recordings: int, folder: Path
) -> None:
    prompt = write_prompt(folder / "prompt.wav", 10)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind((HOST, 0))
        port = sink.getsockname()[1]
        a, b, *talking = await bridged(core, 1 + recordings)
        await delays(a, b, 0.5)
        playing = 0
        for level in levels:
            while playing < level:
                await core.reserve(f"prompt-{playing}", 1)
                core.client.send(Direct(f"prompt-{playing}", 0, 0, HOST, port, 0))
                core.client.send(Play(f"prompt-{playing}", 0, 0, 1, File(str(prompt)), repeat=0))
                playing += 1
            await asyncio.sleep(0.5)
            said = await sent(core, f"prompt-{playing - 1}") if playing else 0
            before, began = threads_charged(pid), time.monotonic()
            taken = await delays(a, b, seconds)
            elapsed = time.monotonic() - began
            said = await sent(core, f"prompt-{playing - 1}") - said if playing else 0
            report(f"{playing} prompts", threads_charged(pid) - before, elapsed, taken, said)
        long = write_prompt(folder / "long.wav", 300)
        talk = asyncio.create_task(talk_on(talking[::2]))
        for what in (f"and {recordings} calls forwarded", "and recorded, listened to, five minutes decoded"):
            before, began = threads_charged(pid), time.monotonic()
            taken = await delays(a, b, seconds)
            report(what, threads_charged(pid) - before, time.monotonic() - began, taken, 0)
            for number in range(1, recordings + 1):
                core.client.send(Record(f"standing-{number}", 0, str(folder / f"{number}.wav")))
                core.client.send(Listen(f"standing-{number}", 0, (101,)))
            core.client.send(Play("standing-1", 1, 0, 1, File(str(long)), repeat=0))
        talk.cancel()


async def talk_on(flows: list[Flow]) -> None:
    """A packet of each every 20 ms."""
    while True:
        for flow in flows:
            flow.send()
        await asyncio.sleep(0.02)


def report(what: str, charged: float, elapsed: float, taken: list[float], said: int) -> None:
    p50, p99, most = taken[len(taken) // 2], taken[len(taken) * 99 // 100], taken[-1]
    pace = f"; {said / elapsed:.1f} packets/s each" if said else ""
    print(
        f"{what}: {100 * charged / elapsed:.0f} % of a core{pace}; "
        f"delay of another call p50 {p50:.3f} p99 {p99:.3f} max {most:.2f} ms", flush=True,
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description="Prompts at once.")
    parser.add_argument("--levels", default="0,200,500,1000")
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--recordings", type=int, default=50)
    given = parser.parse_args()
    levels = [int(level) for level in given.levels.split(",")]

    async def measure(folder: Path) -> None:
        with relay(str(folder / "relay"), "20000-28999") as pid:
            core = Core(str(folder / "relay"))
            await core.start()
            await play(core, pid, levels, given.seconds, given.recordings, folder)
            core.client.close()

    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(Path(folder)))


if __name__ == "__main__":
    main()
