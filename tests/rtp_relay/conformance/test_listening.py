"""Keys and recordings of a call whose media goes on, in every form: who listens hears all, once and in order.

In the kernel's forms such media is forwarded there, and copies come through a ring (see rtp_relay/bpf/ringbuf.py).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rtp_relay.bpf import ringbuf
from rtp_relay.control import (
    Codec,
    Digit,
    Listen,
    Measure,
    Measures,
    Record,
    Recorded,
    Release,
    StopRecording,
)
from rtp_relay.forms.kernel import KernelForm
from rtp_relay.packet import HEADER
from rtp_relay.studio import Chunk, PlainStudio, Reeled
from tests.rtp_relay.conformance.rig import Party, Rig
from tests.rtp_relay.packets import rtp
from tests.rtp_relay.test_digits import press


class Tape:
    def __init__(self) -> None:
        self.last_loud = -1.0
        self.trouble = ""
        self.chunks: list[Chunk] = []

    @property
    def packets(self) -> list[bytes]:
        return [chunk.packet for chunk in self.chunks]

    def write(self, chunks: Sequence[Chunk]) -> None:
        self.chunks += chunks

    def close(self, done: Callable[[Reeled, float], None]) -> None:
        done(Reeled(len(self.chunks) * 0.02, ""), 0.0)


class Studio(PlainStudio):
    def __init__(self) -> None:
        super().__init__()
        self.tapes: list[Tape] = []

    def open_tape(self, path: str, codecs: Sequence[Codec]) -> Tape:
        self.tapes.append(Tape())
        return self.tapes[-1]


class Scene:
    """A call of which one packet each way has come, so that both directions are confirmed."""

    def __init__(self, rig: Rig, studio: Studio) -> None:
        self.rig, self.studio = rig, studio
        self.a, self.b, self.ports = rig.call()
        rig.send(self.a, rtp(1, ssrc=1), self.ports[0])
        rig.send(self.b, rtp(1, ssrc=2), self.ports[1])
        self.heard()

    def heard(self) -> list[bytes]:
        """What b has got of a."""
        return [packet for packet, _ in self.b.received()]

    def kernel_packets(self) -> int:
        (measures,) = self.rig.do(Measure())
        assert isinstance(measures, Measures)
        return measures.kernel_packets

    @property
    def is_kernel(self) -> bool:
        return isinstance(self.rig.form, KernelForm)


@pytest.fixture
def scene(make_rig: Callable[..., Rig]) -> Scene:
    studio = Studio()
    return Scene(make_rig(studio=studio), studio)


def numbered(packets: Sequence[bytes], first: int) -> list[bytes]:
    """The packets of SSRC 1, with sequence numbers from `first` on."""
    made = []
    for at, packet in enumerate(packets, first):
        one, two, _, timestamp, _ = HEADER.unpack_from(packet)
        made.append(HEADER.pack(one, two, at & 0xFFFF, timestamp, 1) + packet[HEADER.size :])
    return made


def speak(scene: Scene, packets: Sequence[bytes], step: float = 0.02, party: Party | None = None) -> None:
    for packet in packets:
        scene.rig.now += step
        (party or scene.a).send(packet, scene.ports[0])


# Recordings.


def test_a_recorded_leg_is_forwarded_as_ever_and_all_of_it_is_on_the_tape(scene: Scene) -> None:
    rig = scene.rig
    rig.do(Record("call", 0, "x.wav"))
    packets = [rtp(sequence, ssrc=1, size=sequence % 400 + 1) for sequence in range(2, 200)]
    came = []
    for packet in packets:
        speak(scene, [packet])
        rig.run()
        came += scene.heard()
    assert came == packets
    rig.run(0.3)
    (tape,) = scene.studio.tapes
    assert tape.packets == packets
    times = [chunk.arrival for chunk in tape.chunks]
    assert times == pytest.approx([1000.0 + 0.02 * at for at in range(1, 199)], abs=1e-6)
    figures = rig.figures(0)
    assert (figures.packets, figures.lost, figures.octets) == (199, 0, 172 + sum(map(len, packets)))
    if scene.is_kernel:
        assert scene.kernel_packets() > 190


def test_media_of_a_recording_does_not_wait_for_user_space(scene: Scene) -> None:
    """In the kernel's forms it is there before anybody has looked."""
    if not scene.is_kernel:
        pytest.skip("a form without a kernel's part forwards when it is turned")
    scene.rig.do(Record("call", 0, "x.wav"))
    speak(scene, [rtp(2, ssrc=1)])  # the first one after a change is treated in user space
    scene.rig.run()
    scene.heard()
    packets = [rtp(sequence, ssrc=1) for sequence in range(3, 30)]
    speak(scene, packets)
    assert scene.heard() == packets
    assert scene.studio.tapes[0].packets == []
    scene.rig.run(0.3)
    assert len(scene.studio.tapes[0].packets) == 28


