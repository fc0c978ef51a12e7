"""Which flow a number goes through."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from b2bua.calls.flow import Dial
from b2bua.config import parse
from b2bua.flows.use import flows_in_use
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


def test_the_file_counts_before_the_database() -> None:
    config = parse(FILE.encode(), Path("multiring.toml"), lambda _version: "192.0.2.1")
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
