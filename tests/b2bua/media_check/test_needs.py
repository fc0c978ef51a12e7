"""What a configuration asks of its host."""

from __future__ import annotations

from pathlib import Path

from b2bua.config import Config, load
from b2bua.media_check import needs_of, wanted_of
from b2bua.media_check.needs import ANYWHERE, FAR_ENDS

FILE = """\
[sip]
listen = ["udp:127.0.0.1:5060"]
[limits]
calls = 10
[media]
ports = [20001, 20100]
relay_socket = "{path}/relay"
form = "tc"
interfaces = [
    {{ name = "outside", address = "192.0.2.1", advertised = "203.0.113.5" }},
    {{ name = "office", address = "10.0.0.1" }},
]
[trunks.carrier]
sources = ["198.51.100.64", "198.51.100.128/25"]
address = "sip:198.51.100.70"
allowed_prefixes = ["+1"]
[trunks.named]
sources = ["10.1.0.0/16"]
address = "sip:trunk.example.com"
interface = "office"
[numbers."100"]
trunks = ["carrier"]
recipients = [
    {{ name = "Ana", destination = "sip:ana@10.0.0.9", interface = "office" }},
    {{ name = "Ben", destination = "sip:ben@phones.example.com", interface = "office" }},
    {{ name = "Dora", type = "phone", destination = "+15550123", trunk = "carrier" }},
]
[numbers."200"]
trunks = ["named"]
recipients = [{{ name = "Carl", destination = "sip:carl@[2001:db8::7]", interface = "office" }}]
"""


def config(tmp_path: Path) -> Config:
    file = tmp_path / "service.toml"
    file.write_text(FILE.format(path=tmp_path))
    return load(str(file))


def test_pairs_by_interface(tmp_path: Path) -> None:
    needs = needs_of(config(tmp_path))
    assert needs.hosts == ("192.0.2.1", "10.0.0.1")
    assert (needs.form, needs.calls, needs.recipients) == ("tc", 10, 3)
    # Of 100: the caller and Dora outside, Ana and Ben in the office; of 200: the caller and Carl there.
    assert needs.ringing == {"outside": 20, "office": 20}
    assert needs.talking == {"outside": 20, "office": 20}
    assert needs.pairs == 49
    assert needs.descriptors == 4 * 49


def test_what_is_looked_at(tmp_path: Path) -> None:
    wanted = wanted_of(config(tmp_path), ["192.0.2.99"])
    assert wanted.towards == ("192.0.2.99", "198.51.100.70", "198.51.100.64", "10.0.0.9", "2001:db8::7", *ANYWHERE)
    assert (wanted.first_port, wanted.last_port) == (20001, 20100)
    assert wanted.relay_socket == f"{tmp_path}/relay"
    assert [(one.bind, one.advertised) for one in wanted.interfaces] == [
        ("192.0.2.1", "203.0.113.5"), ("10.0.0.1", "10.0.0.1"),
    ]  # fmt: skip


def test_a_long_list_of_far_ends_is_cut(tmp_path: Path) -> None:
    asked = [f"192.0.2.{number}" for number in range(20)]
    assert wanted_of(config(tmp_path), asked).towards == (*asked[:FAR_ENDS], *ANYWHERE)
