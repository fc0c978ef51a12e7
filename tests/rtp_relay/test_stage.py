"""What is played, heard and recorded, through the relay on the memory form and a clock in the test's hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rtp_relay import control
from rtp_relay.control import (
    Bridge,
    Codec,
    CountryTone,
    Digit,
    DigitsSent,
    File,
    Listen,
    Play,
    Played,
    Record,
    Recorded,
    SendDigits,
    StopPlaying,
    StopRecording,
    Tone,
    ToneStep,
)
from rtp_relay.digits import Ear
from rtp_relay.form import Interface
from rtp_relay.leases import Leases
from rtp_relay.packet import HEADER
from rtp_relay.relay import Relay, Settings
from rtp_relay.sound import Sound
from rtp_relay.studio import Chunk, Done, PlainStudio, Reeled, What
from tests.rtp_relay.conformance.rig import Rig
from tests.rtp_relay.packets import rtp
from tests.rtp_relay.test_digits import press

BEEP = Tone((ToneStep((400,), 0.04), ToneStep((), 0.02)))  # three packets


class Tape:
    def __init__(self) -> None:
        self.last_loud = -1.0
        self.trouble = ""
        self.chunks: list[Chunk] = []

    def write(self, chunks: Sequence[Chunk]) -> None:
        self.chunks += chunks

    def close(self, done: Callable[[Reeled, float], None]) -> None:
        done(Reeled(len(self.chunks) * 0.02, self.trouble), 0.0)


class Studio(PlainStudio):
    """Files are ready when the test says so."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Done] = []
        self.tapes: list[Tape] = []

    def prepare(self, what: What, codec: Codec, done: Done) -> None:
        if isinstance(what, File):
            self.asked.append(done)
        else:
            super().prepare(what, codec, done)

    def open_tape(self, path: str, codecs: Sequence[Codec]) -> Tape:
        self.tapes.append(Tape())
        return self.tapes[-1]


class Scene(Rig):
    def __init__(self) -> None:
        super().__init__("memory")
        self.studio = Studio()
        interfaces = [Interface("main", self.host, self.host)]
        self.relay = Relay(self.form, interfaces, Settings(20000, 20099), self._note, self.studio)
        self.a, self.b, self.ports = self.call()

    def pass_time(self, seconds: float) -> None:
        """Deadline by deadline, as the process does."""
        end = self.now + seconds
        while (due := self.relay.next_deadline()) is not None and due <= end:
            self.now = max(due, self.now)
            self.relay.handle_deadline(self.now)
        self.now = end

    def play(self, what: Any = BEEP, play_id: int = 1, leg: int = 0, **more: Any) -> list[control.Event]:
        return self.do(Play("call", leg, 0, play_id, what, **more))

    def heard(self) -> list[tuple[int, int, int, int]]:
        """second octet, sequence, timestamp, SSRC of what reached a."""
        return [HEADER.unpack_from(packet)[1:] for packet, _ in self.a.received()]


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_a_tone_is_played_in_real_time_from_a_source_of_its_own(scene: Scene) -> None:
    assert scene.play(repeat=2) == []
    scene.pass_time(0.05)
    assert len(scene.a.received()) in (2, 3)
    scene.pass_time(0.2)
    assert scene.events() == [Played("call", 0, 1, 0.12, "finished")]
    deadline = scene.relay.next_deadline()
    assert deadline is None or deadline > scene.now


def test_marker_sequence_timestamp_and_ssrc(scene: Scene) -> None:
    scene.play()
    scene.pass_time(0.5)
    first = scene.heard()
    assert [one[0] for one in first] == [0x80, 0, 0]
    assert [one[1] - first[0][1] for one in first] == [0, 1, 2]
    assert [one[2] - first[0][2] for one in first] == [0, 160, 320]
    assert len({one[3] for one in first}) == 1
    scene.play(play_id=2)
    scene.pass_time(0.5)
    second = scene.heard()
    assert second[0][0] == 0x80
    assert second[0][1] == first[-1][1] + 1
    assert second[0][2] - first[-1][2] == pytest.approx(8000 * 0.44, abs=400)  # silence counts
    assert second[0][3] == first[0][3]


