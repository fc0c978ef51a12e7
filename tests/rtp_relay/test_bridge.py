from __future__ import annotations

from rtp_relay.bridge import Leg, join, part, rejoin
from rtp_relay.control import Direct
from rtp_relay.endpoint import Endpoint
from rtp_relay.form import Interface
from rtp_relay.forms.memory import MemoryForm
from rtp_relay.ports import PortPool

FORM = MemoryForm()
POOL = PortPool(FORM, "127.0.0.1", 20000, 20999)


def leg(number: int, media: tuple[int, ...] = (0,)) -> Leg:
    made = Leg(number, Interface("main", "127.0.0.1", "127.0.0.1"), POOL)
    for medium in media:
        add(made, medium)
    return made


def add(to: Leg, medium: int) -> Endpoint:
    endpoint = Endpoint(to.number, medium, POOL.lend(0.0), 0.0, lambda _: None)
    endpoint.direct(Direct("call", to.number, medium, "127.0.0.1", 4000, 4001), False, 0.0)
    to.endpoints[medium] = endpoint
    return endpoint


def test_media_are_joined_by_their_index() -> None:
    a, b = leg(0, (0, 1)), leg(1, (1, 2))
    join(a, b, True, True, FORM, 5.0, 10.0)
    assert a.endpoints[1].peer is b.endpoints[1]
    assert a.endpoints[0].peer is b.endpoints[2].peer is None
    assert a.endpoints[1].onward is b.endpoints[1].exit
    assert a.endpoints[1].latch.closes == 15.0
    assert a.endpoints[0].latch.closes is None


def test_directions() -> None:
    a, b = leg(0), leg(1)
    join(a, b, False, True, FORM, 0.0, 10.0)
    assert a.endpoints[0].onward is None
    assert b.endpoints[0].onward is a.endpoints[0].exit


def test_joining_anew_parts_both_from_what_they_had() -> None:
    a, b, c, d = (leg(number) for number in range(4))
    join(a, b, True, True, FORM, 0.0, 10.0)
    join(c, d, True, True, FORM, 0.0, 10.0)
    join(a, c, True, True, FORM, 0.0, 10.0)
    assert (a.partner, c.partner) == (c, a)
    assert b.partner is d.partner is None
    assert b.endpoints[0].onward is d.endpoints[0].onward is None
    assert b.endpoints[0].peer is None


def test_changing_a_direction_forgives_no_silence() -> None:
    a, b = leg(0), leg(1)
    join(a, b, True, True, FORM, 5.0, 10.0)
    join(b, a, True, False, FORM, 50.0, 10.0)
    assert a.endpoints[0].due_since == 5.0
    assert (a.gives, b.gives) == (False, True)


def test_a_medium_added_later_is_joined() -> None:
    a, b = leg(0), leg(1)
    join(a, b, True, False, FORM, 0.0, 10.0)
    added = (add(a, 1), add(b, 1))
    rejoin(a, FORM, 1.0, 10.0)
    assert added[0].onward is added[1].exit
    assert added[1].onward is None
    lone = leg(2)
    rejoin(lone, FORM, 1.0, 10.0)
    assert lone.partner is None


def test_parting_twice_is_parting_once() -> None:
    a, b = leg(0), leg(1)
    join(a, b, True, True, FORM, 0.0, 10.0)
    part(b, FORM, 0.0)
    part(b, FORM, 0.0)
    assert a.partner is None
    assert a.endpoints[0].onward is None


def test_it_prints_itself() -> None:
    a, b = leg(0), leg(1)
    join(a, b, True, False, FORM, 0.0, 10.0)
    assert "-> 1" in repr(a)
    assert "-| 0" in repr(b)
