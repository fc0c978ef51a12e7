"""Who a dial step rings, and how: plain values, made from the configuration, held by the call."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class EarlyMedia(enum.Enum):
    """What the caller may hear of the recipients before one has answered."""

    NONE = "none"  # 180 and the caller's own ringback; the default with more than one recipient
    FIRST = "first"  # the first branch that sends 183 with SDP is heard, one way
    SINGLE = "single"  # with one recipient: passed through; with more: as NONE


class SixXX(enum.Enum):
    """What a 6xx of one recipient means for the others."""

    RECIPIENT = "recipient"  # final for that recipient only
    EVERYONE = "everyone"  # ends the step


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and password for digest (RFC 7616). realm "" answers any realm."""

    username: str
    password: str = field(repr=False)
    realm: str = ""


@dataclass(frozen=True, slots=True)
class HeaderRecipe:
    """How a trunk or phone wants to be told who is calling. Empty strings mean "as it came".

    from_user: number shown in From; "caller", "dialled" or a fixed number.
    from_host: host of From; "" is our advertised address.
    asserted_identity: add P-Asserted-Identity (RFC 3325) with the same number.
    diversion: add Diversion (RFC 5806) with the dialled number.
    display_prefix: put before the caller's display name.
    pass_headers: lower-case names of caller's headers that are copied to the branch.
    add: headers added as they stand, name and value.
    """

    from_user: str = "caller"
    from_host: str = ""
    asserted_identity: bool = False
    diversion: bool = False
    display_prefix: str = ""
    pass_headers: tuple[str, ...] = ()
    add: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient of a dial step.

    uri: the Request-URI to ring, "sip:ana@192.0.2.7:5060;transport=tcp".
    route: an outbound proxy URI, "" for none: the request goes there, the Request-URI stays.
    start_after, stop_after: seconds from the start of the step; stop_after 0 is the step's end.
    unreachable_after: with no response at all for that many seconds the branch is given up; 0: never early.
    follow_redirects: how many 3xx are followed; 0 treats a 3xx as a failure and keeps its Contact in the record.
    media_interface: the relay interface towards this recipient.
    """

    name: str
    uri: str
    route: str = ""
    start_after: float = 0.0
    stop_after: float = 0.0
    unreachable_after: float = 4.0
    follow_redirects: int = 0
    credentials: tuple[Credentials, ...] = ()
    recipe: HeaderRecipe = HeaderRecipe()
    media_interface: str = ""
    nat: bool = True
    keep_call_id: bool = False


@dataclass(frozen=True, slots=True)
class DialStep:
    """Ring recipients at once and connect the first that answers.

    ring_time: seconds, from the start of the step.
    timeout_status: sent to the caller when ring time ends and nobody gave a reason; 480 or 408.
    media_timeout: seconds of silence of all legs that owe media, after which the call is ended; 0: never.
    duration_limit: seconds after which an answered call is ended; 0: never.
    """

    recipients: tuple[Recipient, ...]
    ring_time: float = 30.0
    early_media: EarlyMedia = EarlyMedia.NONE
    six_xx: SixXX = SixXX.RECIPIENT
    timeout_status: int = 480
    media_timeout: float = 60.0
    duration_limit: float = 0.0
    answered_elsewhere: bool = True  # tell losers "call completed elsewhere", so that they log no missed call
