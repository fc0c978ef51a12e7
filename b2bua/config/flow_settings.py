"""Call flows as they stand in a file, `[flows.NAME]`, each setting explained beneath it.

The same form is what `b2bua flow export` writes, and what the database keeps. What a type cannot say is in
flow_building.py (whether a text can be read) and in b2bua/flows/lint.py (whether it makes sense).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from b2bua.calls.recipient import DECLINE_CODES
from b2bua.config.strict import Seconds, Settings

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
RecordTime = Annotated[float, Field(ge=1, le=3600, allow_inf_nan=False)]
STEPS_LIMIT = 100  # of a kind in one flow; what looks at all paths through them takes the square of that


class PromptSettings(Settings):
    """Something to hear, wherever a setting is a prompt: one of `say`, `play` and `tone`, as in
    `{ say = "A call from {caller}." }`."""

    say: str = Field(default="", max_length=1000)
    """A text that is spoken. `{caller}`, `{source}` (what the number is for), `{flow}` and `{dialled}` stand for
    what they are in this call."""

    play: str = Field(default="", max_length=1000)
    """A file of audio (wav, mp3, ogg, flac), from the directory of the configuration when relative. A flow that is
    edited in the console plays files below that directory and below `console.prompts` only."""

    tone: str = Field(default="", max_length=2)
    """The ringing tone of a country, by its two letters: `"us"`, `"de"`."""

    voice: str = Field(default="", max_length=32)
    """Of `say`, as espeak-ng names it: `"en-us"`; empty is its own default."""


class FlowRecipientSettings(Settings):
    """Somebody whom a dial step rings: one of `[[flows.NAME.dial.STEP.recipients]]`."""

    name: str = Field(min_length=1, max_length=64)
    """Who that is; shown in records. No two of a step have the same name."""

    type: Literal["sip", "phone"] = "sip"
    """`sip` for a SIP address, `phone` for a phone number through a trunk."""

    destination: str = Field(min_length=1, max_length=255)
    """`"sip:ana@192.0.2.7:5060"`, or `"+1 555 0102"` for a phone."""

    trunk: str = Field(default="", max_length=64)
    """The trunk that a phone is dialled through; for a SIP address, the trunk whose address is the outbound
    proxy."""

    extension: str = Field(default="", max_length=64)
    """Digits sent once the recipient's side has answered: `"ww214"`. Each `w` waits for half a second."""

    start_after: Seconds = 0.0
    """Seconds after the others that it starts to ring."""

    stop_after: Seconds = 0.0
    """Seconds from the start of the step after which it stops; 0 rings to the end."""

    unreachable_after: Seconds = 4.0
    """Given up after that many seconds without any response at all; 0 never early."""

    press_one: bool | None = None
    """Whether this recipient must press 1; absent is what the step says."""

    voicemail_after: Seconds = 0.0
    """The second in which the recipient's own voicemail answers, when you know it; 0 when you do not. Only
    the check of the flow looks at it."""

    weight: int = Field(default=1, ge=1, le=100)
    """With `turns`: how many of the first turns are this recipient's, in proportion to the weights of the others."""

    interface: str = Field(default="", max_length=32)
    """The relay's interface towards this recipient; empty is its trunk's, or the first."""

    nat: bool | None = None
    """Its RTP may come from another address than its SDP says; absent is what its trunk says, or true."""

    enabled: bool = True
    """Off: never rung."""


