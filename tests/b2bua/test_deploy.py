"""The units: accepted by systemd, and in agreement with the programs that they start."""

from __future__ import annotations

import configparser
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from b2bua.__main__ import COMMANDS
from b2bua.config import EX_CONFIG, load
from b2bua.config.settings import LimitSettings
from b2bua.config.settings import Media as MediaSettings
from rtp_relay.bpf.pins import OWN_FILE_SYSTEM

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
UNITS = ("multiring-core.service", "multiring-relay.service", "multiring-console.service")
LOADER = "multiring-relay-loader.service"
MOUNT = "run-multiring-bpf.mount"


def unit(name: str) -> configparser.SectionProxy:
    read = configparser.ConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[assignment, method-assign]
    read.read(DEPLOY / name)
    return read["Service"]


@pytest.mark.parametrize("name", [*UNITS, LOADER, MOUNT])
def test_systemd_accepts_it(name: str, tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for each in (*UNITS, LOADER, MOUNT):
        text = (DEPLOY / each).read_text().replace("/opt/multiring/bin/b2bua", sys.executable)
        (tmp_path / each).write_text(text)
    made = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(tmp_path / name)], capture_output=True, text=True
    )
    if "Failed to" in made.stderr and "bus" in made.stderr:
        pytest.skip("systemd-analyze does not work here")
    assert (made.returncode, made.stderr) == (0, "")


@pytest.mark.parametrize(("name", "command"), list(zip(UNITS, ("core", "relay", "console"), strict=True)))
def test_it_starts_a_command_that_exists(name: str, command: str) -> None:
    assert unit(name)["ExecStart"] == f"/opt/multiring/bin/b2bua {command} /etc/multiring/multiring.toml"
    assert command in COMMANDS


@pytest.mark.parametrize("name", UNITS)
def test_it_restarts_unless_the_configuration_is_to_blame(name: str) -> None:
    assert unit(name)["Restart"] == "always"
    assert unit(name)["RestartPreventExitStatus"] == str(EX_CONFIG)


@pytest.mark.parametrize("name", UNITS)
def test_it_may_do_nothing_that_it_need_not(name: str) -> None:
    service = unit(name)
    assert service["User"] == "multiring"
    assert service["CapabilityBoundingSet"] == ""
    for setting in ("NoNewPrivileges", "ProtectHome", "PrivateDevices", "MemoryDenyWriteExecute"):
        assert service[setting] == "yes"
    assert service["ProtectSystem"] == "strict"


def test_draining_ends_before_systemd_loses_patience() -> None:
    drain = LimitSettings.model_fields["drain_seconds"].default
    assert int(unit(UNITS[0])["TimeoutStopSec"]) >= drain + 15


def test_the_full_example_uses_the_directories_that_the_units_make() -> None:
    config = load(ROOT / "examples" / "full.toml")
    core, relay, console = (unit(name) for name in UNITS)
    assert config.service.control_socket.startswith(f"/run/{core['RuntimeDirectory']}/")
    assert config.media.relay_socket.startswith(f"/run/{relay['RuntimeDirectory']}/")
    assert f"////var/lib/{core['StateDirectory']}/" in config.records.database
    assert console["StateDirectory"] == core["StateDirectory"]
    assert config.console.prompts.startswith(f"/var/lib/{console['StateDirectory']}/")


def test_the_loader_has_two_capabilities_and_the_relay_none() -> None:
    loader, relay = unit(LOADER), unit(UNITS[1])
    assert loader["CapabilityBoundingSet"] == loader["AmbientCapabilities"] == "CAP_BPF CAP_NET_ADMIN"
    assert loader["User"] == relay["User"]
    assert relay["AmbientCapabilities"] == ""
    assert loader["ExecStart"] == loader["ExecReload"]
    assert loader["ReadWritePaths"] == f"{OWN_FILE_SYSTEM}"
    assert f"Where={OWN_FILE_SYSTEM}\n" in (DEPLOY / MOUNT).read_text()


def test_all_sockets_of_the_ports_may_be_kept() -> None:
    ports = MediaSettings.model_fields["ports"].default
    assert int(unit(UNITS[1])["FileDescriptorStoreMax"]) >= ports[1] - ports[0] + 1


def test_the_console_needs_nobody_and_nobody_needs_it() -> None:
    texts = {name: (DEPLOY / name).read_text() for name in UNITS}
    for binding in ("Requires=", "BindsTo=", "PartOf=", "Requisite="):
        assert not any(line.startswith(binding) for text in texts.values() for line in text.splitlines())
    assert "multiring-console" not in texts[UNITS[0]] + texts[UNITS[1]]
    assert int(unit(UNITS[2])["Nice"]) > 0 > int(unit(UNITS[0])["Nice"])


def test_the_relay_may_write_messages_and_nothing_else_of_the_core() -> None:
    config = load(ROOT / "examples" / "full.toml")
    relay = unit(UNITS[1])
    assert config.records.messages == f"/var/lib/{relay['StateDirectory']}"
    assert relay["StateDirectoryMode"] == "0750"
