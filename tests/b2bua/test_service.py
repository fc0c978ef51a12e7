"""The core process: real sockets on loopback, a relay that a test plays, signals, the control socket, exit codes."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from b2bua import service
from b2bua.calls.flow import Flow
from b2bua.config.loading import flows_in
from b2bua.control import ControlClient, ControlError
from b2bua.flows.numbers import KeptNumber
from b2bua.store import Archive
from rtp_relay import control
from tests.b2bua.core_stage import LIMIT, Stage, answer_to, configuration, header, play


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a process does to itself alone is not done to the tests."""
    monkeypatch.setattr(service, "_tune_collector", lambda: None)
    monkeypatch.setattr(service, "RELAY_PATIENCE", 0.05)
    monkeypatch.setattr("b2bua.logs.set_up", lambda *_: None)
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    with capture_logs():
        yield
    structlog.reset_defaults()


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory whose path is short enough for a Unix socket."""
    with tempfile.TemporaryDirectory() as directory:
        yield Path(directory)


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


def only_record(place: Path) -> Any:
    async def read() -> Any:
        async with Archive(str(place / "calls.sqlite")) as archive:
            (found,) = await archive.calls()
            return await archive.call(found.id)

    return asyncio.run(read())


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


def test_a_bug_in_a_call_is_logged_whole(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        def broken(*_: object) -> object:
            raise ArithmeticError("planted")

        stage.core.directory.plan = broken  # type: ignore[assignment,method-assign]
        with capture_logs() as lines:
            stage.invite()
            await stage.trunk.receive("SIP/2.0 500")
            await stage.until(lambda: any("a call was ended by a bug" in line["event"] for line in lines))
        (said,) = [line for line in lines if "bug" in line["event"]]
        assert said["call"] == "call-1" and "planted" in said["trace"]
        assert stage.core.switchboard.failures == []

    play(place, scene)


# The relay.


def test_without_a_relay_new_calls_are_refused(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.invite()
        refused = await stage.trunk.receive("SIP/2.0 5")
        assert refused.startswith("SIP/2.0 503") and header(refused, "Retry-After") == "5"
        assert not stage.phone.has("INVITE")
        assert (await stage.ask({"command": "status"}))["relay"] == "not there"
        await stage.until(lambda: not stage.core.switchboard.calls)

    play(place, scene, with_relay=False)


def test_a_relay_that_comes_later_is_used(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.relay.start()
        await stage.until(lambda: stage.core.relay.is_ready)
        await stage.leave(await stage.connect())
        assert (await stage.ask({"command": "status"}))["relay"] == "user"

    play(place, scene, with_relay=False)


def test_a_relay_that_was_restarted_is_told_everything_again(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        to = await stage.connect()
        stage.relay.die()
        await stage.until(lambda: not stage.core.relay.is_ready)
        assert stage.core.switchboard.calls, "the call goes on"
        stage.relay.told.clear()
        stage.relay.start()
        await stage.until(lambda: stage.relay.of(control.Bridge))
        (reserve,) = stage.relay.of(control.Reserve)
        assert [(leg.leg, leg.ports) for leg in reserve.legs] == [(0, (41000,)), (1, (41002,))]
        assert {direct.leg for direct in stage.relay.of(control.Direct)} == {0, 1}
        await stage.leave(to)

    play(place, scene)


def test_a_call_that_ends_without_a_relay_has_its_record_at_once(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        to = await stage.connect()
        stage.relay.die()
        await stage.until(lambda: not stage.core.relay.is_ready)
        await stage.leave(to)

    play(place, scene)
    assert only_record(place).answered_by == "Ana"


def test_the_wait_for_a_relay_is_no_lateness_of_the_loop(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the first calls after a slow start would be refused as overload."""
    monkeypatch.setattr(service, "RELAY_PATIENCE", 1.0)

    async def scene(stage: Stage) -> None:
        assert stage.core.admission.lag < 0.05
        stage.relay.start()
        await stage.until(lambda: stage.core.relay.is_ready)
        await stage.leave(await stage.connect())

    play(place, scene, with_relay=False)


