"""The directory of pins: what it is called, what it says, who may have it, and that it is gone when it is to go."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from bench import namespaces
from rtp_relay.bpf import layout, loader, pins, syscall
from rtp_relay.bpf.loader import Loaded
from rtp_relay.bpf.pins import Pins, Record
from rtp_relay.forms import opening
from tests.rtp_relay.conformance.rig import hindrance, the_wire
from tests.rtp_relay.pinned import bpf_file_system

HOST = namespaces.RELAY[False]


@pytest.fixture
def directory() -> Iterator[str]:
    if hindrance("tc on a wire"):
        pytest.skip(hindrance("tc on a wire"))
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        kept = stack.enter_context(bpf_file_system(folder / "bpf")) / "deep" / "relay"
        stack.enter_context(the_wire().inside(the_wire().relay))
        yield str(kept)


def load(directory: str, is_lasting: bool = False, ports: int = 10) -> Loaded:
    plan, places = opening.planned("tc", (HOST,), 20000, 20000 + ports - 1, 46)
    return Loaded(plan, places, directory=directory, is_lasting=is_lasting)


def attached() -> int:
    return len(syscall.attached(socket.if_nametoindex(namespaces.RELAY_LINK), syscall.AttachKind.TCX_INGRESS))


def test_each_control_socket_has_its_own_directory() -> None:
    one, other = (pins.default_directory(path) for path in ("/run/a.b/relay.sock", "/run/a-b/relay.sock"))
    assert one != other
    assert "." not in Path(one).name
    assert len(Path(pins.default_directory("/x" * 200)).name) < 64


def test_no_directory_elsewhere_than_in_a_bpf_file_system(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="is in no bpf file system"):
        Pins(str(tmp_path / "relay")).prepare()
    assert opening.usable_directory(str(tmp_path))[0] == ""
    assert opening.usable_directory("") == ("", "")


def test_a_record_is_read_as_it_was_written(directory: str) -> None:
    kept = Pins(directory)
    kept.prepare()
    assert kept.record() is None
    record = Record(layout.VERSION, ("10.0.0.1", "::1"), 20000, 10, False, 4026531840, True, {"link_tc_1": "ab"},
                    {3: 0}, (1, 3))  # fmt: skip
    kept.write(record)
    assert kept.record() == record
    descriptor = kept.open(pins.RECORD)
    syscall.update(descriptor, bytes(4), b"{}".ljust(layout.PLAN_SIZE, b"\0"))
    os.close(descriptor)
    assert kept.record() is None, "another version's"


def test_closed_nothing_is_left(directory: str) -> None:
    loaded = load(directory)
    assert attached() == 1
    assert {"flows", "next_hops", "legacies", "devices", "record"} <= set(Pins(directory).names())
    loaded.close()
    assert attached() == 0
    assert not Path(directory).exists()


def test_left_it_is_adopted_as_it_is(directory: str) -> None:
    load(directory).leave()
    assert attached() == 1
    again = load(directory)
    assert again.is_adopted
    assert len(again.kept) == 2
    assert again.instructions == {}
    assert attached() == 1
    again.close()
    assert attached() == 0


def test_another_range_of_ports_replaces_it(directory: str) -> None:
    load(directory).leave()
    again = load(directory, ports=20)
    assert not again.is_adopted
    assert attached() == 1
    again.close()
    assert attached() == 0


def test_what_a_loader_made_stays_until_it_is_removed(directory: str) -> None:
    load(directory, is_lasting=True).leave()
    relay = load(directory)
    assert relay.is_adopted
    assert relay.is_lasting
    assert load_refused(directory) == "another relay looks after"
    load(directory, is_lasting=True).leave()  # an upgrade, under the relay
    relay.flows.activate(0, relay.flows.target(0), relay.flows.standing(0))
    relay.close()
    assert attached() == 1
    loader.forget(directory)
    assert attached() == 1
    left = load(directory)
    assert left.flows.active() == []
    left.close()
    loader.remove(directory)
    assert attached() == 0
    assert not Path(directory).exists()


def load_refused(directory: str) -> str:
    with pytest.raises(OSError, match="another relay looks after") as refused:
        load(directory)
    return str(refused.value.strerror)[: len("another relay looks after")]


def test_who_asks_for_the_user_form_is_rid_of_what_was_left(directory: str) -> None:
    load(directory).leave()
    loader.forget(directory)
    assert attached() == 0
    loader.forget(directory)


def test_an_unfinished_directory_is_begun_anew(directory: str) -> None:
    load(directory).leave()
    Pins(directory).drop("next_hops")
    again = load(directory)
    assert not again.is_adopted
    assert attached() == 1
    again.close()
    assert attached() == 0


def test_what_was_abandoned_long_ago_is_swept_away(directory: str) -> None:
    beside = {name: f"{directory}-{name}" for name in ("dead", "resting", "loaders", "alive")}
    alive = load(beside["alive"])
    alive.tables.until.tell(0.0)
    for name, until in (("dead", 100.0), ("resting", 500.0), ("loaders", 100.0)):
        made = load(beside[name], is_lasting=name == "loaders")
        made.tables.until.tell(until)
        made.leave()
    ours = load(directory)
    assert attached() == 5
    assert loader.sweep(directory, 100.0 + loader.ABANDONED + 1.0) == [Path(beside["dead"]).name]
    assert attached() == 4
    assert not Path(beside["dead"]).exists()
    for loaded in (ours, alive):
        loaded.close()
    for left in beside.values():
        loader.remove(left)
    assert attached() == 0
