"""What a recipient sees of the caller, and what it does not. IDN-1, TOP-1, DLG-4."""

from __future__ import annotations

from b2bua.calls.recipient import HeaderRecipe
from tests.world.world import World


def test_name_and_number_pass_and_the_callers_host_does_not() -> None:
    """IDN-1, TOP-1: a display name in UTF-8 with a comma in it survives."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.connect(ana)
    invite = ana.invites[0]
    assert '"Zoë, at work"' in invite.must("from")
    assert "sip:+15550199@" in invite.must("from")
    assert b"198.51.100.1" not in invite.octets
    assert call.invite.call_id.encode() not in invite.octets
    assert b"203.0.113." not in call.final.octets
    world.finish_after(call)


def test_headers_pass_as_the_recipe_says() -> None:
    """IDN-3, IDN-5."""
    world = World()
    recipe = HeaderRecipe(
        asserted_identity=True, diversion=True, pass_headers=("x-order",), add=(("X-Group", "sales"),)
    )
    ana = world.phone("ana", answers_after=1.0, recipient={"recipe": recipe})
    call = world.connect(ana, headers=[("X-Order", "42"), ("X-Secret", "no")])
    invite = ana.invites[0]
    assert invite.get("x-order") == "42" and invite.get("x-group") == "sales"
    assert invite.get("x-secret") is None
    assert "+15550199" in invite.must("p-asserted-identity")
    assert world.plan.number in invite.must("diversion")
    world.finish_after(call)


def test_a_fixed_number_and_a_prefix() -> None:
    world = World()
    recipe = HeaderRecipe(from_user="dialled", display_prefix="Sales: ")
    ana = world.phone("ana", answers_after=1.0, recipient={"recipe": recipe})
    call = world.connect(ana)
    assert f"sip:{world.plan.number}@" in ana.invites[0].must("from")
    assert '"Sales: Zoë, at work"' in ana.invites[0].must("from")
    world.finish_after(call)


def test_line_breaks_cannot_be_smuggled_in() -> None:
    """PAR-9: an escaped CR LF in the dialled number or the name stays what it was."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    call = world.caller().call(caller_number="+1555%0d%0aX-Evil:%20yes")
    world.run(3.0)
    for invite in ana.invites:
        assert invite.get("x-evil") is None
    if call.is_answered:
        call.hang_up()
    world.finish()


def test_the_trunks_proxies_stay_in_the_route() -> None:
    """DLG-4: Record-Route comes back in our responses, and our BYE carries it as Route, in order."""
    world = World()
    ana = world.phone("ana", answers_after=1.0)
    caller = world.caller()
    routes = ["<sip:198.51.100.1:5060;lr>", "<sip:inner.example;lr>"]
    call = world.connect(ana, caller, record_routes=routes)
    ana.hang_up()
    world.run(1.0)
    assert call.bye_heard is not None
    assert call.bye_heard.get_all("route") == routes
    world.finish()


def test_the_outbound_proxy_of_a_recipient_is_a_route() -> None:
    """LOC-3: the request goes there, the Request-URI stays."""
    world = World()
    ana = world.phone("ana", is_recipient=False, answers_after=1.0)
    ana.requested_uri = "sip:ana@phones.example"
    place = f"sip:{ana.address};lr"
    world.add_recipient(ana, uri="sip:ana@phones.example", route=place)
    call = world.connect(ana)
    assert ana.invites[0].get_all("route") == [f"<{place}>"]
    world.finish_after(call)
