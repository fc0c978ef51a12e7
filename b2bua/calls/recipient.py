"""Who a dial step rings, and how: plain values, made from the configuration, held by the call."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from b2bua.calls.flow import Prompt

DECLINE_CODES: Final = (603,)  # by which a recipient declines, if nothing else is said


class EarlyMedia(enum.Enum):
    """What the caller may hear of the recipients before one has answered."""

    NONE = "none"  # 180 and the caller's own ringback; the default with more than one recipient
    FIRST = "first"  # the first branch that sends 183 with SDP is heard, one way
    SINGLE = "single"  # with one recipient: passed through; with more: as NONE
    RINGBACK = "ringback"  # our own ringing tone, which fixes the codec before anybody has answered


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
    private_identity: also when the caller asks not to be known: this trunk is trusted to keep it (RFC 3325 §7).
    diversion: add Diversion (RFC 5806) with the dialled number.
    display_prefix: put before the caller's display name.
    pass_headers: lower-case names of caller's headers that are copied to the branch.
    add: headers added as they stand, name and value.
    """

    from_user: str = "caller"
    from_host: str = ""
    asserted_identity: bool = False
    private_identity: bool = False
    diversion: bool = False
    display_prefix: str = ""
    pass_headers: tuple[str, ...] = ()
    add: tuple[tuple[str, str], ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        said = (self.from_user, self.from_host, self.display_prefix, self.pass_headers, self.add)
        object.__setattr__(self, "_hash", hash(said))

    def __hash__(self) -> int:
        """Reckoned once: every call looks its recipients' recipes up, several times."""
        return self._hash


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient of a dial step.

    uri: the Request-URI to ring, "sip:ana@192.0.2.7:5060;transport=tcp".
    route: an outbound proxy URI, "" for none: the request goes there, the Request-URI stays.
    start_after, stop_after: seconds from the start of the step; stop_after 0 is the step's end.
    unreachable_after: with no response at all for that many seconds the branch is given up; 0: never early.
    follow_redirects: how many 3xx are followed; 0 treats a 3xx as a failure and keeps its Contact in the record.
    extension: keys sent after his answer, a "w" for each half second of pause.
    press_one: he is connected only when he has pressed 1.
    caller_id_refusals: statuses by which his trunk refuses the number that is shown; he is then rung once more,
        with the second_recipe. None: he is not.
    is_once: of several with his address in one step only the first is rung.
    media_interface: the relay interface towards this recipient.
    trunk: the name of the one that he is rung through, "" for none.
    weight: his share of first turns, where a step takes turns.
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
    trunk: str = ""
    extension: str = ""
    press_one: bool = False
    caller_id_refusals: tuple[int, ...] = ()
    second_recipe: HeaderRecipe | None = None
    is_once: bool = False
    weight: int = 1


@dataclass(frozen=True, slots=True)
class DialStep:
    """Ring recipients, all at once or in turns, and connect the first that answers.

    ring_time: seconds, from the start of the step; in turns of each recipient.
    timeout_status: sent to the caller when ring time ends and nobody gave a reason; 480 or 408.
    media_timeout: seconds of silence of all legs that owe media, after which the call is ended; 0: never.
    duration_limit: seconds after which an answered call is ended; 0: never.
    hides_always: losers log no missed call either where nobody has answered; answered_elsewhere is true then.
    decline_ends: a recipient who declines, by one of decline_codes or by 2 in the prompt, does so for everyone.
    takes_turns: one recipient rings at a time, in the order that the call is told.
    whisper: heard by who has answered, before he is connected. confirm_prompt: asks him for the 1, where he must
        press it, confirm_time seconds at most. too_late: heard by who had answered when somebody else has the call.
    """

    recipients: tuple[Recipient, ...]
    ring_time: float = 30.0
    early_media: EarlyMedia = EarlyMedia.NONE
    six_xx: SixXX = SixXX.RECIPIENT
    timeout_status: int = 480
    media_timeout: float = 60.0
    duration_limit: float = 0.0
    answered_elsewhere: bool = True  # tell losers "call completed elsewhere", so that they log no missed call
    hides_always: bool = False
    decline_ends: bool = False
    decline_codes: tuple[int, ...] = DECLINE_CODES
    takes_turns: bool = False
    whisper: Prompt | None = None
    confirm_prompt: Prompt | None = None
    too_late: Prompt | None = None
    confirm_time: float = 10.0

    def screens(self, recipient: Recipient) -> bool:
        """Whether something comes between this recipient's answer and the caller."""
        return recipient.press_one or self.whisper is not None or recipient.extension != ""
