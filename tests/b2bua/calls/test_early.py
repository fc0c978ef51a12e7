"""What the caller hears and is told while it rings: who leads, who follows, and under which To-tag."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from b2bua.calls.recipient import EarlyMedia
from rtp_relay.control import Bridge
from sip_stack.errors import LocalError
from tests.world.caller import Caller, TrunkCall
from tests.world.phone import Phone
from tests.world.reading import Heard
from tests.world.world import World


class Rig:
    """A caller and phones that do nothing of their own; early media as the mode says."""

    def __init__(self, mode: EarlyMedia, phones: int = 2, supported: Sequence[str] = ()) -> None:
        self.world = World()
        self.world.plan.early_media = mode
        self.phones: list[Phone] = [
            self.world.phone(name, rings_after=None) for name in ("ana", "ben", "eve")[:phones]
        ]
        self.caller: Caller = self.world.caller()
        self.caller.expects_early_media = mode is not EarlyMedia.NONE
        self.caller.supported = tuple(supported)
        self.call: TrunkCall = self.caller.call()
        self.world.run(0.5)

    def ring(self, phone: int, status: int = 180, description: bool = False, reliable: bool = False) -> None:
        self.phones[phone].ring(status, description, reliable)
        self.world.run(0.5)

    @property
    def told(self) -> list[tuple[int, bool]]:
        """Status of each provisional that the caller was sent, and whether it had a description."""
        return [(response.status, bool(response.sdp)) for _, response in self.call.provisionals]

    @property
    def last(self) -> Heard:
        return self.call.provisionals[-1][1]

    @property
    def bridge(self) -> tuple[int, bool, bool]:
        """Whom the caller is joined with, whether he is heard, whether he hears."""
        last = self.world.relay.of(Bridge)[-1]
        assert isinstance(last, Bridge)
        return last.b, last.a_to_b, last.b_to_a

    def answer(self, phone: int) -> None:
        self.phones[phone].answer()
        self.world.run_until(lambda: self.call.is_answered)
        self.world.run(1.0)

    def finish(self) -> None:
        if self.call.is_answered:
            self.call.hang_up()
        else:
            self.call.cancel()
        self.world.finish()


# Ringback of the caller's own trunk.


@pytest.mark.parametrize("mode", [EarlyMedia.NONE, EarlyMedia.SINGLE, EarlyMedia.FIRST])
@pytest.mark.parametrize("status", [180, 181, 182, 183])
def test_the_first_that_rings_is_180(mode: EarlyMedia, status: int) -> None:
    """FRK-15."""
    rig = Rig(mode)
    rig.ring(0, status)
    assert rig.told == [(180, False)]
    rig.ring(1, 180)
    rig.ring(0, 180)
    assert rig.told == [(180, False)], "the rest is absorbed"
    rig.finish()


@pytest.mark.parametrize("status", [199, 184])
def test_a_provisional_that_is_no_ringing_is_not_told(status: int) -> None:
    rig = Rig(EarlyMedia.NONE)
    rig.ring(0, status)
    assert rig.told == []
    rig.finish()


@pytest.mark.parametrize(
    ("mode", "phones", "is_heard"),
    [
        (EarlyMedia.NONE, 1, False),
        (EarlyMedia.NONE, 2, False),
        (EarlyMedia.SINGLE, 1, True),
        (EarlyMedia.SINGLE, 2, False),
        (EarlyMedia.FIRST, 1, True),
        (EarlyMedia.FIRST, 2, True),
    ],
)
def test_which_mode_lets_whom_be_heard(mode: EarlyMedia, phones: int, is_heard: bool) -> None:
    rig = Rig(mode, phones)
    rig.ring(0, 183, description=True)
    assert rig.told == [(183, True) if is_heard else (180, False)]
    if is_heard:
        # FRK-18: of many only the leader is heard, and nobody hears the caller.
        assert rig.bridge == (1, phones == 1, True)
    else:
        assert rig.world.relay.of(Bridge) == []
    rig.finish()


def test_a_180_may_bring_the_description_too() -> None:
    rig = Rig(EarlyMedia.FIRST)
    rig.ring(0, 180, description=True)
    assert rig.told == [(183, True)]
    rig.finish()


def test_without_an_offer_of_the_caller_nothing_can_be_heard() -> None:
    """The description of the 183 answers our own offer; his answer is due only in the 200."""
    world = World()
    world.plan.early_media = EarlyMedia.FIRST
    ana = world.phone("ana", rings_after=None)
    call = world.caller().call(late_offer=True)
    world.run(0.5)
    ana.ring(183, description=True)
    world.run(0.5)
    assert call.statuses == [180] and not call.provisionals[0][1].sdp
    ana.answer()
    world.run_until(lambda: call.is_answered)
    world.run(1.0)
    world.finish_after(call)


# The leader.


def test_ringing_after_progress_is_told_once_and_says_no_more() -> None:
    rig = Rig(EarlyMedia.FIRST)
    rig.ring(0, 183, description=True)
    rig.ring(1, 180)
    assert rig.told == [(183, True)], "another's ringing is absorbed"
    rig.ring(0, 180)
    rig.ring(0, 180)
    assert rig.told == [(183, True), (180, False)]
    rig.finish()


def test_the_second_with_a_description_is_not_heard() -> None:
    rig = Rig(EarlyMedia.FIRST)
    rig.ring(0, 183, description=True)
    rig.ring(1, 183, description=True)
    assert rig.told == [(183, True)] and rig.bridge == (1, False, True)
    rig.finish()


def test_the_leader_says_it_again() -> None:
    rig = Rig(EarlyMedia.FIRST)
    rig.ring(0, 183, description=True)
    rig.ring(0, 183, description=True)
    assert rig.told == [(183, True)]
    rig.finish()


def test_a_bad_description_is_as_good_as_none() -> None:
    rig = Rig(EarlyMedia.FIRST)
    ana = rig.phones[0]
    ana.call.invite.respond(
        183, headers=[ana.contact, ("Content-Type", "application/sdp")], body="v=0\r\nm=audio what\r\n",
        tag=ana.call.tag,
    )  # fmt: skip
    rig.world.run(0.5)
    assert rig.told == [(180, False)]
    rig.ring(1, 183, description=True)
    assert rig.told == [(180, False), (183, True)], "the next one leads"
    rig.finish()


def test_the_leader_fails_and_the_next_leads() -> None:
    rig = Rig(EarlyMedia.FIRST, 3)
    rig.ring(0, 183, description=True)
    rig.ring(1, 180)
    rig.ring(2, 183, description=True)
    rig.phones[0].fail(486)
    rig.world.run(0.5)
    assert rig.bridge == (3, False, True)
    assert rig.told[-1] == (183, True)
    rig.finish()


def test_the_leader_fails_and_ringback_comes_back() -> None:
    rig = Rig(EarlyMedia.FIRST)
    rig.ring(0, 183, description=True)
    rig.ring(1, 180)
    rig.phones[0].fail(486)
    rig.world.run(0.5)
    assert rig.told == [(183, True), (180, False)]
    assert rig.bridge == (1, False, False), "silence, until somebody answers"
    rig.ring(1, 183, description=True)
    assert rig.bridge == (2, False, True), "and a late description leads after all"
    rig.finish()


def test_another_than_the_leader_fails_and_nothing_changes() -> None:
    rig = Rig(EarlyMedia.FIRST)
    rig.ring(0, 183, description=True)
    rig.ring(1, 180)
    rig.phones[1].fail(486)
    rig.world.run(0.5)
    assert rig.told == [(183, True)] and rig.bridge == (1, False, True)
    rig.finish()


# The 200.


def test_the_leader_wins_under_the_tag_that_the_caller_knows() -> None:
    rig = Rig(EarlyMedia.FIRST)
    rig.ring(0, 183, description=True)
    early = rig.last
    rig.answer(0)
    assert rig.call.final.to_tag == early.to_tag
    assert rig.call.final.sdp == early.sdp, "RFC 3261 §13.2.1: the same exact answer"
    assert rig.bridge == (1, True, True)
    rig.finish()


def other_codec(phone: Phone) -> None:
    """Let what this phone says differ from what the others say."""
    from tests.world.description import Description

    made = phone.description

    def described(**changes: object) -> Description:
        description = made(**changes)
        media = tuple(
            type(medium)(**{**{name: getattr(medium, name) for name in medium.__slots__}, "formats": ("8",)})
            for medium in description.media
        )
        return type(description)(
            **{**{name: getattr(description, name) for name in description.__slots__}, "media": media}
        )

    phone.description = described  # type: ignore[method-assign]


def test_another_than_the_leader_wins_under_a_new_tag() -> None:
    """FRK-15: one early dialog, one answer; another answer is another dialog (RFC 3261 §13.2.2.4)."""
    rig = Rig(EarlyMedia.FIRST)
    rig.caller.expects_forked_answers = True
    other_codec(rig.phones[1])
    rig.ring(0, 183, description=True)
    early = rig.last
    rig.phones[1].answer()
    rig.world.run(1.0)
    final = rig.call.final
    assert final.status == 200 and final.sdp != early.sdp
    assert final.to_tag != early.to_tag
    assert rig.bridge == (2, True, True)
    assert rig.phones[0].call.state == "stopped"


def test_the_next_leader_speaks_under_a_new_tag_if_he_says_something_else() -> None:
    rig = Rig(EarlyMedia.FIRST)
    rig.caller.expects_forked_answers = True
    other_codec(rig.phones[1])
    rig.ring(0, 183, description=True)
    first = rig.last
    rig.ring(1, 183, description=True)
    rig.phones[0].fail(486)
    rig.world.run(0.5)
    assert rig.last.sdp and rig.last.sdp != first.sdp and rig.last.to_tag != first.to_tag
    assert rig.told[-1] == (183, True)
    rig.finish()


def test_another_who_says_the_same_wins_under_the_same_tag() -> None:
    rig = Rig(EarlyMedia.FIRST)
    rig.ring(0, 183, description=True)
    early = rig.last
    rig.answer(1)
    assert (rig.call.final.to_tag, rig.call.final.sdp) == (early.to_tag, early.sdp)
    rig.finish()


# Reliable provisionals (RFC 3262), each leg for itself.


def test_early_media_is_reliable_for_a_caller_that_can() -> None:
    """FRK-19: toward the caller reliably if he supports it and there is a description."""
    rig = Rig(EarlyMedia.FIRST, supported=("100rel",))
    rig.ring(0, 183, description=True)
    assert "100rel" in rig.last.tokens("require")
    rig.answer(0)
    assert [prack.status for prack in rig.call.pracks] == [200]
    rig.finish()


def test_ringing_alone_is_reliable_only_where_it_is_required() -> None:
    rig = Rig(EarlyMedia.FIRST, supported=("100rel",))
    rig.ring(0, 180)
    assert rig.last.get("rseq") is None
    rig.finish()


def test_a_leader_who_fails_while_the_callers_prack_is_due() -> None:
    """RFC 3262 §3 holds back the next reliable one alone: a plain 180 tells him at once."""
    rig = Rig(EarlyMedia.FIRST, supported=("100rel",))
    rig.caller.pracks_after = 2.0
    rig.ring(0, 183, description=True)
    rig.ring(1, 180)
    rig.phones[0].fail(486)
    rig.world.run(0.5)
    assert rig.told[-1] == (180, False)
    rig.world.run(3.0)
    assert len(rig.call.pracks) == 1
    rig.answer(1)
    rig.finish()


def test_a_leader_whose_own_provisional_is_reliable() -> None:
    rig = Rig(EarlyMedia.SINGLE, 1, supported=("100rel",))
    rig.ring(0, 183, description=True, reliable=True)
    assert rig.told[0] == (183, True) and len(rig.phones[0].call.pracks) == 1
    rig.answer(0)
    rig.finish()


def test_it_is_told_nothing_after_its_final_response() -> None:
    """The INVITE server would not have it."""
    rig = Rig(EarlyMedia.NONE)
    rig.ring(0, 180)
    rig.answer(0)
    (call,) = rig.world.switchboard.calls.values()  # type: ignore[attr-defined]
    with pytest.raises(LocalError):
        call.server.progress(180, rig.world.clock.now)
    rig.finish()
