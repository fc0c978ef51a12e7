"""What two sides agree on about session timers (RFC 4028)."""

from __future__ import annotations

import pytest

from sip_stack.errors import RemoteError
from sip_stack.message import Request, Response, parse
from sip_stack.session_timer import (
    FLOOR,
    Agreement,
    TimerPolicy,
    agree_as_client,
    agree_as_server,
    refuse_too_small,
)
from tests.sip_stack import rig

KNOWS = ("Supported", "timer")


def asked(*fields: tuple[str, str]) -> Request:
    message = parse(rig.request(fields=fields))
    assert isinstance(message, Request)
    return message


def answered(*fields: tuple[str, str]) -> Response:
    message = parse(rig.response(asked(), 200, fields=fields))
    assert isinstance(message, Response)
    return message


def stated(request: Request, policy: TimerPolicy | None = None) -> tuple[Agreement | None, dict[str, str]]:
    agreement, fields = agree_as_server(request, policy or TimerPolicy())
    return agreement, dict(fields)


# Our request.


def test_we_ask_for_our_interval_and_name_a_floor_only_above_the_rfcs() -> None:
    assert TimerPolicy(1800).request_fields() == [("Session-Expires", "1800")]
    assert TimerPolicy(1800, 120).request_fields() == [("Session-Expires", "1800"), ("Min-SE", "120")]
    assert TimerPolicy(0).request_fields() == []


def test_after_a_422_the_interval_is_no_smaller_than_it_asked() -> None:
    """§7.4: the retried request carries the largest Min-SE that was seen, and no smaller interval."""
    assert TimerPolicy(1800).request_fields(3600) == [("Session-Expires", "3600"), ("Min-SE", "3600")]
    assert TimerPolicy(1800).request_fields(300) == [("Session-Expires", "1800"), ("Min-SE", "300")]


# Their request.


def test_a_small_interval_is_refused_with_422_and_our_floor() -> None:
    """§6, §9."""
    refusal = refuse_too_small(asked(KNOWS, ("Session-Expires", "100")), TimerPolicy(1800, 120))
    assert refusal is not None
    assert (refusal.status, refusal.fields) == (422, (("Min-SE", "120"),))


@pytest.mark.parametrize(
    "fields",
    [
        (KNOWS, ("Session-Expires", "120")),
        (("Session-Expires", "100"),),  # from a proxy: the UAC would not understand a 422
        (KNOWS,),
        (),
    ],
)
def test_what_is_not_refused(fields: tuple[tuple[str, str], ...]) -> None:
    assert refuse_too_small(asked(*fields), TimerPolicy(1800, 120)) is None


def test_a_broken_session_expires_is_a_bad_request() -> None:
    with pytest.raises(RemoteError):
        refuse_too_small(asked(KNOWS, ("Session-Expires", "soon")), TimerPolicy())


@pytest.mark.parametrize(
    ("fields", "interval", "we_refresh"),
    [
        # RFC 4028 §9, table 2: UAC supports; refresher asked -> refresher of the response.
        ((("Session-Expires", "600"),), 600, True),
        ((("Session-Expires", "600;refresher=uas"),), 600, True),
        ((KNOWS, ("Session-Expires", "600")), 600, False),
        ((KNOWS, ("Session-Expires", "600;refresher=uac")), 600, False),
        ((KNOWS, ("Session-Expires", "600;refresher=uas")), 600, True),
        ((("Supported", "100rel, Timer"), ("Session-Expires", "600;refresher=uac")), 600, False),
        # It asks for none: ours, if it knows of timers.
        ((KNOWS,), 1800, False),
        ((KNOWS, ("Min-SE", "2000")), 2000, False),
        # §9: "The UAS MUST NOT increase the value of the Session-Expires header field."
        ((KNOWS, ("Session-Expires", "7200")), 7200, False),
        ((("Session-Expires", "100"),), 100, True),
    ],
)
def test_what_a_server_agrees_to(
    fields: tuple[tuple[str, str], ...], interval: int, we_refresh: bool
) -> None:
    agreement, said = stated(asked(*fields), TimerPolicy(1800, 120))
    assert agreement == Agreement(interval, we_refresh)
    assert said["Session-Expires"] == f"{interval};refresher={'uas' if we_refresh else 'uac'}"
    # §9: "If the refresher parameter is set to 'uac', the UAS MUST place a Require header ... 'timer'".
    assert said.get("Require") == (None if we_refresh else "timer")


def test_no_timer_where_neither_side_wants_one() -> None:
    assert stated(asked()) == (None, {})
    assert stated(asked(KNOWS), TimerPolicy(0)) == (None, {})


def test_a_peers_timer_is_honoured_though_we_want_none() -> None:
    agreement, _ = stated(asked(KNOWS, ("Session-Expires", "600")), TimerPolicy(0))
    assert agreement == Agreement(600, False)


# Their answer.


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1800;refresher=uas", Agreement(1800, False)),
        ("1800;refresher=uac", Agreement(1800, True)),
        ("1800;refresher=UAS", Agreement(1800, False)),
        ("1800", Agreement(1800, True)),
        ("10;refresher=uac", Agreement(FLOOR, True)),
    ],
)
def test_the_2xx_says_what_holds(value: str, expected: Agreement) -> None:
    assert agree_as_client(answered(("Session-Expires", value))) == expected


def test_a_2xx_without_session_expires_means_no_timer() -> None:
    assert agree_as_client(answered()) is None


# When.


@pytest.mark.parametrize(("interval", "refresh", "expire"), [(1800, 900, 1768), (90, 45, 60), (96, 48, 64)])
def test_when_a_refresh_is_due_and_when_patience_ends(interval: int, refresh: float, expire: float) -> None:
    """§7.2: half the interval. §10: before its end by "the minimum of 32 seconds and one third"."""
    agreement = Agreement(interval, True)
    assert (agreement.refresh_after, agreement.expire_after) == (refresh, expire)
