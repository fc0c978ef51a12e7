"""The units under a real systemd: started, killed, hung, reloaded, with the loader and without, and stopped."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from tests.end_to_end import systemd as systemds
from tests.end_to_end.systemd import Systemd

pytestmark = [
    pytest.mark.sipp,
    pytest.mark.timeout(300),
    pytest.mark.skipif(bool(systemds.why_not()), reason=systemds.why_not() or "it can"),
]
UNITS = ("relay", "core", "console")
LIVE = (
    "timeout",
    "10",
    "/opt/multiring/bin/b2bua",
    "live",
    "--json",
    "--config",
    "/etc/multiring/multiring.toml",
)


@pytest.fixture(scope="module")
def systemd() -> Iterator[Systemd]:
    with Systemd() as made:
        made.systemctl("start", *[f"multiring-{unit}" for unit in UNITS])
        for unit in UNITS:
            made.until(lambda unit=unit: made.is_active(unit), f"{unit} is active")
        yield made


def test_each_tells_that_it_is_ready(systemd: Systemd) -> None:
    """Type=notify: a unit is active when its process says so, and says with what."""
    assert systemd.of("core", "StatusText") == "taking calls on udp:127.0.0.1:5060"
    assert systemd.of("console", "StatusText").startswith("console at http://127.0.0.1:")
    assert [systemd.of(unit, "NRestarts") for unit in UNITS] == ["0", "0", "0"]


@pytest.mark.parametrize("unit", UNITS)
def test_what_is_killed_is_started_again_and_nothing_else(systemd: Systemd, unit: str) -> None:
    others = {each: systemd.pid(each) for each in UNITS if each != unit}
    before, restarts = systemd.pid(unit), int(systemd.of(unit, "NRestarts"))
    systemd.kill(unit, signal.SIGKILL)
    systemd.until(lambda: systemd.pid(unit) not in (0, before) and systemd.is_active(unit), f"{unit} is back")
    assert int(systemd.of(unit, "NRestarts")) == restarts + 1
    assert {each: systemd.pid(each) for each in others} == others


def test_a_core_that_hangs_is_found_by_the_watchdog(systemd: Systemd) -> None:
    before = systemd.pid("core")
    systemd.kill("core", signal.SIGSTOP)
    systemd.until(
        lambda: systemd.pid("core") not in (0, before) and systemd.is_active("core"), "core is back"
    )


def test_a_reload_is_no_restart(systemd: Systemd) -> None:
    before = systemd.pid("core")
    systemd.systemctl("reload", "multiring-core")
    systemd.until(
        lambda: systemd.of("core", "StatusText").startswith("configuration "), "it has read the file"
    )
    assert systemd.pid("core") == before


def test_the_ports_sockets_are_kept_by_systemd(systemd: Systemd) -> None:
    assert int(systemd.of("relay", "NFileDescriptorStore")) > 0


def test_with_the_loader_a_relay_without_privileges_forwards_in_the_kernel(systemd: Systemd) -> None:
    systemd.systemctl("start", "multiring-relay-loader")
    if not systemd.is_active("relay-loader"):
        pytest.skip(f"this kernel loads nothing: {systemd.of('relay-loader', 'Result')}")
    systemd.systemctl("restart", "multiring-relay")
    systemd.until(lambda: systemd.is_active("relay"), "the relay is back")
    systemd.until(lambda: '"form": "tc"' in systemd.run(*LIVE), "the form is tc")
    systemd.systemctl("stop", "multiring-relay", "multiring-relay-loader")
    systemd.systemctl("start", "multiring-relay")
    systemd.until(lambda: '"form": "user"' in systemd.run(*LIVE), "without it, user space")


def test_a_stop_is_an_orderly_end(systemd: Systemd) -> None:
    for unit in reversed(UNITS):
        systemd.systemctl("stop", f"multiring-{unit}")
        assert (systemd.of(unit, "ActiveState"), systemd.of(unit, "Result")) == ("inactive", "success")
        assert systemd.of(unit, "ExecMainStatus") == "0"
