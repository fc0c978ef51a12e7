"""The service as a process: how it starts and ends, and what is left when a part of it is killed."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import subprocess
import sys
import time

import pytest

from b2bua.calls.record import CallOutcome
from tests.sipp_scenarios import ports
from tests.sipp_scenarios.earpiece import Earpiece
from tests.sipp_scenarios.house import House
from tests.sipp_scenarios.service import Service
from tests.sipp_scenarios.stage import Stage
from tests.sipp_scenarios.test_media import wait_until_talking
from tests.sipp_scenarios.waiting import has_ended, until

pytestmark = pytest.mark.sipp

START = 2.0  # seconds that the service may take to start, on a machine with nothing else to do
IMPORTS = "import fastapi, pydantic, sqlalchemy.ext.asyncio"  # half of what a start is made of
RESTART = 8.0  # seconds for a killed child to be back


def test_it_starts_in_less_than_two_seconds(own_house: House) -> None:
    """Or in as many times what such a machine takes to start Python, if this one is slower or busy."""
    service = own_house.service
    started_in, plain = service.started_in, 0.0
    for _ in range(4):
        if started_in < START:
            return
        assert service.stop() == 0
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", IMPORTS], check=True)
        plain = time.monotonic() - began
        service.start()
        started_in = service.started_in
        if started_in < 5 * plain:
            return
    raise AssertionError(f"{started_in:.1f} s, and {plain:.1f} s for half of its imports")


def has_another_relay(service: Service, killed: int) -> bool:
    """Whether there is one, and not the one that was killed."""
    with contextlib.suppress(AssertionError):  # there is none
        return service.child("relay") != killed
    return False


def lends_again(service: Service) -> bool:
    with contextlib.suppress(OSError):  # it does not listen yet
        return service.holdings().ports_lent >= 2
    return False


def test_a_killed_relay_comes_back_and_the_call_has_its_audio_again_on_the_same_ports(
    own_stage: Stage,
) -> None:
    service = own_stage.service
    with Earpiece(1) as dana, Earpiece(2) as ana:
        callee = own_stage.callee("Ana", "answers", rtp_port=ana.port)
        caller = own_stage.caller("ana", "is_hung_up", rtp_port=dana.port)
        for_dana, for_ana = wait_until_talking(caller, callee)
        dana.say_until_heard(for_dana, ana)
        killed = service.child("relay")
        os.kill(killed, signal.SIGKILL)
        until(lambda: has_another_relay(service, killed), RESTART, "there is another relay")
        until(lambda: lends_again(service), RESTART, "the call's ports are lent again")
        assert dana.say_until_heard(for_dana, ana) == for_ana
        assert ana.say_until_heard(for_ana, dana) == for_dana
        own_stage.hang_up(caller)
        own_stage.play()
    assert own_stage.record().outcome is CallOutcome.ANSWERED
    until(lambda: service.holdings().ports_lent == 0, 2.0, "the ports are given back")


def test_calls_go_on_after_a_relay_was_killed_while_it_rang(own_stage: Stage) -> None:
    service = own_stage.service
    with Earpiece(1) as dana, Earpiece(2) as ana:
        callee = own_stage.callee("Ana", "answers", rtp_port=ana.port, terms={"ring": "2500"})
        own_stage.callee("Ben", "is_stopped")
        caller = own_stage.caller("ana-and-ben", "is_hung_up", rtp_port=dana.port)
        until(lambda: caller.received("180 INVITE"), 5.0, "it rings")
        os.kill(service.child("relay"), signal.SIGKILL)
        for_dana, for_ana = wait_until_talking(caller, callee)
        assert dana.say_until_heard(for_dana, ana) == for_ana
        assert ana.say_until_heard(for_ana, dana) == for_dana
        own_stage.hang_up(caller)
        own_stage.play()


def test_a_killed_core_comes_back_with_the_record_closed_and_no_port_lent(own_stage: Stage) -> None:
    service = own_stage.service
    own_stage.callee("Ana", "answers")
    caller = own_stage.caller("ana", "hangs_up_in_vain", terms={"hold": "4000"})
    until(lambda: caller.sent("ACK"), 5.0, "the call is up")
    relay, core = service.child("relay"), service.child("core")
    call_id = caller.messages[0].call_id
    service.begun_record(call_id)
    os.kill(core, signal.SIGKILL)
    until(lambda: has_ended(core), 2.0, "the core has ended")
    until(lambda: service.is_there, RESTART, "the core is back", alive=[service.process])
    assert service.child("core") != core
    assert service.child("relay") == relay
    assert service.record(call_id).outcome is CallOutcome.INTERRUPTED
    # RFC 3261 §15.1.2: the new core knows no such dialog, and says so.
    assert caller.wait(10.0) == 0, own_stage.report()
    own_stage.close()
    own_stage.parties.clear()
    own_stage.callee("Ana", "answers")
    own_stage.caller("ana", "talks_and_hangs_up", port=own_stage.spare_port)
    own_stage.play()
    until(lambda: service.holdings().ports_lent == 0, 5.0, "the ports of the lost call are given back")


def test_a_killed_supervisor_leaves_no_process_no_port_and_no_open_record(own_stage: Stage) -> None:
    service = own_stage.service
    own_stage.callee("Ana", "answers")
    caller = own_stage.caller("ana", "is_hung_up")
    until(lambda: caller.sent("ACK"), 5.0, "the call is up")
    call_id = caller.messages[0].call_id
    service.begun_record(call_id)
    children = [service.child("core"), service.child("relay")]
    held = set().union(*map(ports.sockets_of, children)) & ports.open_sockets()
    assert len(held) > 4  # SIP's listeners and the relay's ports
    service.process.kill()
    service.process.wait()
    until(lambda: all(has_ended(child) for child in children), 2.0, "core and relay have ended")
    assert not held & ports.open_sockets()
    with sqlite3.connect(service.directory / "calls.sqlite") as database:
        assert database.execute("pragma integrity_check").fetchone() == ("ok",)
    database.close()
    own_stage.close()
    service.start()  # past the sockets that were left
    assert service.record(call_id).outcome is CallOutcome.INTERRUPTED
    assert service.holdings().ports_lent == 0


def test_sigterm_turns_new_calls_away_lets_a_running_one_end_and_then_ends(own_stage: Stage) -> None:
    service = own_stage.service
    own_stage.callee("Ana", "answers")
    first = own_stage.caller("ana", "is_hung_up")
    until(lambda: first.sent("ACK"), 5.0, "the call is up")
    family = service.family
    service.process.terminate()
    until(lambda: '"draining"' in service.log, 2.0, "it drains", alive=[service.process])
    second = own_stage.caller("ana", "is_refused", port=own_stage.spare_port, terms={"status": "503"})
    assert second.wait(5.0) == 0, own_stage.report()
    assert second.only("503 INVITE").header("Retry-After")
    third = own_stage.caller("ana", "asks_options", port=own_stage.spare_port, terms={"status": "503"})
    assert third.wait(5.0) == 0, own_stage.report()
    assert service.process.poll() is None
    own_stage.hang_up(first)
    assert [party.wait(5.0) for party in own_stage.parties] == [0] * 4, own_stage.report()
    assert service.process.wait(5.0) == 0
    assert all(has_ended(member.pid) for member in family)
    record = service.record(first.messages[0].call_id)
    assert record.outcome is CallOutcome.ANSWERED and record.ended_at is not None


def test_sighup_with_a_bad_file_keeps_the_last_good_one(own_stage: Stage) -> None:
    service = own_stage.service
    good = service.file.read_text(encoding="utf-8")
    version = service.status()["configuration"]
    service.file.write_text(good.replace('listen = ["udp:', 'listen = ["carrier-pigeon:'), encoding="utf-8")
    checked = service.command("check", str(service.file))
    assert checked.returncode == 1
    assert f"{service.file}:2" in checked.stdout, checked.stdout  # the line of sip.listen
    service.process.send_signal(signal.SIGHUP)
    until(lambda: "the last good one stays" in service.log, 2.0, "it says so", alive=[service.process])
    assert service.status()["configuration"] == version
    own_stage.callee("Ana", "answers")
    own_stage.caller("ana", "talks_and_hangs_up")
    own_stage.play()
    service.file.write_text(
        good.replace('[numbers."ana"]', '[numbers."anna"]').replace('numbers."ana".', 'numbers."anna".'),
        encoding="utf-8",
    )
    assert service.command("check", str(service.file)).returncode == 0
    service.process.send_signal(signal.SIGHUP)
    until(lambda: service.status()["configuration"] != version, 2.0, "the good file is taken")
    own_stage.parties.clear()
    own_stage.caller("ana", "is_refused", terms={"status": "404"})
    own_stage.play()
