"""The final responses to a re-INVITE or UPDATE: what they say of the session timer."""

from __future__ import annotations

from tests.b2bua.calls.two_sides import BOTH, Rig
from tests.world.world import World


@BOTH
def test_a_session_timer_is_agreed_anew_on_each_leg(by: str) -> None:
    """RFC 4028 §7.2, §9: each dialog has its own."""
    world = World()
    world.plan.session_expires = 1800
    timer = (("Session-Expires", "1800;refresher=uas"), ("Require", "timer"))
    ana = world.phone("ana", answers_after=1.0, answer_headers=timer)
    caller = world.caller()
    caller.supported = ana.supported = ("timer",)
    call = world.connect(ana, caller, headers=[("Session-Expires", "1800")])
    asker, other = (call.session, ana.dialog) if by == "caller" else (ana.dialog, call.session)
    assert asker.local_description is not None
    changed = asker.local_description.changed(direction="sendonly")
    request = asker.reinvite(changed, headers=[("Session-Expires", "900")])
    world.run(1.0)
    assert request.final is not None and request.final.must("session-expires").startswith("900;refresher=")
    passed = [message for message in other.heard_requests if message.method == "INVITE"][-1]
    assert passed.must("session-expires").startswith("1800;refresher=ua")
    world.finish_after(call)


@BOTH
def test_a_session_interval_that_is_too_small_is_refused_here(by: str) -> None:
    """RFC 4028 §9."""
    rig = Rig(by)
    rig.asker.agent.supported = ("timer",)
    refused = rig.asker.reinvite(rig.offer.changed(), headers=[("Session-Expires", "30")])
    rig.world.run(1.0)
    assert refused.status == 422 and refused.final is not None and refused.final.get("min-se") == "90"
    assert rig.got("INVITE") == []
    rig.finish()
