"""The running core tells a capture server of a call, message by message, when it has ended."""

from __future__ import annotations

import socket
import tempfile
from pathlib import Path

import pytest

from tests.b2bua.core.stage import Stage, play
from tests.b2bua.traces.test_hep import chunks


@pytest.mark.parametrize("trace", ["full", "off"])
def test_all_legs_of_a_call_are_told_under_its_id(trace: str) -> None:
    with (
        tempfile.TemporaryDirectory() as directory,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
    ):
        server.bind(("127.0.0.1", 0))
        server.settimeout(60)
        ids: list[str] = []

        settings = [
            "[records]",
            f'trace = "{trace}"',
            f'hep = "udp:127.0.0.1:{server.getsockname()[1]}"',
            'hep_password = "p"',
        ]

        async def scene(stage: Stage) -> None:
            await stage.core.close()
            stage.relay.die()
            stage.file.write_text(stage.file.read_text().replace("[records]", "\n".join(settings)))
            await stage.start()
            to = await stage.connect()
            ids.extend(stage.core.switchboard.calls)
            await stage.leave(to)

        play(Path(directory), scene)
        told: list[dict[int, bytes]] = []
        while sum(each[0x000F].startswith(b"BYE ") for each in told) < 2 or len(told) < 13:
            told.append(chunks(server.recv(65_535)))
    assert {each[0x0011].decode() for each in told} == set(ids)
    assert {each[0x000E] for each in told} == {b"p"}
    invites = [each[0x000F] for each in told if each[0x000F].startswith(b"INVITE ")]
    assert len(invites) == 2 and f"X-Call-ID: {ids[0]}".encode() in invites[1]