def test_what_a_core_before_this_one_left_is_given_back(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        to = await stage.connect()
        (running,) = stage.core.switchboard.calls
        with capture_logs() as lines:
            stage.core._on_relay_event(control.Holdings(("gone", running, "lost"), 6, 0, 0))
        assert lines[0]["calls"] == 2
        await stage.until(lambda: len(stage.relay.of(control.Release)) == 2)
        assert [each.call for each in stage.relay.of(control.Release)] == ["gone", "lost"]
        await stage.leave(to)

    play(place, scene)


@pytest.mark.parametrize("held", [0, 3])
def test_a_relay_that_holds_calls_already_is_asked_for_them(place: Path, held: int) -> None:
    async def scene(stage: Stage) -> None:
        stage.relay.told.clear()
        stage.core._on_relay_ready(control.Welcome(control.VERSION, "user", "", held))
        stage.core.relay.send(control.Query("last"))
        await stage.until(lambda: stage.relay.of(control.Query))
        assert len(stage.relay.of(control.Inventory)) == (1 if held else 0)

    play(place, scene)


# The control socket.


def test_status(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        before = await stage.ask({"command": "status"})
        assert (before["calls"], before["total"], before["relay"]) == (0, 0, "user")
        assert before["configuration"] == stage.core.config.version
        assert before["records_waiting"] == 0 and isinstance(before["dropped"], dict)
        to = await stage.connect()
        during = await stage.ask({"command": "status"})
        assert (during["calls"], during["total"]) == (1, 1)
        await stage.leave(to)

    play(place, scene)


def test_live_shows_what_is_and_then_what_happens(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        first = await stage.connect()
        with ControlClient(str(place / "core.sock"), LIMIT) as client:
            (call,) = (await asyncio.to_thread(client.ask, {"command": "live"}))["calls"]
            assert (call["caller"], call["answered_by"]) == ("+15550199", "Ana")
            events = client.follow(LIMIT)

            async def next_event() -> str:
                event = await asyncio.to_thread(next, events)
                assert event is not None
                return str(event["event"])

            second = await stage.connect("2")
            assert [await next_event() for _ in range(5)] == [
                "call.started", "recipient.invited", "recipient.ringing", "recipient.answered", "call.answered",
            ]  # fmt: skip
            await leave_both(stage, {"1": first, "2": second})
            assert [await next_event() for _ in range(2)] == ["call.ended", "call.ended"]

    play(place, scene)


async def leave_both(stage: Stage, dialogs: dict[str, str]) -> None:
    for branch, to in dialogs.items():
        stage.trunk.send(stage.request("BYE", branch=branch, to=to), stage.port)
        stage.respond(await stage.phone.receive("BYE"), "200 OK")
    await stage.until(lambda: not stage.core.switchboard.calls)


def test_hang_up_by_the_beginning_of_the_name(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.connect()
        (call,) = stage.core.switchboard.calls
        assert await stage.ask({"command": "hangup", "call": call[:6]}) == {"call": call}
        bye = await stage.trunk.receive("BYE")
        assert "Q.850;cause=16" in header(bye, "Reason")
        stage.trunk.send(answer_to(bye), stage.port)
        stage.respond(await stage.phone.receive("BYE"), "200 OK")
        await stage.until(lambda: not stage.core.switchboard.calls)

    play(place, scene)
    assert (only_record(place).ended_by, only_record(place).reason) == ("service", "ended by the operator")


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ({"command": "hangup", "call": "nobody"}, "no running call of that name"),
        ({"command": "hangup", "call": ""}, "no running call of that name"),
        ({"command": "hangup"}, "no running call of that name"),
        ({"command": "dance"}, "no such command: 'dance'"),
        ({}, "no such command: None"),
    ],
)
def test_commands_that_cannot_be_obeyed(place: Path, command: dict[str, Any], problem: str) -> None:
    async def scene(stage: Stage) -> None:
        with pytest.raises(ControlError, match=problem):
            await stage.ask(command)

    play(place, scene)


def test_a_beginning_that_two_calls_share(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        calls = stage.core.switchboard.calls
        dialogs = {"1": await stage.connect("1"), "2": await stage.connect("2")}
        for number, name in enumerate(list(calls)):
            calls[f"same{number}"] = calls.pop(name)
        with pytest.raises(ControlError, match="2 calls begin so"):
            await stage.ask({"command": "hangup", "call": "same"})
        for name, call in list(calls.items()):
            calls[call.id] = calls.pop(name)
        await leave_both(stage, dialogs)

    play(place, scene)


def test_asked_before_it_has_started(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.core._is_started = False
        with pytest.raises(ControlError, match="starting"):
            await stage.ask({"command": "status"})
        stage.core._is_started = True

    play(place, scene)


# Reload.

ANOTHER = """
[numbers."+15550101"]
recipients = [{ name = "Ben", destination = "sip:ben@127.0.0.1:9" }]
"""


def test_a_changed_file_counts_from_the_next_call_on(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        to = await stage.connect()
        stage.write(ANOTHER, limits="calls = 7\ncalls_per_second = 9\nretry_after = 3")
        before = stage.core.config.version
        assert (await stage.ask({"command": "reload"}))["configuration"] != before
        assert "+15550101" in stage.core.directory.config.numbers
        admission = stage.core.admission
        assert (admission.calls, admission.rate, admission.retry_after) == (7, 9, 3)
        await stage.leave(to)

    play(place, scene)


def test_a_number_of_the_database_rings_from_the_next_call_on(place: Path) -> None:
    """Told of by the command "flows"; a changed file does not lose it, not even for a moment."""

    async def scene(stage: Stage) -> None:
        flows = parse_flow(stage.phone.port)
        await stage.core.flow_versions.save_draft(flows, "jo")
        await stage.core.flow_versions.publish("main", "jo")
        await stage.core.numbers.add(KeptNumber("+15550177", "Spring", "main"), "jo")
        await stage.ask({"command": "flows"})
        await stage.until(lambda: "+15550177" in stage.core.directory.config.numbers)
        stage.write(ANOTHER)
        assert stage.core.reload() == ""
        assert {"+15550101", "+15550177"} <= set(stage.core.directory.config.numbers)
        stage.invite("+15550177", "9")
        invite = await stage.phone.receive("INVITE sip:ben@")
        stage.respond(invite, "486 Busy Here")
        await stage.trunk.receive("SIP/2.0 486")

    play(place, scene)


def parse_flow(port: int) -> Flow:
    """A flow that rings the stage's phone under another name."""
    dial = f'nobody_answered = "end"\nrecipients = [{{ name = "Ben", destination = "sip:ben@127.0.0.1:{port}" }}]'
    text = f'[flows.main]\nfirst = "ring"\n[flows.main.dial.ring]\n{dial}\n[flows.main.hang_up.end]\n'
    return flows_in(text.encode(), "main.toml")["main"]


def test_sighup_with_a_bad_file_keeps_the_last_good_one(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        before = stage.core.config
        stage.file.write_text("[sip]\nlisten = 7\n")
        with capture_logs() as lines:
            os.kill(os.getpid(), signal.SIGHUP)
            await stage.until(lambda: lines)
        assert lines[0]["log_level"] == "error" and "the last good one stays" in lines[0]["event"]
        assert "listen" in lines[0]["problem"]
        assert stage.core.config is before and stage.core.directory.config is before
        await stage.leave(await stage.connect())

    play(place, scene)


def test_reload_of_a_bad_file_tells_who_asked(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.file.write_text("[sip]\nlisten = 7\n")
        with pytest.raises(ControlError, match="listen"):
            await stage.ask({"command": "reload"})

    play(place, scene)


@pytest.mark.parametrize(
    ("old", "new", "setting"),
    [
        ("udp:127.0.0.1:0", "tcp:127.0.0.1:0", "sip.listen"),
        ("[media]", "t1 = 0.6\n[media]", "sip.t1"),
        ("[media]", 'user_agent = "Other"\n[media]', "sip.user_agent"),
        ("relay.sock", "other.sock", "media"),
        ("calls.sqlite", "other.sqlite", "records"),
        ("core.sock", "other.sock", "service.control_socket"),
    ],
)
def test_a_setting_that_wants_a_restart_says_so(place: Path, old: str, new: str, setting: str) -> None:
    async def scene(stage: Stage) -> None:
        stage.file.write_text(stage.file.read_text().replace(old, new))
        with capture_logs() as lines:
            stage.core.reload()
        (said,) = [line for line in lines if line["log_level"] == "warning"]
        assert said["settings"] == [setting]

    play(place, scene)


def test_an_unchanged_file_warns_of_nothing(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        with capture_logs() as lines:
            assert stage.core.reload() == ""
        assert [line["log_level"] for line in lines] == ["info"]

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
        stage.respond(await stage.phone.receive("BYE"), "200 OK")
        stage.trunk.send(answer_to(await stage.trunk.receive("BYE")), stage.port)
        await closing
        assert not stage.core.switchboard.calls

    play(place, scene)
    assert only_record(place).answered_by == "Ana"


def test_after_its_end_nothing_is_left(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        assert (place / "core.sock").is_socket()

    play(place, scene)
    assert not (place / "core.sock").exists()


# The heart.


def test_a_late_loop_is_noticed(place: Path) -> None:
    async def scene(stage: Stage) -> None:
        for _ in range(60):
            stage.core._beat_due -= 1.0
            assert stage.core._heartbeat is not None
            stage.core._heartbeat.cancel()
            stage.core._beat()
        assert stage.core.admission.lag > 0.05
        stage.invite()
        assert (await stage.trunk.receive("SIP/2.0 5")).startswith("SIP/2.0 503")

    play(place, scene)


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
    assert "address already in use" in ended.stderr.lower()
    assert "Traceback" not in ended.stderr
    assert not (place / "core.sock").exists(), "and nothing is left behind"


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
