"""Which of many refusals the caller is told, when nobody answered (RFC 3261 §16.7, and where it fails a ring group).

§16.7 would have the lowest class, and so give a caller 404 where one phone was busy and another unknown.
A caller of several recipients is helped by other things: that somebody real said something, and that busy is
busy. That a number does not exist he is told only where all have said so. What goes upstream is milder still: a
trunk takes a 503 for a reason to avoid us, and a 6xx for a reason to stop its other routes, so that neither is
passed; the record keeps every real code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Final:
    """How one branch ended. is_real: a peer sent it; else it is ours (timeout, transport, ring time)."""

    status: int
    is_real: bool = True
    fields: tuple[tuple[str, str], ...] = ()  # Reason and Warning, passed on with it


# Best first, within what is real and what is not.
_RANKING: tuple[tuple[int, ...], ...] = (
    (486, 600),
    (480,),
    (403, 603),
    (484,),
    (404, 410, 604),
    (488, 606),
    (408,),
    (487,),
)
_RANK = {status: rank for rank, statuses in enumerate(_RANKING) for status in statuses}
_REST, _SERVER, _REDIRECT = len(_RANKING), len(_RANKING) + 1, len(_RANKING) + 2

_NO_SUCH_NUMBER = (404, 410, 604)
_UPSTREAM = {
    600: 486,
    603: 480,
    604: 404,
    606: 488,
    607: 480,
    608: 480,
    401: 480,
    407: 480,
    415: 488,
    420: 480,
    487: 480,
    408: 480,
}


def best(finals: Sequence[Final]) -> Final | None:
    """The best of the branches' final responses; None when there is none. The first among equals."""
    return min(finals, key=lambda final: (not final.is_real, _rank(final.status)), default=None)


def told(finals: Sequence[Final], held: Final) -> Final:
    """What the caller is told where nobody answered, of which `held` is the best (product 5d).

    One word that all agree on is passed on. Else he hears that somebody is busy, if somebody is, and 480: that a
    number does not exist, or has no codec for him, is no word for a team of which one has said so.
    """
    statuses = {404 if final.status in _NO_SUCH_NUMBER else upstream(final.status) for final in finals}
    status = upstream(held.status)
    if len(statuses) > 1 and status != 486:
        return Final(480, is_real=held.is_real, fields=held.fields if status == 480 else ())
    return Final(status, is_real=held.is_real, fields=held.fields)


def upstream(status: int) -> int:
    """What the caller's trunk is told for it: never a 3xx, 5xx or 6xx, nor a challenge that is not for him."""
    if status in _UPSTREAM:
        return _UPSTREAM[status]
    return status if 400 <= status < 500 else 480


def _rank(status: int) -> int:
    if status in _RANK:
        return _RANK[status]
    if status < 400:
        return _REDIRECT
    return _REST if status < 500 or status >= 600 else _SERVER
