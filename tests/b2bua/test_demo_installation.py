"""b2bua.demo.installation: its configuration is one, its ports are free, and a failure says why."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest

from b2bua import config
from b2bua.demo import installation
from b2bua.demo.installation import Destination, Installation, InstallationError


def test_its_configuration_is_without_fault(tmp_path: Path) -> None:
    recipients = [
        Destination('Ana "A"', "sip:ana@127.0.0.1:5071"),
        Destination("Ben", "sip:ben@127.0.0.1:5072"),
    ]
    written = installation.configuration(15060, recipients, 20, 'early_media = "none"')
    file = tmp_path / "service.toml"
    file.write_text(written, encoding="utf-8")
    assert config.check(file) == []
    settings = config.load(file)
    assert [listener.port for listener in settings.sip.listeners] == [15060, 15060]
    assert settings.media.ports == (15062, 15061 + installation.MEDIA_PORTS)


def test_ports_are_free_and_even() -> None:
    first = installation.free_ports(4)
    assert first % 2 == 0
    for port in range(first, first + 4):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind((installation.ADDRESS, port))


def test_what_a_phone_dials(tmp_path: Path) -> None:
    async def run() -> None:
        process = await asyncio.create_subprocess_exec("true")
        service = Installation(tmp_path, 15060, process)
        assert service.uri() == "sip:100@127.0.0.1:15060"
        assert service.uri("7", tcp=True) == "sip:7@127.0.0.1:15060;transport=tcp"
        assert service.media_ports == (15062, 15189)
        assert (await service.stop()).status == 0

    asyncio.run(run())


def test_a_service_that_does_not_come_up_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "b2bua"
    program.write_text("#!/bin/sh\necho no such luck: $1\nexit 4\n")
    program.chmod(0o755)
    monkeypatch.setattr(installation, "program", lambda: str(program))
    with pytest.raises(InstallationError, match=r"ended with exit status 4\n(.|\n)*no such luck: run"):
        asyncio.run(Installation.start([Destination("Ana", "sip:ana@127.0.0.1:5071")]))


def test_a_command_that_fails_says_why(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    program = tmp_path / "b2bua"
    program.write_text("#!/bin/sh\necho $*\n[ $1 = calls ] || { echo no $1 >&2; exit 2; }\n")
    program.chmod(0o755)
    monkeypatch.setattr(installation, "program", lambda: str(program))

    async def run() -> None:
        service = Installation(tmp_path, 15060, await asyncio.create_subprocess_exec("true"))
        assert await service.command("calls", "--json") == f"calls --json --config {tmp_path}/service.toml\n"
        with pytest.raises(InstallationError, match="b2bua show 7: exit 2: no show"):
            await service.command("show", "7")
        await service.stop()

    asyncio.run(run())