def test_the_partner_is_not_heard_meanwhile_and_at_once_after(scene: Scene) -> None:
    scene.send(scene.b, rtp(1), scene.ports[1])
    scene.send(scene.a, rtp(1), scene.ports[0])
    assert len(scene.a.received()) == len(scene.b.received()) == 1
    assert scene.form.flows  # type: ignore[union-attr]
    scene.play(repeat=0)
    assert scene.ports[1] not in scene.form.flows  # type: ignore[union-attr]
    scene.send(scene.b, rtp(2), scene.ports[1])
    scene.send(scene.a, rtp(2), scene.ports[0])
    assert scene.a.received() == []
    assert len(scene.b.received()) == 1
    assert scene.do(StopPlaying("call", 0, 1)) == [Played("call", 0, 1, 0.0, "stopped")]
    scene.send(scene.b, rtp(3), scene.ports[1])
    assert scene.a.received() == [(rtp(3), scene.ports[0])]
    assert scene.ports[1] in scene.form.flows  # type: ignore[union-attr]
    assert scene.figures(1).packets == 3


def test_a_bridge_made_while_something_is_played_waits_for_its_end(scene: Scene) -> None:
    scene.play(repeat=0)
    scene.do(Bridge("call", 0, 1))
    scene.send(scene.b, rtp(1), scene.ports[1])
    assert scene.a.received() == []


def test_what_comes_later_takes_the_place(scene: Scene) -> None:
    scene.play(repeat=0)
    assert scene.play(play_id=2) == [Played("call", 0, 1, 0.0, "replaced")]
    assert scene.play(play_id=2) == [Played("call", 0, 2, 0.0, "replaced")]
    scene.pass_time(1)
    assert scene.events() == [Played("call", 0, 2, 0.06, "finished")]


def test_a_file_begins_when_it_is_ready_and_not_if_it_was_stopped(scene: Scene) -> None:
    scene.play(File("a.wav"))
    scene.pass_time(0.1)
    assert scene.a.received() == []
    scene.studio.asked[0](Sound((b"x", b"y"), 160, 2), scene.now)
    scene.pass_time(0.1)
    assert [packet[12:] for packet, _ in scene.a.received()] == [b"x", b"y"]
    assert scene.events() == [Played("call", 0, 1, 0.04, "finished")]
    scene.play(File("b.wav"), 2)
    assert scene.do(StopPlaying("call", 0, 2)) == [Played("call", 0, 2, 0.0, "stopped")]
    scene.studio.asked[1](Sound((b"x",), 160, 1), scene.now)
    scene.pass_time(0.1)
    assert not scene.a.received() and not scene.events()


@pytest.mark.parametrize("made", ["no such file", Sound((), 160, 0)])
def test_a_file_that_cannot_be_had(scene: Scene, made: Any) -> None:
    scene.play(File("a.wav"))
    scene.studio.asked[0](made, scene.now)
    (told,) = scene.events()
    assert isinstance(told, Played)
    assert (told.reason, bool(told.trouble)) == ("failed", True)


@pytest.mark.parametrize("command", [
    Play("call", 0, 0, 1, BEEP, Codec(3, "GSM")), Play("call", 0, 0, 1, BEEP, repeat=-1),
    Play("call", 0, 7, 1, BEEP), Play("never", 0, 0, 1, BEEP), Play("call", 0, 0, 1, CountryTone("none")),
    Play("call", 0, 0, 1, Tone(())), SendDigits("call", 0, 0, 101, "?"), SendDigits("call", 7, 0, 101, "1"),
    SendDigits("call", 0, 0, 300, "1"), Record("call", 7, "x.wav"), Record("call", 0, "x.wav", -1.0),
    Record("call", 0, "x.wav", codecs=(Codec(3, "GSM"),)),
])  # fmt: skip
def test_what_cannot_be_done_is_answered(scene: Scene, command: Any) -> None:
    (told,) = scene.do(command)
    assert isinstance(told, Played | DigitsSent | Recorded)
    assert (told.reason, bool(told.trouble)) == ("failed", True)
    scene.send(scene.b, rtp(1), scene.ports[1])
    assert len(scene.a.received()) == 1


def test_commands_for_nothing_do_nothing(scene: Scene) -> None:
    commands = (
        StopPlaying("call", 0, 9),
        StopPlaying("never", 0, 9),
        StopRecording("call", 0),
        Listen("x", 0, ()),
    )
    assert scene.do(*commands) == []


