"""[media] engine and nodes."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from b2bua.config import Config, ConfigError, Severity, parse
from b2bua.config.engine import node_address
from b2bua.config.values import EngineNode

FILE = """\
[sip]
listen = ["udp:127.0.0.1:5060"]
[trunks.carrier]
sources = ["192.0.2.0/24"]
[numbers."100"]
recipients = [{ name = "Ana", destination = "sip:ana@192.0.2.9" }]
"""


def parsed(media: str, more: str = "") -> Config:
    return parse(f"{FILE}[media]\n{media}\n{more}".encode(), Path("/etc/test.toml"), lambda _version: "")


def problems(media: str) -> list[tuple[str, str]]:
    with pytest.raises(ConfigError) as refused:
        parsed(media)
    return [(one.setting, one.problem) for one in refused.value.findings if one.severity is Severity.ERROR]


def test_our_own_relay_is_what_there_is_without_a_word() -> None:
    assert parsed("").media.nodes == ()
    assert parsed("").media.starts_relay


def test_nodes_are_read_and_no_relay_is_started() -> None:
    nodes = '[{ address = "192.0.2.10:2223" }, { address = "[2001:db8::0a]:22222", weight = 2 }]'
    media = parsed(f'engine = "rtpengine"\nnodes = {nodes}').media
    assert media.nodes == (EngineNode("192.0.2.10", 2223, 1.0), EngineNode("2001:db8::a", 22222, 2.0))
    assert not media.starts_relay


def test_nodes_may_stand_there_unused() -> None:
    config = parsed('nodes = [{ address = "192.0.2.10:2223" }]')
    assert config.media.nodes == () and config.findings == ()


def test_rtpengine_without_nodes_is_refused() -> None:
    assert problems('engine = "rtpengine"') == [("media.engine", "has no nodes to speak to.")]


@pytest.mark.parametrize("address", ["192.0.2.10", "192.0.2.10:", ":2223", "host:2223", "192.0.2.10:0",
                                     "192.0.2.10:70000", "2001:db8::10", "[2001:db8::10]"])  # fmt: skip
def test_an_address_that_is_none_is_refused(address: str) -> None:
    ((setting, problem),) = problems(f'engine = "rtpengine"\nnodes = [{{ address = "{address}" }}]')
    assert setting == "media.nodes[1].address"
    assert problem == f'"{address}" is no ADDRESS:PORT.'


def test_a_node_that_is_written_twice_is_refused() -> None:
    nodes = '[{ address = "[::1]:2223" }, { address = "[0::1]:2223" }]'
    ((setting, _),) = problems(f'engine = "rtpengine"\nnodes = {nodes}')
    assert setting == "media.nodes[2].address"


def test_a_flow_that_plays_something_is_warned_of() -> None:
    flow = """
[flows.hello]
first = "greeting"
[flows.hello.play.greeting]
prompt = { tone = "de" }
played = "end"
[flows.hello.hang_up.end]
"""
    config = parsed('engine = "rtpengine"\nnodes = [{ address = "192.0.2.10:2223" }]', flow)
    assert any(one.setting == "flows.hello" and "play" in one.problem for one in config.findings)


@given(st.text(max_size=30))
def test_rubbish_is_refused_with_a_sentence(text: str) -> None:
    try:
        host, port = node_address(text)
    except ValueError as problem:
        assert str(problem).endswith("is no ADDRESS:PORT.")
    else:
        assert host and 0 < port < 65536
