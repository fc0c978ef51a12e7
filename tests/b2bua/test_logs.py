"""Logs for machines and for people, with and without phone numbers."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator

import pytest
import structlog

from b2bua import logs


@pytest.fixture(autouse=True)
def unconfigured() -> Iterator[None]:
    yield
    structlog.reset_defaults()


def logged(**settings: object) -> io.StringIO:
    output = io.StringIO()
    logger = structlog.get_logger("test")  # made before set_up, as those of modules are
    logs.set_up(output=output, **settings)  # type: ignore[arg-type]
    logger.debug("unheard of")
    logger.info("call answered", call="4f2a91c07d", caller="+15550123", status=200)
    return output


def test_json_lines_where_nobody_looks() -> None:
    lines = logged(terminal=False).getvalue().splitlines()
    assert len(lines) == 1
    line = json.loads(lines[0])
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "call answered",
        "level": "info",
        "call": "4f2a91c07d",
        "caller": "+15550123",
        "status": 200,
    }


def test_readable_lines_on_a_terminal() -> None:
    text = logged(terminal=True).getvalue()
    assert "call answered" in text
    assert "call=4f2a91c07d" in text
    assert not text.startswith("{")


def test_the_level_may_be_changed_later() -> None:
    output = logged(terminal=False)
    logs.set_up("debug", output=output, terminal=False)
    structlog.get_logger("test").debug("heard of")
    assert "heard of" in output.getvalue()
    assert "unheard of" not in output.getvalue()


def test_exceptions_are_written_whole_and_on_one_line() -> None:
    output = logged(terminal=False)
    try:
        raise ValueError("broken")
    except ValueError:
        structlog.get_logger("test").exception("bug")
    last = json.loads(output.getvalue().splitlines()[-1])
    assert "ValueError: broken" in last["exception"]


def test_numbers_are_masked_when_asked() -> None:
    text = logged(terminal=False, mask_numbers=True).getvalue()
    assert "+15550123" not in text
    assert json.loads(text)["caller"] == "…123"
    assert json.loads(text)["call"] == "4f2a91c07d"


@pytest.mark.parametrize(
    ("field", "value", "shown"),
    [
        (
            "reason",
            "rang +15550123 for sip:+15550199@192.0.2.1:5060",
            "rang …123 for sip:…199@192.0.2.1:5060",
        ),
        ("reason", "15550123", "…123"),
        ("peer", "192.0.2.1:50600", "192.0.2.1:50600"),
        ("peer", "[2001:db8::12345]:50600", "[2001:db8::12345]:50600"),
        ("call", "1234567890abcdef", "1234567890abcdef"),
        ("seconds", "12345.678", "12345.678"),
        ("dialled", "100", "100"),
        ("dialled", "1000", "…000"),
        ("caller_name", "Joan Doe", "J…"),
        ("caller", "", ""),
    ],
)
def test_what_is_masked(field: str, value: str, shown: str) -> None:
    assert logs.mask(None, "info", {field: value}) == {field: shown}


def test_nobody_steers_the_terminal_that_it_is_shown_on() -> None:
    output = io.StringIO()
    logs.set_up(output=output, terminal=True)
    structlog.get_logger("test").warning("a log-in was refused", name="\x1b]0;mine\x07eve\x9b2J")
    assert "eve" in output.getvalue()
    assert not {"\x1b", "\x07", "\x9b"} & set(output.getvalue())