def test_patience_waits_for_the_far_end_to_show_itself(scene: Scene) -> None:
    scene.play(patience=0.2)
    scene.pass_time(0.1)
    assert scene.a.received() == []
    scene.send(scene.a, rtp(1), scene.ports[0])
    scene.pass_time(0.03)
    assert len(scene.a.received()) in (1, 2)
    scene.play(play_id=2, leg=1, patience=0.2)
    scene.pass_time(0.19)
    assert len(scene.b.received()) == 1  # a's packet, from before
    scene.pass_time(0.05)
    assert scene.b.received()


def test_a_leg_that_goes_ends_all_of_it(scene: Scene) -> None:
    scene.play(repeat=0)
    scene.play(File("a.wav"), 2)
    scene.do(Record("call", 0, "x.wav"), Listen("call", 0, (101,)))
    told = scene.do(control.Release("call", (0,)))
    assert told[:2] == [Played("call", 0, 1, 0.0, "released"), Played("call", 0, 2, 0.0, "released")]
    assert told[2] == Recorded("call", 0, "x.wav", 0.0, "released")
    scene.studio.asked[0](Sound((b"x",), 160, 1), scene.now)
    scene.pass_time(1)
    assert scene.events() == []


def test_keys_are_told_and_forwarded(scene: Scene) -> None:
    scene.do(Listen("call", 0, (101,)))
    for packet in press("5", 1000):
        scene.send(scene.a, packet, scene.ports[0])
    assert scene.events() == [Digit("call", 0, "5", 20)]
    assert len(scene.b.received()) == 7
    assert copies(scene) == (frozenset({101}), frozenset())
    scene.do(Listen("call", 0, (101,), forward=False, early=False))
    assert copies(scene) == (None, frozenset({101}))  # a press that is told at its end may have lost it
    for packet in [*press("6", 5000), rtp(1)]:
        scene.send(scene.a, packet, scene.ports[0])
    assert scene.events() == [Digit("call", 0, "6", 100)]
    assert [packet for packet, _ in scene.b.received()] == [rtp(1)]
    scene.do(Listen("call", 0, ()))
    for packet in press("7", 9000):
        scene.send(scene.a, packet, scene.ports[0])
    assert scene.events() == []
    assert scene.form.flows[scene.ports[0]].copies is None  # type: ignore[union-attr]


def copies(scene: Scene) -> tuple[frozenset[int] | None, frozenset[int]]:
    """What a form that forwards leg 0 unasked is to show, and what to ask about."""
    wanted = scene.form.flows[scene.ports[0]].copies  # type: ignore[union-attr]
    assert wanted is not None
    return wanted.kinds, wanted.withheld


def test_a_recording_wants_everything_and_leaves_the_keys_as_they_are(scene: Scene) -> None:
    scene.send(scene.a, rtp(1), scene.ports[0])
    scene.do(Listen("call", 0, (101,)), Record("call", 0, "x.wav"))
    assert copies(scene) == (None, frozenset())
    scene.do(control.StopRecording("call", 0))
    assert copies(scene) == (frozenset({101}), frozenset())


def test_keys_of_strangers_are_nobodys(scene: Scene) -> None:
    scene.do(Listen("call", 0, (101,)))
    scene.send(scene.a, rtp(1), scene.ports[0])
    scene.send(scene.party(), press("5", 1000)[0], scene.ports[0])
    assert scene.events() == []


def test_digits_are_sent_with_pauses(scene: Scene) -> None:
    scene.do(SendDigits("call", 0, 0, 101, "w1#"))
    scene.pass_time(0.4)
    assert scene.a.received() == []
    scene.pass_time(1.0)
    (told,) = scene.events()
    assert isinstance(told, DigitsSent)
    assert told.reason == "finished"
    packets = [packet for packet, _ in scene.a.received()]
    ear = Ear((101,), None, early=False)
    assert [tuple(one) for packet in packets for one in ear.hear(packet, 0.0)] == [("1", 100), ("#", 100)]
    assert len({HEADER.unpack_from(packet)[3] for packet in packets}) == 2  # each event has one timestamp


def test_another_clock_is_another_source(scene: Scene) -> None:
    scene.play()
    scene.pass_time(0.2)
    scene.do(SendDigits("call", 0, 0, 110, "1", 48000))
    scene.pass_time(0.5)
    assert len({one[3] for one in scene.heard()}) == 2


