"""Mistakes of different kinds are told at once, and none that only follows from another."""

from __future__ import annotations

import pytest

from b2bua.config.findings import KeyPath
from b2bua.config.rest import follows, without
from tests.b2bua.test_config import SMALL, findings

FLOW = """
[flows.main]
first = "ring"
[flows.main.dial.ring]
nobody_answered = "end"
recipients = [{ name = "Ana", destination = "ana" }]
[flows.main.hang_up.end]
"""


def settings(text: str) -> list[str]:
    return [each.setting for each in findings(text)]


def test_what_cannot_be_read_hides_nothing_else() -> None:
    media = "[media]\nports = [30000, 20000]\nspeed = 3\n\n"
    text = SMALL.replace("5060", "nowhere", 1).replace("[trunks", f"{media}[trunks")
    assert settings(text + FLOW) == [
        "sip.listen[1]", "media.ports", "media.speed", "flows.main.dial.ring.recipients[1].destination",
    ]  # fmt: skip


def test_what_makes_no_sense_does_not_hide_what_a_flow_has_written_wrong() -> None:
    text = SMALL.replace("5060", "nowhere", 1)
    assert settings(text + FLOW) == ["sip.listen[1]", "flows.main.dial.ring.recipients[1].destination"]


def test_what_follows_from_a_mistake_is_not_told() -> None:
    """The trunk without its address, whose name was misspelt, and a number whose recipients cannot be read."""
    assert settings(SMALL.replace("address =", "adress =")) == ["trunks.carrier.adress"]
    assert settings(SMALL.replace("allowed_prefixes = [", 'allowed_prefixes = [3, ')) == [
        "trunks.carrier.allowed_prefixes[1]"
    ]
    nameless = SMALL.replace('name = "Ana", ', "")
    assert settings(nameless) == ['numbers."+15550100".recipients[1].name']


def test_a_warning_that_may_follow_is_not_told() -> None:
    assert settings(SMALL.replace('sources = ["192.0.2.0/24"]', "").replace("address", "adress", 1)) == [
        "trunks.carrier.adress"
    ]


def test_nothing_is_left_of_a_file_that_has_everything_wrong() -> None:
    assert settings("sip = 3\ntrunks = 4\nnumbers = 5\n") == ["sip", "trunks", "numbers"]


@pytest.mark.parametrize(
    ("path", "left", "taken"),
    [
        (("a", "b"), {"a": {"c": [1]}}, ("a", "b")),
        (("a", "c", 0), {"a": {"b": 1}}, ("a", "c")),  # the list with its item
        (("a", "d"), {}, ("a",)),  # what is missing, with the table that lacks it
        (("x",), {"a": {"b": 1, "c": [1]}}, None),
    ],
)
def test_taking_out(path: KeyPath, left: dict[str, object], taken: KeyPath | None) -> None:
    document = {"a": {"b": 1, "c": [1]}}
    assert without(document, [path]) == (left, [] if taken is None else [taken])
    assert document == {"a": {"b": 1, "c": [1]}}


@pytest.mark.parametrize(
    ("path", "problem", "taken", "is_so"),
    [
        (("a", "b"), "", ("a",), True),
        (("a",), "", ("a", "b"), True),
        (("a", "c"), "", ("a", "b"), False),
        (("numbers", "1", "trunk"), 'trunk "x" has no address', ("trunks", "x", "adress"), True),
        (("numbers", "1", "trunk"), 'there is no trunk "y"', ("trunks", "x", "adress"), False),
        (("numbers", "1", "trunk"), 'there is no trunk "y"', ("trunks",), True),
        (("trunks", "x", "interface"), 'no interface "y"', ("media", "interfaces"), True),
    ],
)
def test_what_follows(path: KeyPath, problem: str, taken: KeyPath, is_so: bool) -> None:
    assert follows(path, problem, [taken]) is is_so
