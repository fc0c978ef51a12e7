"""The page on the configuration says what the settings say, and of every one of them."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

from b2bua.config import parse
from b2bua.config.reference import Setting, all_settings, reference

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
SETTINGS = list(all_settings())


def test_the_page_is_up_to_date() -> None:
    assert reference() == PAGE, "run python -m b2bua.config.reference > docs/configuration.md"


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: f"{setting.table} {setting.name}")
def test_every_setting_is_explained(setting: Setting) -> None:
    section = PAGE.partition(f"\n## `{setting.table}`\n")[2].partition("\n## ")[0]
    text = section.partition(f"\n### `{setting.name}`\n")[2].partition("\n### ")[0]
    assert len(text.strip().splitlines()) == 3, "its kind, an empty line, its explanation"
    assert setting.explanation in text


@pytest.mark.parametrize("setting", SETTINGS, ids=lambda setting: f"{setting.table} {setting.name}")
def test_the_full_example_has_every_setting(setting: Setting) -> None:
    example = (ROOT / "examples" / "full.toml").read_text(encoding="utf-8")
    written = re.search(rf"(?m)^(?:# )?{setting.name} = ", example)
    assert written or re.search(rf"^\[+[^\]]*{setting.name}[\].]", example, re.MULTILINE)


def test_the_defaults_are_the_defaults() -> None:
    """The full example shows defaults where it says so of nothing else: limits, and the page beside them."""
    example = tomllib.loads((ROOT / "examples" / "full.toml").read_text(encoding="utf-8"))
    for setting in SETTINGS:
        if setting.table == "[limits]":
            assert example["limits"][setting.name] == setting.field.default


def test_the_examples_on_the_page_load() -> None:
    blocks = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    assert blocks
    for block in blocks:
        parse(block.encode(), Path("page.toml"), lambda _version: "192.0.2.1")