class DialSettings(Settings):
    """Rings recipients and connects one: `[flows.NAME.dial.STEP]`."""

    mode: Literal["one", "everyone", "turns"] = "everyone"
    """How the call is connected: `one` rings the first recipient only, `everyone` rings all at once, `turns`
    rings one after the other and begins one further on with each call (round robin)."""

    recipients: list[FlowRecipientSettings] = Field(min_length=1, max_length=64)
    """Who rings, see below."""

    sticky: int = Field(default=0, ge=0, le=365)
    """With `turns`: for so many days a caller comes first to the recipient of this step who took his last call, and
    then to the others in turn. 0 never."""

    ring_time: float = Field(default=30.0, ge=5, le=300, allow_inf_nan=False)
    """Seconds to ring; with `turns`, each recipient."""

    caller_hears: PromptSettings | None = None
    """A prompt, over and over, while it rings. Absent, the caller's own phone or network makes the ringing,
    which leaves the codec open until somebody answers; a prompt decides it beforehand."""

    early_media: Literal["none", "first", "single", "ringback"] = "none"
    """What the caller hears of recipients before one has answered: nothing, the first that sends audio, the
    `single` one, or a ringing tone of ours (`ringback`). Only where `caller_hears` is absent."""

    whisper: PromptSettings | None = None
    """A prompt for the recipient alone, before the two are connected. The caller hears ringing meanwhile."""

    press_one: bool = False
    """Only a person can answer: a recipient must press 1 to get the call. Keeps voicemail and phones that
    answer by themselves from taking it."""

    confirm_prompt: PromptSettings | None = None
    """A prompt that asks for the 1, repeated until it is pressed."""

    too_late: PromptSettings | None = None
    """A prompt for whoever presses 1 when somebody else has."""

    confirm_time: float = Field(default=10.0, ge=3, le=120, allow_inf_nan=False)
    """Seconds for pressing 1, from the answer on. The end of `ring_time` does not cut it short."""

    caller_id: str = Field(default="", max_length=64)
    """Number shown to recipients: `caller`, `tracking` (the number that was dialled), or a fixed number; empty
    is the trunk's setting."""

    display_prefix: str = Field(default="", max_length=64)
    """Put before the caller's display name; empty is the trunk's setting."""

    decline: Literal["recipient", "everyone"] = "recipient"
    """Whether one who declines stops for that `recipient` only, or for `everyone`."""

    decline_codes: list[Annotated[int, Field(ge=400, le=699)]] = Field(default=[*DECLINE_CODES], max_length=16)
    """Statuses by which a recipient declines, where `decline` is `everyone`; the record calls them declined in any
    case. Some phones send 480 or 486 when their owner refuses a call. Pressing 2 in the prompt always declines."""

    redirect: Literal["ignore", "follow"] = "ignore"
    """Whether a recipient's forwarding (3xx) is only noted, or followed once, to where calls may go."""

    answered_elsewhere: Literal["hide", "show", "always hide"] = "hide"
    """Whether phones that stop because somebody else answered `hide` or `show` a missed call. `always hide` leaves
    none either when nobody answers in time. A caller who gives up always leaves one."""

    six_xx: Literal["recipient", "everyone"] = "recipient"
    """Whether a 6xx of one recipient concerns that `recipient` only, or stops `everyone`."""

    timeout_status: Literal[408, 480] = 480
    """Sent to the caller when nobody answered in time and the flow ends with that."""

    nobody_answered: str = Field(default="", max_length=32)
    """The step that comes when nobody has answered. Must be written."""

    all_busy_or_declined: str = Field(default="", max_length=32)
    """The step that comes, at once, when everybody is busy, declined or cannot be reached; empty is
    `nobody_answered`."""

    answered: str = Field(default="", max_length=32)
    """The step that comes when the recipient has hung up and the caller has not; empty ends the call."""


class PlaySettings(Settings):
    """Lets the caller hear something: `[flows.NAME.play.STEP]`."""

    prompt: PromptSettings
    """What is heard, once."""

    played: str = Field(default="", max_length=32)
    """The step that comes after it. Must be written."""


