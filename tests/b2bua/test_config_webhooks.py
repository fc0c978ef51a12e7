"""Webhooks in the configuration: what is taken, and what is refused with its remedy."""

from __future__ import annotations

from pathlib import Path

import pytest

from b2bua.config import Config, ConfigError, parse
from b2bua.webhooks import EVENTS

REST = """\
[sip]
listen = ["udp:127.0.0.1:5060"]
[trunks.here]
sources = ["127.0.0.1"]
[numbers."100"]
recipients = [{ name = "Ana", destination = "sip:ana@127.0.0.1:5071" }]
"""
SECRET = "0123456789abcdef"


def loaded(place: Path, settings: str) -> Config:
    return parse((REST + settings).encode(), place / "multiring.toml")


def webhook(
    name: str = "crm", url: str = "https://crm.example.com/calls", more: str = f'secret = "{SECRET}"'
) -> str:
    return f'[[webhooks]]\nname = "{name}"\nurl = "{url}"\n{more}\n'


def test_the_least_that_is_written(tmp_path: Path) -> None:
    (made,) = loaded(tmp_path, webhook()).webhooks
    assert (made.name, made.url, made.secret) == ("crm", "https://crm.example.com/calls", SECRET.encode())
    assert made.events == frozenset(EVENTS)
    assert (made.timeout, made.retry_limit) == (10.0, 20)
    assert SECRET not in repr(made)


def test_none(tmp_path: Path) -> None:
    assert loaded(tmp_path, "").webhooks == ()


def test_a_secret_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "crm.secret").write_text(f"{SECRET}\nanother line\n")
    (made,) = loaded(tmp_path, webhook(more='secret_file = "crm.secret"')).webhooks
    assert made.secret == SECRET.encode()


@pytest.mark.parametrize("url", [
    "http://127.0.0.1:8080/", "http://127.9.9.9/", "http://[::1]:8080/x", "http://localhost/", "HTTPS://EXAMPLE.COM",
    "https://crm.example.com:8443/calls?tenant=4",
])  # fmt: skip
def test_urls_that_are_taken(tmp_path: Path, url: str) -> None:
    assert loaded(tmp_path, webhook(url=url)).webhooks[0].url == url


def test_http_to_elsewhere_where_it_is_wanted(tmp_path: Path) -> None:
    more = f'secret = "{SECRET}"\nallow_http = true'
    assert loaded(tmp_path, webhook(url="http://10.0.0.9/", more=more)).webhooks


@pytest.mark.parametrize(("url", "problem"), [
    ("http://crm.example.com/", "not https"),
    ("http://10.0.0.9/", "not https"),
    ("http://localhost.example.com/", "not https"),
    ("ftp://example.com/", "no URL"),
    ("crm.example.com/calls", "no URL"),
    ("https:///calls", "no URL"),
    ("https://example.com:0/", "no URL"),
    ("https://example.com:99999/", "no URL"),
    ("https://[::1/", "no URL"),
    ("https://exa mple.com/", "no URL"),
    ("https://exämple.com/", "no URL"),
    ("https://user:word@example.com/", "user or a fragment"),
    ("https://example.com/#top", "user or a fragment"),
])  # fmt: skip
def test_urls_that_are_refused(tmp_path: Path, url: str, problem: str) -> None:
    refused(tmp_path, webhook(url=url), "url", problem)


@pytest.mark.parametrize(("more", "setting", "problem"), [
    ("", "secret", "missing or too short"),
    ('secret = "short"', "secret", "missing or too short"),
    (f'secret = "{SECRET}"\nsecret_file = "crm.secret"', "secret", "both"),
    ('secret_file = "none"', "secret_file", "cannot be read"),
    ('secret_file = "short"', "secret_file", "too short"),
    (f'secret = "{SECRET}"\nevents = []', "events", "is empty"),
    (f'secret = "{SECRET}"\nevents = ["call.began"]', "events", "call.began"),
    (f'secret = "{SECRET}"\ntimeout = 0', "timeout", "out of bounds"),
    (f'secret = "{SECRET}"\nretries = 3', "retries", "no such setting"),
])  # fmt: skip
def test_settings_that_are_refused(tmp_path: Path, more: str, setting: str, problem: str) -> None:
    (tmp_path / "short").write_text("short")
    (tmp_path / "crm.secret").write_text(SECRET)
    refused(tmp_path, webhook(more=more), setting, problem)


def test_two_of_one_name(tmp_path: Path) -> None:
    refused(tmp_path, webhook() + webhook(), "name", "second webhook")


def refused(place: Path, settings: str, setting: str, problem: str) -> None:
    with pytest.raises(ConfigError) as raised:
        loaded(place, settings)
    (finding,) = raised.value.findings
    assert f".{setting}" in finding.setting
    assert problem in finding.problem
    assert finding.remedy
    assert finding.line > REST.count("\n")
