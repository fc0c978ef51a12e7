"""The command line, from arguments to what is printed."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from b2bua.__main__ import COMMANDS, main, parser
from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord
from b2bua.commands import Failure
from b2bua.commands.board import Board, event_line
from b2bua.commands.calls import count, moment
from b2bua.commands.finding import NoConfiguration, find
from b2bua.commands.relay import command as relay_command
from b2bua.commands.relay import options
from b2bua.config import load
from b2bua.control import ControlServer
from b2bua.store import Store
from b2bua.traces import pcap, scenario
from rtp_relay.process.options import read as relay_options
from tests.b2bua.traces import samples

ROOT = Path(__file__).parents[2]
START = 1_790_000_000_000_000

FILE = """\
[sip]
listen = ["udp:127.0.0.1:5060"]
[trunks.here]
sources = ["127.0.0.1"]
[numbers."100"]
recipients = [{ name = "Ana", destination = "sip:ana@127.0.0.1:5071" }]
[records]
database = "calls.sqlite"
[media]
[[media.interfaces]]
name = "lan"
address = "0.0.0.0"
advertised = "192.0.2.1"
[[media.interfaces]]
name = "here"
address = "127.0.0.1"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "multiring.toml"
    path.write_text(FILE)
    return path


def record(number: int) -> CallRecord:
    made = CallRecord(
        f"{number}f2a91c07d", "here", "s", f"+1555{number}", "", "100", "", f"c{number}", START + number
    )
    made.outcome, made.answered_by, made.sentence = CallOutcome.ANSWERED, "Ana", "Ana answered"
    made.recipients = [RecipientRecord(1, "Ana", "sip:ana@x", RecipientOutcome.ANSWERED, invited_at=START)]
    return made


@pytest.fixture
def kept(file: Path) -> Path:
    async def keep() -> None:
        store = await Store.open(load(file).records.database)
        for number in range(3):
            store.finish(record(number))
        await store.close()

    asyncio.run(keep())
    return file


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert f"b2bua {command}" in capsys.readouterr().out


def test_the_help_lists_every_command() -> None:
    text = parser().format_help()
    assert all(f"\n    {command} " in text for command in COMMANDS)


def test_without_a_command_or_with_a_wrong_one() -> None:
    for arguments in ([], ["dance"]):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == 2


# check


def test_check_of_a_good_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", str(file)]) == 0
    assert "good. Listens on udp:127.0.0.1:5060; 1 trunk, 1 number, 1 recipient" in capsys.readouterr().out


def test_check_of_a_bad_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(FILE.replace("sources", "source"))
    assert main(["check", str(file)]) == 1
    assert f'{file}:4: error: trunks.here.source: there is no such setting. Did you mean "sources"?' in (
        capsys.readouterr().out
    )


def test_check_of_a_doubtful_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(FILE.replace('["127.0.0.1"]', '["0.0.0.0/0"]'))
    assert main(["check", str(file)]) == 0
    assert ":4: warning: " in capsys.readouterr().out
    assert main(["check", "--strict", str(file)]) == 1


