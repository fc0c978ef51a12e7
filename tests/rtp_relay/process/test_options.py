from __future__ import annotations

import pytest

from rtp_relay.bpf.pins import default_directory
from rtp_relay.form import Interface
from rtp_relay.process.options import read

LEAST = ["--socket", "/run/relay", "--interface", "main=127.0.0.1"]


def test_what_is_usual() -> None:
    options = read(LEAST)
    assert options.interfaces == (Interface("main", "127.0.0.1", "127.0.0.1"),)
    assert (options.settings.first_port, options.settings.last_port) == (20000, 29999)
    assert (options.settings.media_timeout, options.settings.orphan_time) == (60.0, 30.0)
    assert (options.dscp, options.user, options.dies_with_parent) == (46, "", False)
    assert options.form == "user"


def test_everything_said() -> None:
    options = read([
        *LEAST, "--interface", "nat=0.0.0.0/203.0.113.5", "--interface", "six=[::1]/2001:DB8::1",
        "--ports", "30000-30099", "--media-timeout", "0", "--learning-time", "3.5", "--port-rest", "1",
        "--orphan-time", "2", "--pool", "8", "--dscp", "0", "--form", "tc", "--user", "nobody", "--log-level", "debug",
        "--die-with-parent",
    ])  # fmt: skip
    assert options.interfaces[1:] == (
        Interface("nat", "0.0.0.0", "203.0.113.5"), Interface("six", "::1", "2001:db8::1"),
    )  # fmt: skip
    settings = options.settings
    assert (settings.first_port, settings.last_port, settings.media_timeout) == (30000, 30099, 0.0)
    assert (settings.learning, settings.rest, settings.orphan_time) == (3.5, 1.0, 2.0)
    assert (options.pool, options.dscp, options.user, options.form) == (8, 0, "nobody", "tc")
    assert options.dies_with_parent


def test_what_outlives_it() -> None:
    assert read(LEAST).pins == default_directory("/run/relay")
    assert read([*LEAST, "--pins", "none"]).pins == ""
    assert read([*LEAST, "--pins", "/b/pf"]).pins == "/b/pf"
    assert read(LEAST).hold == ""
    assert [read([*LEAST, "--hold", who]).hold for who in ("systemd", "3,4")] == ["systemd", "3,4"]


def test_an_interface_with_xdp_is_named() -> None:
    assert read(LEAST).xdp == frozenset()
    assert read([*LEAST, "--form", "tc", "--xdp", "main"]).xdp == {"127.0.0.1"}


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (["--xdp", "other"], "no interface has that name"),
        (["--hold", "supervisor"], "systemd, or two descriptors"),
        (["--hold", "3"], "systemd, or two descriptors"),
        (["--interface", "127.0.0.1"], "NAME=ADDRESS"),
        (["--interface", "=127.0.0.1"], "NAME=ADDRESS"),
        (["--interface", "a=localhost"], "no IP address"),
        (["--interface", "a=0.0.0.0"], "ADVERTISED"),
        (["--interface", "a=127.0.0.1/::1"], "one IP version"),
        (["--interface", "a=127.0.0.1/"], "no IP address"),
        (["--ports", "30000"], "FIRST-LAST"),
        (["--ports", "30001-30000"], "lower first"),
        (["--ports", "80-90"], "1024"),
        (["--ports", "1024-65536"], "65535"),
        (["--ports", "٣٠٠٠٠-٣٠٠٠٩"], "FIRST-LAST"),
        (["--media-timeout", "soon"], "no number"),
        (["--media-timeout", "-1"], "not below zero"),
        (["--media-timeout", "nan"], "not below zero"),
        (["--dscp", "64"], "invalid choice"),
        (["--form", "fast"], "invalid choice"),
    ],
)
def test_what_makes_no_sense(wrong: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        read([*LEAST, *wrong])
    assert end.value.code == 2
    assert words in capsys.readouterr().err