class MenuSettings(Settings):
    """Lets the caller choose by a digit: `[flows.NAME.menu.STEP]`."""

    prompt: PromptSettings
    """What offers the choice."""

    choices: dict[Annotated[str, Field(pattern=r"^[0-9*#]$")], str] = Field(default={}, max_length=12)
    """Digit to step: `{ 1 = "sales", 2 = "support" }`."""

    timeout: float = Field(default=5.0, ge=1, le=60, allow_inf_nan=False)
    """Seconds to wait for a digit after the prompt."""

    tries: int = Field(default=3, ge=1, le=10)
    """How many times the prompt is heard at most."""

    no_choice: str = Field(default="", max_length=32)
    """The step that comes when nothing on offer was pressed. Must be written."""


class BranchSettings(Settings):
    """An exit of a schedule with its hours: one of `[[flows.NAME.schedule.STEP.branches]]`."""

    name: str = Field(min_length=1, max_length=32)
    """What these hours are called: `"open"`."""

    hours: dict[str, list[str]] = Field(default={}, max_length=7)
    """Day or days of the week to hours: `{ mon-fri = ["9:00-12:30", "13:30-18:00"], sat = ["10:00-14:00"] }`.
    Hours that end before they begin end on the next day."""

    then: str = Field(default="", max_length=32)
    """The step that comes within these hours. Must be written."""


class ScheduleSettings(Settings):
    """Goes by the clock: `[flows.NAME.schedule.STEP]`."""

    time_zone: str = Field(min_length=1, max_length=64)
    """Whose clock, by its name in the IANA database: `"Europe/Berlin"`. Daylight saving is minded."""

    branches: list[BranchSettings] = Field(min_length=1, max_length=16)
    """The hours, see below; the first that fits counts."""

    holidays: dict[str, str] = Field(default={}, max_length=366)
    """Days on which no hours count, with their names: `{ 12-25 = "Christmas", 2027-03-26 = "Good Friday" }`.
    Without a year it is every year."""

    holiday: str = Field(default="", max_length=32)
    """The step that comes on a holiday; empty is `otherwise`."""

    otherwise: str = Field(default="", max_length=32)
    """The step that comes at any other time. Must be written."""


class VoicemailSettings(Settings):
    """Records a message: `[flows.NAME.voicemail.STEP]`."""

    mailbox: Name
    """The name that messages are kept under."""

    greeting: PromptSettings | None = None
    """What the caller hears first."""

    longest: RecordTime = 120.0
    """Seconds that a message may last."""

    silence_end: Seconds = 5.0
    """The message ends after so many seconds of silence; 0 does not listen for it."""

    recorded: str = Field(default="", max_length=32)
    """The step that comes when the caller is still there after the message; empty ends the call."""


class HangUpSettings(Settings):
    """Ends the call: `[flows.NAME.hang_up.STEP]`."""

    status: Literal[0, 404, 408, 480, 486] = 0
    """Told to the caller of a call that was not answered; 0 tells how the last dial step came out: 486 busy, 480
    otherwise."""


class FlowSettings(Settings):
    """What to do with a call, step by step: `[flows.NAME]`. Steps are tables below it, by their kind and name."""

    first: Name
    """The step that a call begins with."""

    dial: dict[Name, DialSettings] = Field(default={}, max_length=STEPS_LIMIT)
    """Steps that ring recipients."""

    play: dict[Name, PlaySettings] = Field(default={}, max_length=STEPS_LIMIT)
    """Steps that play or say something."""

    menu: dict[Name, MenuSettings] = Field(default={}, max_length=STEPS_LIMIT)
    """Steps that let the caller choose."""

    schedule: dict[Name, ScheduleSettings] = Field(default={}, max_length=STEPS_LIMIT)
    """Steps that go by the clock."""

    voicemail: dict[Name, VoicemailSettings] = Field(default={}, max_length=STEPS_LIMIT)
    """Steps that record a message."""

    hang_up: dict[Name, HangUpSettings] = Field(default={}, max_length=STEPS_LIMIT)
    """Steps that end the call."""


class FlowFile(Settings):
    """A file of flows and nothing else, as they are exported."""

    flows: dict[Name, FlowSettings] = Field(min_length=1)
