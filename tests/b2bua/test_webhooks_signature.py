"""Signatures: known ones, and the example for receivers in the documentation, run as it stands there."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from b2bua.webhooks.signature import signature_headers

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
SECRET = "0123456789abcdef"
BODY = b'{"event":"call.started"}'
NOW = 1_790_000_000


# Reckoned with `openssl dgst -sha256 -hmac SECRET` over "TIMESTAMP.BODY".
@pytest.mark.parametrize(("secret", "timestamp", "body", "digest"), [
    (SECRET, NOW, BODY, "9d39391ee25816c01a8f9a8375e116c224f346b73fad624bb42c4e7349c64214"),
    (SECRET, 0, b"", "9b9567f7a6e6e3243d8c5c66dde94f7df77b79d6edb3dee210c5778814cfaca0"),
    ("schlüssel-über-alles", NOW, "ü".encode(), "f98f600758e2c92dc21f5e30475c04f7838949d19df2cb688378fd691e1ebfe1"),
])  # fmt: skip
def test_known_signatures(secret: str, timestamp: int, body: bytes, digest: str) -> None:
    assert signature_headers(secret.encode(), timestamp, body) == {
        "X-Multiring-Timestamp": str(timestamp),
        "X-Multiring-Signature": f"v1={digest}",
    }


def test_the_page_shows_a_known_signature() -> None:
    headers = signature_headers(SECRET.encode(), NOW, BODY)
    assert headers["X-Multiring-Signature"] in PAGE


@pytest.fixture(scope="module")
def is_ours() -> Callable[..., bool]:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(example, "docs/webhooks.md", "exec"), names)
    made: Callable[..., bool] = names["is_ours"]
    return made


def test_the_example_takes_what_is_ours(is_ours: Callable[..., bool]) -> None:
    headers = signature_headers(SECRET.encode(), NOW, BODY)
    assert is_ours(SECRET, headers, BODY, NOW + 3.5)


@pytest.mark.parametrize("change", ["secret", "body", "timestamp", "old", "early", "no headers", "digest"])
def test_the_example_refuses_what_is_not(is_ours: Callable[..., bool], change: str) -> None:
    headers = signature_headers(SECRET.encode(), NOW, BODY)
    secret, body, now = SECRET, BODY, float(NOW)
    match change:
        case "secret":
            secret = SECRET[::-1]
        case "body":
            body = BODY + b" "
        case "timestamp":
            headers["X-Multiring-Timestamp"] = str(NOW + 1)
        case "old":
            now += 301
        case "early":
            now -= 301
        case "no headers":
            headers = {}
        case "digest":
            headers["X-Multiring-Signature"] = "v1=" + "0" * 64
    assert not is_ours(secret, headers, body, now)
