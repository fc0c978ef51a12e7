"""A recipient wants to know who rings: answered with our credentials, the branch alive. T21."""

from __future__ import annotations

import pytest

from b2bua.calls.recipient import Credentials
from tests.world.challenge import Challenge
from tests.world.world import World

OURS = {"credentials": (Credentials("multiring", "secret"),)}


@pytest.mark.parametrize("status", [401, 407])
@pytest.mark.parametrize(
    "algorithms", [("MD5",), ("SHA-256",), ("SHA-512-256", "SHA-256", "MD5"), ("FOO", "MD5")]
)
@pytest.mark.parametrize("qop", ["auth", ""])
def test_the_branch_is_tried_again_with_the_answer(
    status: int, algorithms: tuple[str, ...], qop: str
) -> None:
    """FRK-11, AUT-1, TRX-16: new branch, CSeq one up, all else as it was; the phone checks the digest."""
    world = World()
    challenge = Challenge(status=status, algorithms=algorithms, qop=qop)
    ana = world.phone("ana", answers_after=1.0, challenge=challenge, recipient=OURS)
    ben = world.phone("ben")
    call = world.connect(ana)
    first, second = ana.invites
    assert second.cseq == first.cseq + 1
    assert (second.call_id, second.from_tag) == (first.call_id, first.from_tag)
    assert second.branch != first.branch
    assert ben.call.answered_elsewhere
    world.finish_after(call)


def test_a_challenge_that_comes_twice_is_answered_once() -> None:
    """T21, FRK-11: the 401 is duplicated after a millisecond."""
    world = World()
    ana = world.phone(
        "ana", answers_after=1.0, challenge=Challenge(), repeats_challenge_after=0.001, recipient=OURS
    )
    call = world.connect(ana)
    assert len(ana.invites) == 2
    world.finish_after(call)


def test_a_stale_nonce_is_answered_once_more() -> None:
    """T21, AUT-1: stale=true."""
    world = World()
    ana = world.phone("ana", answers_after=1.0, challenge=Challenge(rounds=2), recipient=OURS)
    call = world.connect(ana)
    assert len(ana.invites) == 3
    assert [invite.cseq for invite in ana.invites] == [ana.invites[0].cseq + step for step in range(3)]
    world.finish_after(call)


def test_two_hops_each_with_a_challenge_of_its_own() -> None:
    """T21: 407 of the proxy, then 401 of the phone behind it; the second answer carries both."""
    world = World()
    ana = world.phone(
        "ana",
        answers_after=1.0,
        challenge=Challenge(status=407, realm="proxy.example"),
        challenge_beyond=Challenge(status=401, realm="phone.example"),
        recipient=OURS,
    )
    call = world.connect(ana)
    assert ana.invites[-1].get("proxy-authorization") and ana.invites[-1].get("authorization")
    world.finish_after(call)


def test_a_phone_that_is_never_content_ends_as_a_refusal() -> None:
    """T21: the loop stops after three."""
    world = World()
    ana = world.phone("ana", challenge=Challenge(always=True), recipient=OURS)
    call = world.caller().call()
    world.run(5.0)
    assert 2 <= len(ana.invites) <= 4
    assert call.status == 480
    world.finish()


@pytest.mark.parametrize("status", [401, 407])
def test_without_credentials_it_is_a_refusal_and_the_challenge_goes_nowhere(status: int) -> None:
    """FRK-11."""
    world = World()
    ana = world.phone("ana", challenge=Challenge(status=status))
    world.phone("ben", fails_after=2.0, failure=404)
    call = world.caller().call()
    world.run(4.0)
    assert len(ana.invites) == 1
    assert call.status == 480  # 404 only where every one said so (product 5d)
    assert call.final.get("www-authenticate") is None and call.final.get("proxy-authenticate") is None
    world.finish()


def test_a_wrong_password_is_not_tried_for_ever() -> None:
    world = World()
    wrong = {"credentials": (Credentials("multiring", "not the secret"),)}
    ana = world.phone("ana", challenge=Challenge(rounds=1), recipient=wrong)
    world.caller().call()
    world.run(10.0)
    assert len(ana.invites) <= 4
    world.finish()


def test_somebody_answers_between_the_challenge_and_the_second_try() -> None:
    """The second INVITE is a live branch, cancelled like any other, without credentials in the CANCEL."""
    world = World()
    ana = world.phone("ana", challenge=Challenge(), recipient=OURS)
    ben = world.phone("ben", answers_after=0.05)
    call = world.connect(ben)
    assert ana.call.state == "stopped" and ana.call.answered_elsewhere
    world.finish_after(call)


def test_the_caller_gives_up_while_the_challenge_is_on_its_way() -> None:
    """FRK-2: a branch that was to be cancelled is not tried again."""
    world = World()
    ana = world.phone("ana", trying=False, challenge=Challenge(), recipient=OURS)
    world.network.hold(lambda packet: packet.begins("SIP/2.0 401"), 0.3)
    call = world.caller().call()
    world.run(0.1)
    call.cancel()
    world.run(3.0)
    assert call.status == 487
    assert len(ana.invites) == 1
    world.finish()


def test_requests_within_the_dialog_are_answered_too() -> None:
    """AUT-1: a challenge to our BYE."""
    world = World()
    ana = world.phone("ana", answers_after=1.0, challenge=Challenge(), recipient=OURS)
    call = world.connect(ana)
    world.finish_after(call)
    assert ana.call.state == "ended"
