"""What is refused of a number, and what is remarked on all of them together."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from b2bua.calls.flow import Flow, HangUp, RecipientType
from b2bua.config import Config, parse
from b2bua.flows.number_checks import check_number, digits, number_remarks, refuse_declared
from b2bua.flows.numbers import KeptNumber, NumberError
from b2bua.flows.use import with_numbers
from tests.b2bua.flows.samples import BEN, dial, flow

FILE = """\
[sip]
listen = ["udp:127.0.0.1:5060"]
[trunks.carrier]
sources = ["127.0.0.1"]
address = "sip:carrier.example"
allowed_prefixes = ["+1"]
[numbers.100]
recipients = [{ name = "Ben", type = "phone", destination = "+15550177", trunk = "carrier" }]
[numbers.200]
flow = "evening"
"""
FILE_FLOW = """\
[flows.evening]
first = "ring"
[flows.evening.dial.ring]
nobody_answered = "end"
recipients = [{ name = "Ben", type = "phone", destination = "+15550177", trunk = "carrier" }]
[flows.evening.hang_up.end]
"""
NUMBER = KeptNumber("+15550177", "Spring", "main")


def config(text: str = FILE) -> Config:
    return parse(text.encode(), Path("multiring.toml"), lambda version: "192.0.2.1")


def ringing(number: str) -> Flow:
    """A flow that rings a phone."""
    phone = replace(BEN, type=RecipientType.PHONE, destination=number, trunk="carrier")
    return flow(dial(phone))


def refusal(number: KeptNumber, value: Flow | None = None, of: Config | None = None) -> NumberError:
    with pytest.raises(NumberError) as refused:
        check_number(of or config(), number, {"main", "evening"}, value)
    return refused.value


@pytest.mark.parametrize("text", ["+15550177", "+1 (555) 0177", "+1-555.0177"])
def test_digits_are_read_as_people_write_them(text: str) -> None:
    assert digits(text) == "+15550177"


@pytest.mark.parametrize("text", ["", "*", "*98", "#", "sales", "+", "1+2", "٣٤٥", "5" * 21, "100;npdi", "1\n2"])
def test_what_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(NumberError) as refused:
        digits(text)
    assert (refused.value.field, refused.value.kind) == ("dialled", "wrong")
    assert "+15550100" in str(refused.value)


def test_a_good_number_passes() -> None:
    check_number(config(), replace(NUMBER, trunks=("carrier",)), {"main"}, ringing("+15550102"))


def test_flow_trunk_and_name_must_be_such_as_there_are() -> None:
    assert refusal(replace(NUMBER, flow="nowhere")).field == "flow"
    assert refusal(replace(NUMBER, trunks=("carrier", "x"))).field == "trunks"
    assert refusal(replace(NUMBER, name="x" * 65)).field == "name"
    assert refusal(replace(NUMBER, name="a\r\nb")).field == "name"


def test_a_flow_that_rings_the_number_itself_is_refused() -> None:
    refused = refusal(NUMBER, ringing("+15550177"))
    assert (refused.field, refused.kind) == ("flow", "conflict")
    assert "would ring itself" in str(refused)
    there_already = with_numbers(config(), [NUMBER])
    assert "would ring itself" in str(refusal(NUMBER, ringing("+15550177"), there_already))


def test_errors_that_the_flow_has_anyway_do_not_concern_the_number() -> None:
    broken = Flow("main", 1, "gone", {"end": HangUp()})
    check_number(config(), NUMBER, {"main"}, broken)


def test_numbers_of_the_file_are_not_changed() -> None:
    made = with_numbers(config(), [NUMBER])
    with pytest.raises(NumberError, match=r"stands in multiring\.toml: change it there") as refused:
        refuse_declared(made, "100")
    assert refused.value.kind == "conflict"
    refuse_declared(made, NUMBER.dialled)


def test_what_is_remarked_on_all_together() -> None:
    off = KeptNumber("300", "", "main", is_on=False)
    kept = [replace(NUMBER, trunks=("gone",)), KeptNumber("100", "", "main"), off]
    found = {(each.dialled, each.in_file): each.text for each in number_remarks(config(), kept, {"evening"})}
    assert "too, which counts" in found["100", False]
    assert "one of your own numbers" in found["100", True]
    assert "main was never published" in found["+15550177", False]
    assert ("200", True) not in found and ("300", False) not in found
    trunks = [each.text for each in number_remarks(config(), kept, {"main", "evening"}) if "trunk" in each.text]
    assert trunks == ['there is no trunk "gone" to dial it.']


def test_a_number_of_the_file_whose_flow_is_nowhere_is_remarked_on() -> None:
    (found,) = number_remarks(config(), [], set())
    assert (found.dialled, found.in_file) == ("200", True) and "evening was never published" in found.text


def test_flows_of_the_file_are_checked_with_the_numbers_of_the_database() -> None:
    found = [each.text for each in number_remarks(config(FILE + FILE_FLOW), [replace(NUMBER, flow="evening")], set())]
    assert any("its flow evening: " in text and "would ring itself" in text for text in found)
