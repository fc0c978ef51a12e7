"""Behind a reverse proxy: whom it is believed about, and by whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from b2bua.console.application import application
from b2bua.console.patience import Fair, Patient
from b2bua.console.process import _settings
from tests.b2bua.console.stage import PASSWORD, Stage, on_stage

BEHIND = 'behind_proxy = true\ntrusted_proxies = ["192.0.2.0/24"]\n'


@pytest.mark.parametrize(
    ("more", "proxy", "seen"),
    [
        (BEHIND, "192.0.2.7", "198.51.100.1"),
        (BEHIND, "203.0.113.9", "203.0.113.9"),  # no proxy of ours
        ("", "192.0.2.7", "192.0.2.7"),  # nobody is
    ],
)
def test_only_a_trusted_proxy_says_who_asks(tmp_path: Path, more: str, proxy: str, seen: str) -> None:
    async def play(stage: Stage) -> None:
        await stage.logged_in("owner")
        served: Any = _settings(stage.desk, application(stage.desk)).app
        transport = httpx.ASGITransport(served, client=(proxy, 40000))
        headers = {"X-Forwarded-For": "198.51.100.1", "X-Forwarded-Proto": "https"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://console", headers=headers
        ) as client:
            answer = await client.post("/api/session", json={"name": "owner", "password": PASSWORD})
            assert answer.status_code == 200
            assert ("secure" in answer.headers["set-cookie"].lower()) == bool(more)
        entries, _ = await stage.desk.audit.entries(1)
        assert entries[0]["address"] == seen

    on_stage(tmp_path, play, more)


@pytest.mark.parametrize(("more", "kind"), [(BEHIND, Patient), ("", Fair)])
def test_nobody_may_be_slow_and_addresses_are_counted_where_they_are_known(
    tmp_path: Path, more: str, kind: type[Patient]
) -> None:
    async def play(stage: Stage) -> None:
        settings = _settings(stage.desk, application(stage.desk))
        assert settings.http is kind
        assert str(settings.ssl_ciphers).startswith("ECDHE")

    on_stage(tmp_path, play, more)
