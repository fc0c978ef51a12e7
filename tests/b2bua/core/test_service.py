"""The core process: real sockets on loopback, a relay that a test plays, signals, exit codes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rtp_relay import control
from tests.b2bua.core.stage import LIMIT, Stage, answer_to, configuration, header, only_record, play

# A call.


def test_a_call_through_real_sockets(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        to = await stage.connect()
        assert len(stage.core.switchboard.calls) == 1
        await stage.until(lambda: stage.relay.of(control.Bridge))
        bridge, direct = stage.relay.of(control.Bridge)[-1], stage.relay.of(control.Direct)
        assert (bridge.a, bridge.b) == (0, 1) and {each.port for each in direct} == {40000}
        await stage.leave(to)
        assert stage.relay.of(control.Release)[-1].legs == ()

    play(place, scene)
    record = only_record(place)
    assert (record.answered_by, record.ended_by, record.status) == ("Ana", "caller", 200)


def test_a_name_that_is_not_found(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        text = stage.file.read_text().replace(
            f"sip:ana@127.0.0.1:{stage.phone.port}", "sip:ana@nowhere.invalid"
        )
        stage.file.write_text(text)
        stage.core.reload()

        async def locate(uri: str) -> list[object]:
            assert uri == "sip:ana@nowhere.invalid"
            return []

        stage.core.resolver.locate = locate  # type: ignore[assignment,method-assign]
        stage.invite()
        assert (await stage.trunk.receive("SIP/2.0 4")).startswith("SIP/2.0 480")
        await stage.until(lambda: not stage.core.switchboard.calls)

    play(place, scene)


# Drain.


def test_sigterm_without_calls_ends_it(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        await stage.core.run_until_stopped()

    play(place, scene)


def test_the_drain_waits_for_the_calls_and_takes_no_new_ones(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        to = await stage.connect()
        stage.core.stop()
        stopped = asyncio.create_task(stage.core.run_until_stopped())
        stage.invite(branch="2")
        refused = await stage.trunk.receive("SIP/2.0 503")
        assert header(refused, "Retry-After") == "5"
        assert not stopped.done()
        await stage.leave(to)
        await stopped

    play(place, scene)


@pytest.mark.parametrize("how", ["twice", "limit"])
def test_calls_that_outlive_the_drain_are_hung_up(place: Path, how: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.connect()
        if how == "limit":
            stage.write(limits="")
            text = stage.file.read_text().replace("drain_seconds = 5", "drain_seconds = 0")
            stage.file.write_text(text)
            stage.core.reload()
        stage.core.stop()
        if how == "twice":
            stage.core.stop()
        await stage.core.run_until_stopped()
        assert stage.core.switchboard.calls
        closing = asyncio.create_task(stage.core.close())
        bye = await stage.phone.receive("BYE")
        assert "Q.850;cause=41" in header(bye, "Reason")
        stage.respond(bye, "200 OK")
        stage.trunk.send(answer_to(await stage.trunk.receive("BYE")), stage.port)
        await closing
        assert not stage.core.switchboard.calls

    play(place, scene)
    record = only_record(place)
    assert (record.answered_by, record.ended_by, record.reason) == ("Ana", "service", "the service was stopped")


def test_after_its_end_nothing_is_left(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        assert (place / "core.sock").is_socket()

    play(place, scene)
    assert not (place / "core.sock").exists()


# Start, and the ways in which it fails.


def start_core(place: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "b2bua", "core", str(place / "multiring.toml")],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_a_port_in_use_is_no_reason_to_try_again(place: Path, transport: str) -> None:
    """docs/operating.md: exit status 78 (EX_CONFIG of sysexits.h), and systemd lets it be."""
    kind = socket.SOCK_DGRAM if transport == "udp" else socket.SOCK_STREAM
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if transport == "tcp":
            taken.listen()
        port = taken.getsockname()[1]
        (place / "multiring.toml").write_text(configuration(9, f"{transport}:127.0.0.1:{port}"))
        ended = start_core(place)
    assert ended.returncode == 78
    assert f"cannot listen on {transport}:127.0.0.1:{port}: " in ended.stderr
    assert "address already in use" in ended.stderr.lower() and f"'sport = :{port}'" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (place / "core.sock").exists(), "and nothing is left behind"


def test_a_socket_that_cannot_be_made_is_no_reason_to_try_again(place: Path) -> None:
    (place / "multiring.toml").write_text(configuration(9).replace("core.sock", "calls.sqlite/core.sock"))
    (place / "calls.sqlite").write_text("")
    ended = start_core(place)
    assert ended.returncode == 78
    assert "calls.sqlite/core.sock cannot be used: " in ended.stderr and "service.control_socket" in ended.stderr


def test_an_address_that_is_not_ours(place: Path) -> None:
    (place / "multiring.toml").write_text(configuration(9, "udp:192.0.2.200:0"))
    ended = start_core(place)
    assert ended.returncode == 78 and "192.0.2.200" in ended.stderr


def test_a_bad_file(place: Path) -> None:
    (place / "multiring.toml").write_text("[sip]\nlisten = 7\n")
    ended = start_core(place)
    assert ended.returncode == 78
    assert "listen" in ended.stderr and "Traceback" not in ended.stderr


def test_a_bad_database(place: Path) -> None:
    (place / "calls.sqlite").write_text("this is no database, and long enough to be read as one " * 20)
    (place / "multiring.toml").write_text(configuration(9))
    ended = start_core(place)
    assert ended.returncode == 1
    assert "calls.sqlite" in ended.stderr and "Traceback" not in ended.stderr
    assert not (place / "core.sock").exists()


def test_a_second_service_on_the_same_socket(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        ended = await asyncio.to_thread(start_core, place)
        assert ended.returncode == 1 and "a service is running already" in ended.stderr
        await stage.leave(await stage.connect())

    play(place, scene)


def test_the_process_says_that_it_is_ready_and_ends_well(place: Path) -> None:
    (place / "multiring.toml").write_text(configuration(9))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(place / "notify"))
        systemd.settimeout(LIMIT)
        process = subprocess.Popen(
            [sys.executable, "-m", "b2bua", "core", str(place / "multiring.toml")],
            stderr=subprocess.PIPE,
            env=os.environ | {"NOTIFY_SOCKET": str(place / "notify")},
        )
        try:
            said: list[str] = []
            while "READY=1" not in said:
                said = systemd.recv(4096).decode().splitlines()
            assert "taking calls on udp:127.0.0.1:" in said[1]
            process.send_signal(signal.SIGTERM)
            told = b""
            while b"STOPPING=1" not in told.splitlines():
                told = systemd.recv(4096)
            process.wait(LIMIT)
        finally:
            process.kill()
            _, errors = process.communicate()
    assert process.returncode == 0, errors