def test_a_recording_takes_what_the_leg_says_and_ends_in_time(scene: Scene) -> None:
    scene.do(Record("call", 0, "x.wav", longest=1.0))
    for at in range(5):
        scene.send(scene.a, rtp(at), scene.ports[0])
        scene.send(scene.b, rtp(at), scene.ports[1])
        scene.pass_time(0.02)
    scene.pass_time(0.8)
    assert scene.events() == []
    assert [chunk.packet for chunk in scene.studio.tapes[0].chunks] == [rtp(at) for at in range(5)]
    scene.pass_time(0.5)
    assert scene.events() == [Recorded("call", 0, "x.wav", 0.1, "longest")]
    assert len(scene.b.received()) == 5


def test_a_recording_ends_in_silence_by_command_or_in_trouble(scene: Scene) -> None:
    scene.do(Record("call", 0, "x.wav", silence_end=1.0))
    scene.pass_time(0.9)
    scene.studio.tapes[0].last_loud = scene.now
    scene.pass_time(0.9)
    assert scene.events() == []
    scene.pass_time(0.5)
    assert scene.events() == [Recorded("call", 0, "x.wav", 0.0, "silence")]
    scene.do(Record("call", 0, "y.wav"))
    assert scene.do(StopRecording("call", 0)) == [Recorded("call", 0, "y.wav", 0.0, "stopped")]
    scene.do(Record("call", 0, "z.wav"))
    scene.studio.tapes[-1].trouble = "disk full"
    scene.pass_time(0.5)
    assert scene.events() == [Recorded("call", 0, "z.wav", 0.0, "failed", "disk full")]


def test_many_plays_are_spread_and_a_turn_is_short(scene: Scene) -> None:
    for number in range(40):
        scene.reserve(f"c{number}", legs=1)
    for number in range(40):
        scene.direct(0, scene.a, call=f"c{number}")
        scene.do(Play(f"c{number}", 0, 0, 1, CountryTone(), repeat=0))
    scene.a.received()
    most = 0
    for _ in range(40):
        due = scene.relay.next_deadline()
        assert due is not None
        scene.now = max(due, scene.now)
        scene.relay.handle_deadline(scene.now)
        most = max(most, len(scene.a.received()))
    assert most == 10  # a quarter of them


def test_a_stall_is_caught_up_with_and_a_long_one_forgiven(scene: Scene) -> None:
    scene.play(CountryTone(), repeat=0)
    scene.pass_time(0.1)
    scene.a.received()
    scene.now += 0.08
    while (due := scene.relay.next_deadline()) is not None and due <= scene.now:
        scene.relay.handle_deadline(scene.now)
    assert len(scene.a.received()) == 4
    scene.now += 5.0
    while (due := scene.relay.next_deadline()) is not None and due <= scene.now:
        scene.relay.handle_deadline(scene.now)
    assert len(scene.a.received()) == 1


def test_who_takes_a_call_over_is_told_that_it_is_quiet(scene: Scene) -> None:
    scene.play(repeat=0)
    scene.play(File("a.wav"), 2)
    scene.relay.lose(1, scene.now)
    scene.pass_time(0.1)
    assert scene.a.received()
    again = control.Reserve("call", tuple(control.LegRequest(leg, ports=(scene.ports[leg],)) for leg in (0, 1)))
    told = scene.do(again, owner=2)
    assert [(type(one), getattr(one, "reason", "")) for one in told] == [
        (Played, "released"), (Played, "released"), (control.Reserved, ""),
    ]  # fmt: skip
    scene.send(scene.b, rtp(1), scene.ports[1])
    assert scene.a.received() == [(rtp(1), scene.ports[0])]


def test_a_leased_leg_is_introduced_by_what_is_played_to_it() -> None:
    leases = Leases(("main",))
    leases.mind_stocks(0.0)
    leases.hear(control.Leased("main", "192.0.2.1", (20000, 20002), 1.0), 0.0)
    leases.take_commands()
    play = Play("call", 0, 0, 1, BEEP)
    leases.obey([control.Reserve("call", (control.LegRequest(0),)), play], 0.0)
    reserve, said = leases.take_commands()[:2]
    assert isinstance(reserve, control.Reserve)
    assert (reserve.quiet, said) == (True, play)
