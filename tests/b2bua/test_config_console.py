"""[console] in the configuration: what is taken, and what is refused with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2bua.config import Config, ConfigError, Severity, parse

REST = """\
[sip]
listen = ["udp:127.0.0.1:5060"]
[trunks.here]
sources = ["127.0.0.1"]
[numbers."100"]
recipients = [{ name = "Ana", destination = "sip:ana@127.0.0.1:5071" }]
[records]
database = "var/calls.sqlite"
[console]
"""


def loaded(place: Path, settings: str = "") -> Config:
    return parse((REST + settings).encode(), place / "multiring.toml")


def test_by_default_it_is_on_loopback_and_beside_the_database(tmp_path: Path) -> None:
    console = loaded(tmp_path).console
    assert (console.is_on, console.host, console.port) == (True, "127.0.0.1", 8080)
    assert (console.certificate, console.key, console.is_behind_proxy) == ("", "", False)
    assert console.prompts == str(tmp_path / "var" / "prompts")
    assert console.session == 12 * 3600


def test_what_is_written_is_taken(tmp_path: Path) -> None:
    (tmp_path / "c.pem").write_text("")
    settings = 'listen = "[::]:8443"\ntls_certificate = "c.pem"\nsession_hours = 1\nprompts = "/srv/prompts"\n'
    config = loaded(tmp_path, settings)
    console = config.console
    assert (console.host, console.port) == ("::", 8443)
    assert console.certificate == console.key == str(tmp_path / "c.pem")
    assert (console.session, console.prompts) == (3600, "/srv/prompts")
    assert not config.findings


@pytest.mark.parametrize(
    "settings",
    ['listen = "127.0.0.1:0"', 'listen = "[::1]:8080"', 'listen = "0.0.0.0:8080"\nbehind_proxy = true',
     'listen = "0.0.0.0:8080"\nenabled = false', 'trusted_proxies = ["10.0.0.0/8"]'],
)  # fmt: skip
def test_settings_that_are_taken(tmp_path: Path, settings: str) -> None:
    assert not loaded(tmp_path, settings).findings


@pytest.mark.parametrize(
    ("settings", "setting", "words"),
    [
        ('listen = "0.0.0.0:8080"', "console.listen", "passwords would travel in the open"),
        ('listen = "[::]:8080"', "console.listen", "passwords would travel in the open"),
        ('listen = "localhost:8080"', "console.listen", "not a numeric IP address"),
        ('listen = "::1:8080"', "console.listen", "no [brackets]"),
        ('listen = "127.0.0.1"', "console.listen", "not a numeric IP address"),
        ('listen = "127.0.0.1:99999"', "console.listen", "port from 0 to 65535"),
        ('tls_key = "k.pem"', "console.tls_key", "without a tls_certificate"),
        ('trusted_proxies = ["proxy"]', "console.trusted_proxies[1]", "neither an address nor a network"),
        ("session_hours = 0", "console.session_hours", "out of bounds"),
    ],
)
def test_settings_that_are_refused(tmp_path: Path, settings: str, setting: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        loaded(tmp_path, settings)
    found = [finding for finding in caught.value.findings if finding.setting == setting]
    assert words in found[0].problem
    assert found[0].remedy


def test_a_certificate_that_is_not_there_yet_keeps_no_call_from_coming_through(tmp_path: Path) -> None:
    (finding,) = loaded(tmp_path, 'tls_certificate = "missing.pem"').findings
    assert (finding.severity, finding.setting) == (Severity.WARNING, "console.tls_certificate")
