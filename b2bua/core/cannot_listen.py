"""Why an address cannot be listened on, and what mends it, for a person."""

from __future__ import annotations

import errno


class ListenError(Exception):
    """An address of the configuration cannot be listened on. The text is for a person."""

    def __init__(self, problem: OSError, subject: str = "") -> None:
        """problem: of bind; filename, where it is there, names the listener, "udp:192.0.2.1:5060". subject: whose."""
        said = f"{subject}: {problem.strerror}." if subject else f"{problem.strerror}."
        remedy = _remedy(problem.errno, str(problem.filename or ""))
        super().__init__(f"{said} {remedy}".rstrip())


def _remedy(number: int | None, listener: str) -> str:
    port = listener.rpartition(":")[2]
    match number:
        case errno.EADDRINUSE:
            which = f" 'sport = :{port}'" if port else ""
            return f"`ss -lntup{which}` shows, to root, who has it."
        case errno.EADDRNOTAVAIL:
            return "`ip address` shows the addresses of this machine."
        case errno.EACCES:
            return "Ports below 1024 are for root, or for who has CAP_NET_BIND_SERVICE."
    return ""
