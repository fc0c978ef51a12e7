"""IPv6 on either side: brackets where they belong, media of the leg's own family. PAR-11, SDP-14."""

from __future__ import annotations

import pytest

from tests.world.description import read
from tests.world.world import World


@pytest.mark.parametrize("trunk", [4, 6])
@pytest.mark.parametrize("phones", [4, 6])
@pytest.mark.parametrize("transport", ["UDP", "TCP"])
def test_a_call_over_any_pair_of_families(trunk: int, phones: int, transport: str) -> None:
    world = World()
    ana = world.phone("ana", version=phones, transport=transport, answers_after=1.0)
    ben = world.phone("ben", version=phones, transport=transport)
    caller = world.caller(version=trunk, transport=transport)
    call = world.connect(ana, caller)
    assert ben.call.answered_elsewhere
    offered, answered = read(ana.invites[0].sdp), call.remote_description
    assert (":" in offered.media[0].address) == (phones == 6)
    assert (":" in answered.media[0].address) == (trunk == 6)
    caller.media.say(b"from the trunk", answered)
    ana.media.say(b"from ana", offered)
    world.run(0.1)
    assert b"from the trunk" in ana.media.payloads and b"from ana" in caller.media.payloads
    world.finish_after(call)


def test_both_families_ring_for_one_call() -> None:
    world = World()
    ana = world.phone("ana", version=4)
    ben = world.phone("ben", version=6, answers_after=1.0)
    call = world.connect(ben)
    assert ana.call.answered_elsewhere
    world.finish_after(call)


def test_via_and_contact_carry_brackets() -> None:
    """PAR-11, RFC 5118 §4."""
    world = World()
    ana = world.phone("ana", version=6, answers_after=1.0)
    call = world.connect(ana)
    invite = ana.invites[0]
    assert invite.via.split()[1].startswith("[2001:db8::1]:5060;")
    assert "[2001:db8::1]" in invite.contact_uri
    assert "[" not in invite.sdp
    world.finish_after(call)


def test_the_caller_gives_up() -> None:
    world = World()
    ana = world.phone("ana", version=6)
    call = world.caller(version=6).call()
    world.run(1.0)
    call.cancel()
    world.run(0.1)
    assert call.status == 487 and ana.missed_call
    world.finish()