def test_what_has_come_when_a_recording_is_stopped_is_on_it_and_what_comes_then_is_not(scene: Scene) -> None:
    rig = scene.rig
    rig.do(Record("call", 0, "x.wav"))
    before = [rtp(sequence, ssrc=1) for sequence in range(2, 20)]
    speak(scene, before)
    if not scene.is_kernel:
        rig.run()  # a socket's packets have come when they are read
    rig.send(scene.a, rtp(20, ssrc=1), scene.ports[0])
    speak(scene, [rtp(21, ssrc=1)])
    if not scene.is_kernel:
        rig.run()
    (told,) = rig.do(StopRecording("call", 0))
    assert told == Recorded("call", 0, "x.wav", 20 * 0.02, "stopped")
    speak(scene, [rtp(sequence, ssrc=1) for sequence in range(22, 30)])
    rig.run(0.5)
    assert scene.studio.tapes[0].packets == [*before, rtp(20, ssrc=1), rtp(21, ssrc=1)]
    assert len(scene.heard()) == 28


def test_release_finishes_a_recording_with_all_that_has_come(scene: Scene) -> None:
    rig = scene.rig
    rig.do(Record("call", 0, "x.wav"))
    packets = [rtp(sequence, ssrc=1) for sequence in range(2, 20)]
    speak(scene, packets)
    rig.run()
    speak(scene, [rtp(20, ssrc=1)])
    if not scene.is_kernel:
        rig.run()
    told = rig.do(Release("call"))
    assert told[0] == Recorded("call", 0, "x.wav", 19 * 0.02, "released")
    assert scene.studio.tapes[0].packets == [*packets, rtp(20, ssrc=1)]


def test_changes_of_source_and_codec_keep_their_order_on_the_tape(scene: Scene) -> None:
    rig = scene.rig
    rig.do(Record("call", 0, "x.wav"))
    packets = []
    for sequence in range(2, 120):
        ssrc, kind = (1 if sequence < 60 else 9), (8 if sequence % 25 < 5 else 0)
        packets.append(rtp(sequence, ssrc=ssrc, payload_type=kind))
    came = []
    for at, packet in enumerate(packets):
        speak(scene, [packet])
        if at % 4 == 3:
            rig.run()
        came += scene.heard()
    rig.run(0.3)
    assert came + scene.heard() == packets
    assert scene.studio.tapes[0].packets == packets


def test_strangers_are_not_on_the_tape(scene: Scene) -> None:
    rig = scene.rig
    rig.do(Record("call", 0, "x.wav"))
    stranger = rig.party(rig.elsewhere)
    for sequence in range(2, 12):
        speak(scene, [rtp(sequence, ssrc=1)])
        speak(scene, [rtp(sequence + 100, ssrc=1)], party=stranger)
        rig.run()
    rig.run(0.3)
    assert scene.studio.tapes[0].packets == [rtp(sequence, ssrc=1) for sequence in range(2, 12)]
    assert rig.figures(0).strangers == 10


def test_fax_is_not_on_the_tape(scene: Scene) -> None:
    rig = scene.rig
    rig.do(Record("call", 0, "x.wav"))
    rig.send(scene.a, rtp(2, ssrc=1), scene.ports[0])
    for leg, party in enumerate((scene.a, scene.b)):
        rig.direct(leg, party, kind="udptl", latch=False)
    scene.heard()
    for number in range(10):
        rig.send(scene.a, bytes([0, number]) + b"T.38" * 8, scene.ports[0])
    assert len(scene.heard()) == 10
    rig.run(0.3)
    assert scene.studio.tapes[0].packets == [rtp(2, ssrc=1)]


def test_both_sides_of_a_call_may_be_recorded(scene: Scene) -> None:
    rig = scene.rig
    rig.do(Record("call", 0, "a.wav"), Record("call", 1, "b.wav"))
    for sequence in range(2, 40):
        speak(scene, [rtp(sequence, ssrc=1)])
        scene.b.send(rtp(sequence, ssrc=2), scene.ports[1])
        rig.run()
    rig.run(0.3)
    for ssrc, tape in zip((1, 2), scene.studio.tapes, strict=True):
        assert tape.packets == [rtp(sequence, ssrc=ssrc) for sequence in range(2, 40)]


def test_packets_of_any_size_are_kept_whole(scene: Scene) -> None:
    scene.rig.do(Record("call", 0, "x.wav"))
    sizes = (1, 35, 36, 37, 160, 227, 228, 229, 1000, 1400, 1411)
    packets = [rtp(at, ssrc=1, size=size) for at, size in enumerate(sizes, 2)]
    speak(scene, packets)
    scene.rig.run(0.3)
    scene.rig.run()
    assert scene.heard() == packets
    scene.rig.do(StopRecording("call", 0))
    assert scene.studio.tapes[0].packets == packets


# Keys.