def test_a_service_does_not_start_with_a_bad_file(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text("[sip")
    for command in ("run", "relay"):
        assert main([command, str(file)]) == 78
        assert ":1: error: is not TOML" in capsys.readouterr().err


def test_a_second_service_of_one_configuration_is_not_started(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Else its core would end, and be started again, without end."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as first:
        first.bind(load(str(file)).service.control_socket)
        first.listen()
        assert main(["run", str(file)]) == 1
    assert "Cannot start: a service is running already" in capsys.readouterr().err


def test_a_place_that_cannot_be_made(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(FILE.replace("[media]", '[media]\nrelay_socket = "/proc/nowhere/relay.sock"'))
    with pytest.raises(Failure, match="/proc/nowhere, for the relay's socket, cannot be made"):
        relay_command(load(str(file)))


# calls and show


def test_calls(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "--config", str(kept)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert "+15552" in lines[1]
    assert "Ana answered" in lines[1]


def test_calls_by_pages(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "--config", str(kept), "--limit", "2"]) == 0
    assert capsys.readouterr().out.endswith("2 of 3; --page 2 shows earlier ones.\n")
    assert main(["calls", "--config", str(kept), "--limit", "2", "--page", "2"]) == 0
    assert "+15550" in capsys.readouterr().out


def test_calls_as_json(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "--config", str(kept), "--json", "--caller", "+15551"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["id"], found["outcome"], found["answered_by"]) == ("1f2a91c07d", "answered", "Ana")
    assert found["recipients"][0]["outcome"] == "answered"


def test_no_calls(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "--config", str(kept), "--outcome", "busy"]) == 0
    assert capsys.readouterr().out == "No calls.\n"
    assert main(["calls", "--config", str(kept), "--outcome", "busy", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == []


def test_show(kept: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for key in ("last", "2f2a", "c2"):
        assert main(["show", key, "--config", str(kept), "--messages"]) == 0
        assert capsys.readouterr().out.startswith("Ana answered.\n\nCall      2f2a91c07d\n")
    assert main(["show", "2f", "--config", str(kept), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["id"] == "2f2a91c07d"
    assert main(["show", "none", "--config", str(kept)]) == 1
    assert capsys.readouterr().err == "There is no call none.\n"


def test_show_writes_what_other_tools_read(
    kept: Path, tmp_path: Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    asyncio.run(keep_one(kept))
    config = ["--config", str(kept)]
    assert main(["show", "4f2a", "--pcap", str(tmp_path / "call.pcap"), *config]) == 0
    assert capsysbinary.readouterr().out == b""
    assert (tmp_path / "call.pcap").read_bytes() == pcap.capture(samples.ANSWERED)
    assert main(["show", "4f2a", "--pcap", "-", *config]) == 0
    assert capsysbinary.readouterr().out == pcap.capture(samples.ANSWERED)
    for who, leg in (("caller", 0), ("Ana", 1), ("ana", 1), ("1", 1)):
        assert main(["show", "4f2a", "--sipp", who, *config]) == 0
        assert capsysbinary.readouterr().out.decode() == scenario.render(samples.record(), leg)


async def keep_one(file: Path) -> None:
    store = await Store.open(load(file).records.database)
    store.finish(samples.record())
    await store.close()


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (["4f2a", "--sipp", "Zoe"], "Nobody in this call is Zoe: it may be caller, Ana, Ben.\n"),
        (["4f2a", "--sipp", "Ben"], "No messages of Ben were kept.\n"),
        (
            ["4f2a", "--pcap", "/no/such/place"],
            "/no/such/place cannot be written: No such file or directory.\n",
        ),
        (["2f", "--pcap", "-"], "No messages of call 2f2a91c07d were kept.\n"),
    ],
)
def test_what_show_cannot_write(
    kept: Path, wanted: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asyncio.run(keep_one(kept))
    assert main(["show", *wanted, "--config", str(kept)]) == 1
    assert capsys.readouterr().err == said


def test_before_the_service_has_run(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["calls"], ["show", "last"]):
        assert main([*command, "--config", str(file)]) == 1
        assert "has the service run" in capsys.readouterr().err
    for command in (["live"], ["reload"], ["hangup", "x"]):
        assert main([*command, "--config", str(file)]) == 1
        assert "Is the service running" in capsys.readouterr().err


def test_nobody_reads_on(kept: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "b2bua", "calls", "--config", str(kept)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    ) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
        assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [("2026-09-21T14:13:20+00:00", START), ("2026-09-21 16:13:20+02:00", START)],
)
def test_moments(text: str, microseconds: int) -> None:
    assert moment(text) == microseconds


def test_moments_ago() -> None:
    assert 3_599e6 < moment("0s") - moment("1h") < 3_601e6
    for wrong in ("yesterday", "1y", "2026-13-01"):
        with pytest.raises(argparse.ArgumentTypeError):
            moment(wrong)
    for wrong in ("0", "-1", "x", "1000000"):
        with pytest.raises(argparse.ArgumentTypeError):
            count(wrong)


# Which configuration


def test_where_the_configuration_is_looked_for(tmp_path: Path, file: Path) -> None:
    places = [str(tmp_path / "none.toml"), str(file)]
    assert find("x.toml", {"MULTIRING_CONFIG": "y.toml"}, places) == "x.toml"
    assert find("", {"MULTIRING_CONFIG": "y.toml"}, places) == "y.toml"
    assert find("", {}, places) == str(file)
    with pytest.raises(NoConfiguration, match="--config FILE"):
        find("", {}, places[:1])


def test_a_wrong_configuration_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["calls", "--config", str(tmp_path / "none.toml")]) == 2
    assert "none.toml: error: cannot be read" in capsys.readouterr().err


# relay


def test_the_relay_understands_what_it_is_given(file: Path) -> None:
    config = load(file)
    understood = relay_options(options(config))
    assert understood.socket == config.media.relay_socket
    assert [tuple(one) for one in understood.interfaces] == [
        ("lan", "0.0.0.0", "192.0.2.1"),
        ("here", "127.0.0.1", "127.0.0.1"),
    ]
    assert (understood.settings.first_port, understood.settings.last_port) == config.media.ports
    assert understood.settings.media_timeout == config.media.timeout


# live, hangup, reload, against a socket like the core's


class FakeCore:
    """Answers on the control socket of a configuration, in a thread of its own."""

    def __init__(self, path: str, version: str) -> None:
        self.version = version
        self.commands: list[dict[str, Any]] = []
        self.loop = asyncio.new_event_loop()
        self.server = ControlServer(path, self.answer)
        self.loop.run_until_complete(self.server.start())
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    def answer(self, command: dict[str, Any]) -> dict[str, Any]:
        self.commands.append(command)
        match command["command"]:
            case "live":
                self.loop.call_soon(self.play)
                return {"calls": [LIVE]}
            case "hangup" if command["call"] != "1":
                raise LookupError("there is no such call")
            case "reload":
                return {"configuration": self.version}
        return {"call": "1"}

    def play(self) -> None:
        for event in EVENTS:
            self.server.publish(event)
        self.loop.create_task(self.server.close())

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.close(), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()


LIVE = {
    "call": "1",
    "caller": "+1",
    "dialled": "100",
    "number_name": "Sales",
    "started_at": START,
    "recipients": [],
}
EVENTS: list[dict[str, Any]] = [
    {"event": "recipient.ringing", "call": "1", "at": START + 1, "recipient": 1, "name": "Ana"},
    {
        "event": "call.answered",
        "call": "1",
        "at": START + 6_200_000,
        "answered_by": "Ana",
        "outcome": "answered",
    },
    {"event": "call.ended", "call": "1", "at": START + 9_200_000, "outcome": "answered"},
]


@pytest.fixture
def core(file: Path) -> Iterator[FakeCore]:
    config = load(file)
    made = FakeCore(config.service.control_socket, config.version)
    yield made
    made.close()


def test_hangup_and_reload(core: FakeCore, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hangup", "1", "--config", str(file)]) == 0
    assert main(["hangup", "2", "--config", str(file)]) == 1
    assert "there is no such call" in capsys.readouterr().err
    assert main(["reload", "--config", str(file)]) == 0
    assert f"version {load(file).version}" in capsys.readouterr().out
    assert [command["command"] for command in core.commands] == ["hangup", "hangup", "reload"]


def test_reload_of_a_file_that_is_not_the_services_own(
    core: FakeCore, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(FILE + "# changed\n")
    assert main(["reload", "--config", str(file)]) == 1
    assert "not its own?" in capsys.readouterr().err


def test_reload_of_a_bad_file_does_not_bother_the_service(
    core: FakeCore, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(FILE.replace("[sip]", "[sip]\nt1 = 99"))
    assert main(["reload", "--config", str(file)]) == 2
    assert ":2: error: sip.t1" in capsys.readouterr().err
    assert core.commands == []


def test_live_as_lines(core: FakeCore, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["live", "--config", str(file)]) == 1
    printed = capsys.readouterr()
    assert printed.err == "The service has ended.\n"
    assert "+1 > Sales 100" in printed.out
    assert "1  recipient.ringing    name=Ana" in printed.out


def test_live_as_json(core: FakeCore, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["live", "--json", "--config", str(file)])
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [{"calls": [LIVE]}, *EVENTS]


def test_live_on_a_terminal(
    core: FakeCore, file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("b2bua.commands.live.sys.stdout.isatty", lambda: True)
    main(["live", "--config", str(file)])
    drawn = capsys.readouterr().out
    assert drawn.startswith("\x1b[?1049h")
    assert drawn.endswith("\x1b[?1049l")
    assert "Now ringing: 1" in drawn
    assert "○ Ana ringing" in drawn
    assert "Ana answered, 3.0 s" in drawn


def test_the_board() -> None:
    board = Board({"calls": []})
    board.apply(
        {
            "event": "call.started",
            "call": "4f2a",
            "at": START,
            "caller": "",
            "dialled": "100",
            "recipients": ["Ana"],
        }
    )
    for leg, name in enumerate(("Ana", "Ben"), 1):
        board.apply(
            {"event": "recipient.invited", "call": "4f2a", "at": START, "recipient": leg, "name": name}
        )
    board.apply({"event": "recipient.ringing", "call": "4f2a", "at": START, "recipient": 1, "name": "Ana"})
    board.apply({"event": "recipient.ended", "call": "4f2a", "at": START, "recipient": 2, "outcome": "busy"})
    assert board.lines(START + 2_000_000) == [
        "Now ringing: 1",
        "  4f2a  anonymous > 100  2.0 s",
        "      ○ Ana ringing   × Ben busy",
        "Now talking: 0",
    ]
    board.apply({"event": "call.answered", "call": "4f2a", "at": START + 3_000_000, "answered_by": "Ana"})
    assert board.lines(START + 13_000_000)[2] == "  4f2a  anonymous > 100  with Ana  10 s"
    board.apply({"event": "call.ended", "call": "4f2a", "at": START + 13_000_000, "outcome": "answered"})
    assert board.lines(START)[-1] == "  4f2a  anonymous > 100  Ana answered, 10 s"


def test_the_board_ignores_what_it_does_not_know() -> None:
    board = Board({})
    board.apply({"event": "call.ended", "call": "gone", "at": 1})
    board.apply({"event": "weather", "call": "gone"})
    board.apply({})
    assert board.lines(START) == ["Now ringing: 0", "Now talking: 0"]


def test_lines_are_cut_to_the_terminal() -> None:
    board = Board({"calls": [LIVE]})
    assert max(len(line) for line in board.lines(START, width=12)) == 12


def test_an_event_as_a_line() -> None:
    event = {
        "event": "recipient.ended",
        "call": "4f2a91c07d3311",
        "at": 1,
        "recipient": 2,
        "name": "B\x1b",
        "outcome": "busy",
    }
    assert event_line(event, "14:00:00") == "14:00:00  4f2a91c07d  recipient.ended      name=B· outcome=busy"
