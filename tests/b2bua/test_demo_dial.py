"""b2bua.demo.dial: what it says can be typed."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from b2bua.demo import dial

QUICK_START = Path(__file__).parents[2] / "examples" / "quick-start.toml"


def test_the_quick_start_configuration() -> None:
    said = dial.instructions(tomllib.loads(QUICK_START.read_text(encoding="utf-8")))
    assert "Dial   sip:100@127.0.0.1:5060" in said
    assert "--console --name Ana --port 5071" in said
    assert "--call sip:100@127.0.0.1:5060" in said


def test_a_wildcard_is_dialled_on_this_machine_and_phone_numbers_get_no_phone() -> None:
    settings = {
        "sip": {"listen": ["udp:0.0.0.0:5070"]},
        "numbers": {
            "7": {
                "recipients": [
                    {"name": "Ana", "destination": "sip:ana@127.0.0.1:6001;transport=tcp"},
                    {"name": "Ben", "type": "phone", "destination": "+15550100"},
                ]
            }
        },
    }
    said = dial.instructions(settings)
    assert "Dial   sip:7@127.0.0.1:5070   to ring 7:" in said
    assert "--name Ana --port 6001 " in said
    assert "--name Ben" not in said


def test_it_prints_for_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    assert dial.main([str(QUICK_START)]) == 0
    assert "Ctrl-C" in capsys.readouterr().out
