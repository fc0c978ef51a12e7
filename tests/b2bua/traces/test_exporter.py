"""The exporter, towards a UDP socket that stands for the capture server."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from b2bua.traces import exporter, hep
from b2bua.traces.exporter import Exporter
from tests.b2bua.traces.samples import ANSWERED
from tests.b2bua.traces.test_hep import chunks

AGENT = hep.Agent(7, "secret")


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(60)
        yield listening


def port_of(server: socket.socket) -> int:
    return int(server.getsockname()[1])


def test_every_message_of_a_call_is_told_with_the_call_s_id(server: socket.socket) -> None:
    telling = Exporter("127.0.0.1", port_of(server), AGENT)
    telling.start()
    telling.tell("4f2a", ANSWERED)
    told = [chunks(server.recv(65_535)) for _ in ANSWERED]
    assert [each[0x000F] for each in told] == [each.data for each in ANSWERED]
    assert {each[0x0011] for each in told} == {b"4f2a"}
    assert {each[0x000E] for each in told} == {b"secret"}
    telling.close()
    assert telling.lost == 0


def test_what_waits_is_told_before_the_end(server: socket.socket) -> None:
    telling = Exporter("localhost", port_of(server), AGENT)
    for number in range(3):
        telling.tell(str(number), ANSWERED[:2])
    telling.start()
    telling.close()
    assert [chunks(server.recv(65_535))[0x0011] for _ in range(6)] == [b"0", b"0", b"1", b"1", b"2", b"2"]


def test_a_server_that_does_not_keep_up_loses_whole_calls(
    server: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "WAITING", 5)
    telling = Exporter("127.0.0.1", port_of(server), AGENT)
    with capture_logs() as said:
        for number in range(4):
            telling.tell(str(number), ANSWERED[:2])
        telling.start()
        telling.close()
    assert telling.lost == 4
    assert [line["log_level"] for line in said] == ["warning"]  # one line, not one for each
    assert [chunks(server.recv(65_535))[0x0011] for _ in range(4)] == [b"0", b"0", b"1", b"1"]


def test_a_server_that_is_not_there_is_said_once_and_holds_up_nothing() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = port_of(unused)
    telling = Exporter("127.0.0.1", port, AGENT)
    with capture_logs() as said:
        telling.start()
        for number in range(20):
            telling.tell(str(number), ANSWERED)
        telling.close()
    assert telling.lost > 0
    assert [line["event"] for line in said] == ["the capture server cannot be told"]


def test_a_name_that_is_none_is_said_and_the_thread_lives_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object, **__: object) -> None:
        raise socket.gaierror("Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    telling = Exporter("homer.example", 9060, AGENT)
    with capture_logs() as said:
        telling.start()
        telling.tell("1", ANSWERED)
        telling.tell("2", ANSWERED)
        telling.close(10)
    assert telling.lost == 2 * len(ANSWERED)
    assert len(said) == 1