def test_keys_between_speech_are_heard_once_and_forwarded_in_their_place(scene: Scene) -> None:
    rig = scene.rig
    rig.do(Listen("call", 0, (101,)))
    speech = [rtp(sequence, ssrc=1) for sequence in range(30)]
    packets = numbered([*speech[:9], *press("5", 1000), *speech[9:20], *press("#", 4000), *speech[20:]], 2)
    told: list[Any] = []
    came = []
    for at, packet in enumerate(packets):
        speak(scene, [packet])
        if at % 3 == 0:
            rig.run()
        came += scene.heard()
        told += rig.events()
    rig.run()
    assert told + rig.events() == [Digit("call", 0, "5", 20), Digit("call", 0, "#", 20)]
    assert came + scene.heard() == packets
    figures = rig.figures(0)
    assert (figures.packets, figures.lost) == (len(packets) + 1, 0)
    if scene.is_kernel:
        assert scene.kernel_packets() > len(packets) // 2


def test_speech_is_not_copied_for_who_listens_for_keys_only(scene: Scene) -> None:
    if not scene.is_kernel:
        pytest.skip("nothing is copied")
    rig = scene.rig
    assert isinstance(rig.form, KernelForm)
    rig.do(Listen("call", 0, (101,)))
    rig.send(scene.a, rtp(2, ssrc=1), scene.ports[0])
    speak(scene, [rtp(sequence, ssrc=1) for sequence in range(3, 9)])
    assert rig.form.loaded.tables.ring.is_empty
    rig.send(scene.a, numbered(press("1", 5000), 9)[0], scene.ports[0])
    speak(scene, numbered(press("1", 5000)[1:], 10))
    assert not rig.form.loaded.tables.ring.is_empty
    assert len(scene.heard()) == 14


def test_keys_that_are_kept_are_heard_and_reach_nobody(scene: Scene) -> None:
    rig = scene.rig
    rig.do(Listen("call", 0, (101,), forward=False))
    speech = [rtp(sequence, ssrc=1) for sequence in range(20)]
    packets = numbered([*speech[:9], *press("7", 1000), *speech[9:]], 2)
    told: list[Any] = []
    for at, packet in enumerate(packets):
        speak(scene, [packet])
        if at % 2:
            rig.run()
            told += rig.events()
    rig.run()
    assert told + rig.events() == [Digit("call", 0, "7", 20)]
    assert scene.heard() == packets[:9] + packets[16:]
    assert dict(rig.figures(0).drops) == {"digit kept": 7}


def test_a_key_whose_end_was_lost_is_told_though_only_speech_follows(scene: Scene) -> None:
    rig = scene.rig
    rig.do(Listen("call", 0, (101,), early=False))
    begun = numbered(press("3", 1000)[:4], 2)
    for packet in [*begun, *(rtp(sequence, ssrc=1) for sequence in range(9, 40))]:
        speak(scene, [packet])
        rig.run()
    assert rig.events() == [Digit("call", 0, "3", 80)]


# The ring.


def test_a_full_ring_costs_copies_and_no_media(scene: Scene) -> None:
    if not scene.is_kernel:
        pytest.skip("there is no ring")
    rig = scene.rig
    rig.do(Record("call", 0, "x.wav"))
    rig.send(scene.a, rtp(2, ssrc=1, size=1400), scene.ports[0])
    fits = ringbuf.SIZE // (ringbuf.ROOMS[-1] + 8)
    sent = 0
    for sequence in range(3, fits + 203):
        scene.a.send(rtp(sequence, ssrc=1, size=1400), scene.ports[0])
        if sequence % 20 == 0:
            sent += len(scene.heard())
    assert sent + len(scene.heard()) == fits + 201
    while rig.form.turn():  # type: ignore[union-attr]
        pass
    rig.do(StopRecording("call", 0))
    (tape,) = scene.studio.tapes
    copied = len(tape.chunks)
    assert fits - 2 <= copied <= fits + 1
    assert tape.packets == [rtp(sequence, ssrc=1, size=1400) for sequence in range(2, copied + 2)]
    (measures,) = rig.do(Measure())
    assert isinstance(measures, Measures)
    assert measures.uncopied == fits + 201 - copied
    assert (rig.figures(0).packets, rig.figures(0).lost) == (fits + 202, 0)


def test_the_ring_goes_round(scene: Scene) -> None:
    if not scene.is_kernel:
        pytest.skip("there is no ring")
    rig = scene.rig
    rig.do(Record("call", 0, "x.wav"))
    rounds = ringbuf.SIZE // (ringbuf.ROOMS[-1] + 8) * 5 // 4
    packets = [rtp(sequence, ssrc=1, size=1200 + sequence % 200) for sequence in range(2, rounds)]
    for start in range(0, len(packets), 50):
        for packet in packets[start : start + 50]:
            scene.a.send(packet, scene.ports[0])
        rig.run()
        scene.heard()
    rig.do(StopRecording("call", 0))
    assert scene.studio.tapes[0].packets == packets
