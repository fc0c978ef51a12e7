from __future__ import annotations

import socket
import threading

from b2bua.config.values import EngineNode
from b2bua.media_check import nodes
from b2bua.media_check.findings import Verdict
from tests.rtp_relay.ng.puppet import Puppet


def found(answer: bytes | None) -> tuple[Verdict, str]:
    """What is said of somebody who answers so once: None, as rtpengine does."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as serving:
        serving.bind(("127.0.0.1", 0))
        serving.settimeout(60.0)

        def serve() -> None:
            datagram, source = serving.recvfrom(65536)
            serving.sendto(Puppet().answer(datagram) if answer is None else answer, source)

        thread = threading.Thread(target=serve)
        thread.start()
        (finding,) = nodes.look([EngineNode("127.0.0.1", serving.getsockname()[1], 1.0)])
        thread.join()
    return finding.verdict, finding.saying


def test_a_node_that_answers_is_good() -> None:
    assert found(None) == (Verdict.GOOD, "answers.")


def test_who_answers_otherwise_is_no_rtpengine() -> None:
    verdict, saying = found(b"hello")
    assert verdict is Verdict.ERROR
    assert "no rtpengine" in saying


def test_nobody_there_is_an_error_with_its_remedy() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (finding,) = nodes.look([EngineNode("127.0.0.1", port, 1.0)])
    assert finding.verdict is Verdict.ERROR
    assert f"--listen-ng=127.0.0.1:{port}" in finding.remedy
