"""What we can: the methods and extensions of SIP that we name in Allow and Supported, and what a Require may ask."""

from __future__ import annotations

from typing import Final

from sip_stack import grammar
from sip_stack.errors import RemoteError
from sip_stack.message import Request

METHODS: Final = (
    "INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "PRACK", "UPDATE", "INFO", "MESSAGE", "NOTIFY", "REFER",
)  # fmt: skip
EXTENSIONS: Final = ("timer", "100rel")  # RFC 4028, RFC 3262
_EXTENSIONS = frozenset(EXTENSIONS)


def capabilities() -> list[tuple[str, str]]:
    """The headers that say so, for the answer to an OPTIONS (RFC 3261 §11.2)."""
    return [
        ("Allow", ", ".join(METHODS)),
        ("Accept", "application/sdp"),
        ("Supported", ", ".join(EXTENSIONS)),
    ]


def lacking_extension(request: Request) -> RemoteError | None:
    """§8.2.2.3: a Require of what we do not know gets 420 with Unsupported, before anything is done."""
    if request.get("require") is None:
        return None
    unknown = sorted(request.tokens("require") - _EXTENSIONS)
    if not unknown:
        return None
    named = ", ".join([name for name in unknown if grammar.is_token(name)])
    return RemoteError(420, "unknown extension", fields=(("Unsupported", named),) if named else ())
