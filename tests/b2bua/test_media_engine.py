from __future__ import annotations

from pathlib import Path

from b2bua.config import parse
from b2bua.media_engine import open_engine
from rtp_relay.client import RelayClient
from rtp_relay.ng.client import FarmClient

FILE = """\
[sip]
listen = ["udp:127.0.0.1:5060"]
[trunks.carrier]
sources = ["192.0.2.0/24"]
[numbers."100"]
recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.9" }]
[media]
"""


def engine(media: str) -> RelayClient | FarmClient:
    config = parse(f"{FILE}{media}\n".encode(), Path("/etc/test.toml"), lambda _version: "")
    return open_engine(config.media, lambda event: None, lambda: None, lambda welcome: None)


def test_our_own_relay_unless_something_else_is_said() -> None:
    assert isinstance(engine(""), RelayClient)


def test_a_farm_where_rtpengine_is_said() -> None:
    made = engine('engine = "rtpengine"\nnodes = [{ address = "192.0.2.10:2223" }, { address = "[::1]:2223" }]')
    assert isinstance(made, FarmClient)
    assert made.path == "192.0.2.10:2223, [::1]:2223"
    assert not made.is_ready


def test_interfaces_are_called_by_their_names_where_they_are_named() -> None:
    nodes = 'engine = "rtpengine"\nnodes = [{ address = "192.0.2.10:2223" }]\n'
    unnamed = engine(nodes)
    named = engine(nodes + 'interfaces = [{ name = "a", address = "192.0.2.1" }, { name = "b", address = "::1" }]')
    assert isinstance(unnamed, FarmClient) and isinstance(named, FarmClient)
    assert unnamed._farm._interfaces.names == ()
    assert named._farm._interfaces.names == (("a", False), ("b", True))
