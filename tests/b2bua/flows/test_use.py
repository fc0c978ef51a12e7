"""Which flow a number goes through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from b2bua.calls.flow import Dial
from b2bua.config import Config, parse
from b2bua.flows.numbers import KeptNumber
from b2bua.flows.use import flows_in_use, with_numbers
from tests.b2bua.flows.samples import BEN, dial, flow

FILE = """\
[sip]
listen = ["udp:127.0.0.1:5060"]
[trunks.carrier]
sources = ["127.0.0.1"]
address = "sip:carrier.example"
allowed_prefixes = ["+1"]
[numbers."100"]
recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.9" }]
[numbers."200"]
flow = "here"
[numbers."300"]
flow = "main"
[numbers."301"]
flow = "main"
[numbers."400"]
flow = "gone"
[flows.here]
first = "end"
[flows.here.hang_up.end]
"""


def parsed() -> Config:
    return parse(FILE.encode(), Path("multiring.toml"), lambda _version: "192.0.2.1")


def test_the_file_counts_before_the_database() -> None:
    config = parsed()
    published = {"main": replace(flow(dial(BEN)), version=3), "here": flow(dial(BEN))}
    used = flows_in_use(config, published)
    assert used.by_number["100"] is config.numbers["100"].flow
    assert used.by_number["200"] is config.flows["here"]
    assert used.by_number["300"] is used.by_number["301"]
    assert used.by_number["300"].version == 3
    assert used.missing == {"400": "gone"}
    ring = used.by_number["300"].steps["first"]
    assert isinstance(ring, Dial)
    way = ring.recipients[0].way
    assert way is not None and way.uri == "sip:+15550102@carrier.example"


# Numbers of the database.

KEPT = KeptNumber("+15550177", "Spring", "main", ("carrier",))


def test_numbers_of_the_database_stand_beside_those_of_the_file() -> None:
    made = parsed()
    both = with_numbers(made, [KEPT])
    assert set(both.numbers) == {*made.numbers, "+15550177"}
    number = both.numbers["+15550177"]
    assert (number.name, number.flow_name, number.trunks) == ("Spring", "main", frozenset({"carrier"}))
    assert not number.in_file and number.media_timeout == made.media.timeout
    assert with_numbers(both, []).numbers == made.numbers, "those that are gone are there no more"


def test_a_number_of_the_file_counts_before_one_of_the_database() -> None:
    made = parsed()
    dialled = next(iter(made.numbers))
    assert with_numbers(made, [replace(KEPT, dialled=dialled)]).numbers == made.numbers


def test_a_number_that_is_off_misses_no_flow() -> None:
    both = with_numbers(parsed(), [replace(KEPT, flow="nowhere"), replace(KEPT, dialled="1", flow="no", is_on=False)])
    missing = flows_in_use(both, {}).missing
    assert missing["+15550177"] == "nowhere" and "1" not in missing
