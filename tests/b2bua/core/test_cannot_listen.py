"""What is said of an address that cannot be listened on."""

from __future__ import annotations

import errno

import pytest

from b2bua.core.cannot_listen import ListenError


@pytest.mark.parametrize(
    ("number", "listener", "remedy"),
    [
        (errno.EADDRINUSE, "udp:[::1]:5060", "`ss -lntup 'sport = :5060'` shows, to root, who has it."),
        (errno.EADDRINUSE, None, "`ss -lntup` shows, to root, who has it."),
        (errno.EADDRNOTAVAIL, "udp:192.0.2.1:5060", "`ip address` shows the addresses of this machine."),
        (errno.EACCES, "udp:0.0.0.0:53", "Ports below 1024 are for root, or for who has CAP_NET_BIND_SERVICE."),
        (errno.ENOBUFS, "udp:0.0.0.0:53", ""),
    ],
)
def test_each_reason_has_its_remedy(number: int, listener: str | None, remedy: str) -> None:
    problem = OSError(number, "cannot listen on it", listener)
    assert str(ListenError(problem)) == f"cannot listen on it. {remedy}".rstrip()
    assert str(ListenError(problem, "service.metrics")).startswith("service.metrics: cannot listen on it.")
