"""What a call is told about itself before it begins: plain values that stay with it until its end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from b2bua.calls.flow import Flow
from b2bua.calls.recipient import DialStep
from sip_stack.sdp_rewriting import CODECS, Codec
from sip_stack.session_timer import TimerPolicy

_DEFAULT_CODECS = (CODECS["PCMU"], CODECS["PCMA"])


@dataclass(frozen=True, slots=True)
class CallPlan:
    """How to treat one incoming call: the configuration as it was when the call came.

    flow: the steps that it goes through. dials: its dial steps by name, as they ring.
    duration_limit: seconds after which a call that was answered is ended; 0: never.
    trunk: name of the trunk that it came from. dialled: the number as it is shown.
    interface, nat: the relay interface towards the caller, and whether his media may be learnt.
    late_offer: codecs offered to recipients when the caller's INVITE has no SDP.
    host: our host as it stands in From towards recipients.
    tones: the country whose ringing tone we play, where a step does not name one.
    prompts, messages: the directories where prompts are read and messages of callers are kept.
    """

    trunk: str
    dialled: str
    number_name: str
    flow: Flow
    dials: Mapping[str, DialStep]
    host: str
    configuration: str = ""
    interface: str = ""
    nat: bool = True
    timer: TimerPolicy = field(default_factory=TimerPolicy)
    late_offer: tuple[Codec, ...] = _DEFAULT_CODECS
    keep_trace: bool = True
    duration_limit: float = 0.0
    tones: str = "us"
    prompts: str = ""
    messages: str = ""
