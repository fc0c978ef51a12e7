"""tc ingress as older kernels have it: the same programs, held by a filter instead of a link."""

from __future__ import annotations

import errno
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench import namespaces
from rtp_relay.bpf import syscall
from rtp_relay.bpf.clsact import Filter
from rtp_relay.bpf.pins import Pins
from rtp_relay.forms.kernel import KernelForm
from tests.rtp_relay.conformance.rig import Rig, hindrance, the_wire
from tests.rtp_relay.packets import rtp
from tests.rtp_relay.pinned import bpf_file_system


def shown(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout


def filters() -> str:
    return shown("tc", "filter", "show", "dev", namespaces.RELAY_LINK, "ingress")


def qdiscs() -> str:
    return shown("tc", "qdisc", "show", "dev", namespaces.RELAY_LINK)


@pytest.fixture
def old_kernel(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """One that knows no TCX; in the relay's namespace."""
    if hindrance("tc on a wire"):
        pytest.skip(hindrance("tc on a wire"))
    really = syscall.attach

    def attach(program: int, interface: int, kind: syscall.AttachKind, flags: int = 0) -> int:
        if kind is syscall.AttachKind.TCX_INGRESS:
            raise OSError(errno.EINVAL, "Invalid argument (LINK_CREATE)")
        return really(program, interface, kind, flags)

    monkeypatch.setattr(syscall, "attach", attach)
    with the_wire().inside(the_wire().relay):
        yield


def forwards_alone(rig: Rig) -> bool:
    a, b, ports = rig.call()
    rig.send(a, rtp(1), ports[0])
    a.send(rtp(2), ports[0])
    return len(b.received()) == 2


@pytest.mark.usefixtures("old_kernel")
@pytest.mark.parametrize("version_6", [False, True], ids=["IPv4", "IPv6"])
def test_flows_are_forwarded_and_nothing_is_left(version_6: bool) -> None:
    rig = Rig("tc on a wire", version_6=version_6)
    assert filters().count("direct-action") == 1
    assert forwards_alone(rig)
    rig.close()
    assert "rtp_relay" not in filters()
    assert "clsact" not in qdiscs()


@pytest.mark.usefixtures("old_kernel")
def test_filters_of_others_stay() -> None:
    link = namespaces.RELAY_LINK
    namespaces.run("tc", "qdisc", "add", "dev", link, "clsact")
    namespaces.run("tc", "filter", "add", "dev", link, "ingress", "pref", "100", "protocol", "ip", "u32",
                   "match", "ip", "dport", "9", "0xffff", "flowid", ":1")  # fmt: skip
    try:
        before = filters()
        rig = Rig("tc on a wire")
        assert forwards_alone(rig)
        rig.close()
        assert filters() == before
        assert "clsact" in qdiscs()
    finally:
        namespaces.run("tc", "qdisc", "del", "dev", link, "clsact")


@pytest.mark.usefixtures("old_kernel")
def test_what_a_killed_relay_has_left_is_taken_away_by_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    first = Rig("tc on a wire")
    with monkeypatch.context() as killed:
        killed.setattr(Filter, "close", lambda self: self._asking.close())
        first.close()
    assert filters().count("direct-action") == 1
    again = Rig("tc on a wire")  # the same ports: they are free
    assert again.host == first.host
    assert filters().count("direct-action") == 1
    assert forwards_alone(again)
    again.close()
    assert filters() == ""
    with the_wire().inside(the_wire().relay):
        subprocess.run(("tc", "qdisc", "del", "dev", namespaces.RELAY_LINK, "clsact"), capture_output=True, timeout=60)


@pytest.mark.usefixtures("old_kernel")
@pytest.mark.parametrize("is_upgrade", [False, True], ids=["the same programs", "others"])
def test_a_filter_is_adopted_with_its_flows(tmp_path: Path, is_upgrade: bool) -> None:
    with bpf_file_system(tmp_path / "bpf") as mounted:
        pins = str(mounted / "relay")
        rig = Rig("tc on a wire", pins=pins)
        a, b, ports = rig.call()
        rig.send(a, rtp(1), ports[0])
        before, held = filters(), rig.kill()
        record = Pins(pins).record()
        assert record is not None
        if is_upgrade:
            Pins(pins).write(replace(record, digests=dict.fromkeys(record.digests, "older")))
        a.send(rtp(2), ports[0])
        rig.start_again(held)
        assert isinstance(rig.form, KernelForm)
        assert (rig.form.loaded.is_adopted, bool(rig.form.loaded.kept)) == (True, not is_upgrade)
        a.send(rtp(3), ports[0])
        assert rig.form.turn() == 0
        assert len(b.received()) == 3
        assert filters().count("direct-action") == 1
        assert (filters() == before) is not is_upgrade
        rig.close()
        assert "rtp_relay" not in filters()
        assert "clsact" not in qdiscs()
