"""Tests that attach programs to network devices run one at a time: the devices belong to the whole machine."""

from __future__ import annotations

import pytest

_KERNEL = ("rtp_relay/bpf/", "forms/test_kernel", "-tc", "[tc", "-xdp", "[xdp")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(part in item.nodeid for part in _KERNEL):
            item.add_marker(pytest.mark.xdist_group("kernel"))
