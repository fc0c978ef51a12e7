"""What the service is configured with in a test: who is rung for the dialled number, and how."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from b2bua.calls.flow import Flow
from b2bua.calls.recipient import DialStep, EarlyMedia, Recipient, SixXX

SERVICE_V4: Final = "192.0.2.1"
SERVICE_V6: Final = "2001:db8::1"
SERVICE_PORT: Final = 5060
MEDIA_ADDRESSES: Final = {"": "192.0.2.2", "v6": "2001:db8::2"}  # by relay interface
LOCAL_SOCKETS: Final = tuple(
    f"{transport}:{place}:{SERVICE_PORT}"
    for place in (SERVICE_V4, f"[{SERVICE_V6}]")
    for transport in ("udp", "tcp")
)


@dataclass
class Plan:
    """Everything a test may configure; subject.py turns it into settings of the switchboard.

    flow: what the dialled number goes through, in place of ringing `recipients`; name: what the number is for.
    messages: the directory of voicemail.
    numbers: further dialled numbers with their steps, beside `number`, whose step is made of the rest.
    trunk_sources: networks that the trunk's requests come from; all others are unknown.
    trunk_media_interface: the relay interface towards the caller.
    session_expires: seconds that we ask for (RFC 4028), 0: we ask for none; min_se: our floor.
    unknown_sources: whether a stranger is told so.
    call_limit, call_rate: concurrent calls, new calls a second; 0: no limit.
    sip_timer: T1, seconds. wall_offset: seconds from the world's clock to 1970.
    """

    number: str = "+15550100"
    name: str = ""
    flow: Flow | None = None
    messages: str = "/messages"
    recipients: list[Recipient] = field(default_factory=list)
    ring_time: float = 30.0
    early_media: EarlyMedia = EarlyMedia.NONE
    six_xx: SixXX = SixXX.RECIPIENT
    timeout_status: int = 480
    media_timeout: float = 60.0
    duration_limit: float = 0.0
    answered_elsewhere: bool = True
    numbers: dict[str, DialStep] = field(default_factory=dict)
    trunk_sources: tuple[str, ...] = ("198.51.100.0/24", "2001:db8:1::/48")
    trunk_media_interface: str = ""
    session_expires: int = 0
    min_se: int = 90
    unknown_sources: Literal["refuse", "drop"] = "refuse"
    call_limit: int = 0
    call_rate: float = 0.0
    sip_timer: float = 0.5
    wall_offset: float = 1.7e9

    def step(self) -> DialStep:
        """What the dialled number does."""
        return DialStep(
            recipients=tuple(self.recipients),
            ring_time=self.ring_time,
            early_media=self.early_media,
            six_xx=self.six_xx,
            timeout_status=self.timeout_status,
            media_timeout=self.media_timeout,
            duration_limit=self.duration_limit,
            answered_elsewhere=self.answered_elsewhere,
        )

    def steps(self) -> dict[str, DialStep]:
        """Every dialled number with its step."""
        return {self.number: self.step(), **self.numbers}
