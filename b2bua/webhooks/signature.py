"""How an event is signed, so that its receiver knows whose it is, and when it was sent."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

SIGNATURE: Final = "X-Multiring-Signature"
TIMESTAMP: Final = "X-Multiring-Timestamp"
_SCHEME: Final = "v1"  # another way to sign will have another name, and may stand beside this one


def signature_headers(secret: bytes, timestamp: int, body: bytes) -> dict[str, str]:
    """Timestamp, in seconds since 1970, and HMAC-SHA256 (RFC 2104) over it, a full stop and the body.

    The timestamp is signed too: whoever has overheard an event cannot send it again as a fresh one.
    """
    signed = str(timestamp).encode() + b"." + body
    digest = hmac.new(secret, signed, hashlib.sha256).hexdigest()
    return {TIMESTAMP: str(timestamp), SIGNATURE: f"{_SCHEME}={digest}"}
