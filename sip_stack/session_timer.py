"""Session timers (RFC 4028): what two sides agree on. Each dialog has its own; none is passed across."""

from __future__ import annotations

from dataclasses import dataclass

from sip_stack.errors import RemoteError
from sip_stack.headers import SessionExpires
from sip_stack.message import Message, Request, Response

FLOOR = 90  # §4: "the absolute minimum for the Session-Expires header field is 90 seconds"


@dataclass(frozen=True, slots=True)
class TimerPolicy:
    """What our side wants, in seconds. session_expires 0: we ask for no timer, but honour the peer's."""

    session_expires: int = 1800
    min_se: int = FLOOR

    def request_fields(self, min_se: int = 0) -> list[tuple[str, str]]:
        """Session-Expires and Min-SE for an INVITE of ours; min_se as a 422 has asked for it."""
        if not self.session_expires:
            return []
        interval = max(self.session_expires, min_se)
        fields = [("Session-Expires", str(interval))]
        if max(self.min_se, min_se) > FLOOR:
            fields.append(("Min-SE", str(max(self.min_se, min_se))))
        return fields


@dataclass(frozen=True, slots=True)
class Agreement:
    """interval in seconds; who refreshes."""

    interval: int
    we_refresh: bool

    @property
    def refresh_after(self) -> float:
        """§7.2: the refresher sends "once half the session interval has elapsed"."""
        return self.interval / 2

    @property
    def expire_after(self) -> float:
        """§10: BYE is due "a minimum of 32 seconds and one third of the session interval" before the end."""
        return self.interval - min(32.0, self.interval / 3)


def refuse_too_small(request: Request, policy: TimerPolicy) -> RemoteError | None:
    """§6, §8.1: an interval below our floor gets 422 with Min-SE, if the peer knows session timers."""
    value = request.get("session-expires")
    if value is None:
        return None
    interval = SessionExpires.parse(value).interval
    if "timer" not in request.tokens("supported") or interval >= policy.min_se:
        return None
    return RemoteError(422, "Session-Expires is below our minimum", fields=(("Min-SE", str(policy.min_se)),))


def agree_as_server(request: Request, policy: TimerPolicy) -> tuple[Agreement | None, list[tuple[str, str]]]:
    """§9: the agreement, and the fields of the 2xx that state it."""
    peer_knows = "timer" in request.tokens("supported")
    value = request.get("session-expires")
    if value is None:
        if not peer_knows or not policy.session_expires:
            return None, []
        interval, refresher = max(policy.session_expires, min_se_of(request)), ""
    else:
        # §9: "The UAS MUST NOT increase the value of the Session-Expires header field", not even to our floor,
        # when it is a proxy's and a 422 would not be understood; below the RFC's own floor nothing is kept.
        asked = SessionExpires.parse(value)
        interval, refresher = max(asked.interval, FLOOR), asked.refresher
    if refresher not in ("uac", "uas"):
        refresher = "uac" if peer_knows else "uas"
    fields = [("Session-Expires", f"{interval};refresher={refresher}")]
    if refresher == "uac":
        # §9: with the UAC as refresher the UAS MUST place Require: timer in the 2xx.
        fields.append(("Require", "timer"))
    return Agreement(interval, refresher == "uas"), fields


def agree_as_client(response: Response) -> Agreement | None:
    """§7.2: the 2xx says what holds; without a Session-Expires that can be read there is no timer."""
    value = response.get("session-expires")
    if value is None:
        return None
    try:
        stated = SessionExpires.parse(value)
    except RemoteError:
        return None
    return Agreement(max(stated.interval, FLOOR), stated.refresher != "uas")


def min_se_of(message: Message) -> int:
    """Min-SE (§5) in seconds; 0 where there is none that can be read."""
    value = (message.get("min-se") or "0").split(";")[0].strip()
    return int(value) if value.isascii() and value.isdigit() and len(value) < 10 else 0
