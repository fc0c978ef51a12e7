"""Whether a request that could be parsed is valid, and else the status that it earns (RFC 3261 §8.2, RFC 4475)."""

from __future__ import annotations

from sip_stack import grammar
from sip_stack.errors import RemoteError
from sip_stack.headers import Address
from sip_stack.message import Request
from sip_stack.uri import parse_request_uri

# Fields that may stand in a message but once. Only those that we act upon: a second Subject does no harm.
_SINGLE = frozenset(
    {
        "call-id",
        "content-length",
        "content-type",
        "cseq",
        "expires",
        "from",
        "max-forwards",
        "min-se",
        "rack",
        "refer-to",
        "replaces",
        "rseq",
        "session-expires",
        "to",
    }
)


def request_defect(request: Request) -> RemoteError | None:
    """What is wrong with a request that `parse` let through, with the status it earns; None if it is valid.

    To be asked once of each new request other than ACK, which is never answered. Left to those who know more:
    420 and 415 (what we support), 483 (only the first to act on Max-Forwards), 405 and 501 (which methods).
    """
    try:
        _check_request_line(request)
        _check_fields(request)
        if len(request.first) != len(request.fields):
            _check_repeated(request)
    except RemoteError as error:
        return error
    return None


def _check_request_line(request: Request) -> None:
    if request.version != "SIP/2.0" and request.version.upper() != "SIP/2.0":
        # RFC 3261 §21.5.7 for another version of SIP; what is no version at all is a bad request line.
        status = 505 if grammar.is_version(request.version) else 400
        raise RemoteError(status, f"bad version {request.version[:40]!r}")
    # The pattern cannot tell an IPv6 address from its likeness.
    if "[" in request.uri or not grammar.is_request_uri(request.uri):
        parse_request_uri(request.uri)
    # §8.1.1.5: "The method MUST match that of the request."
    if request.cseq_method != request.method:
        raise RemoteError(400, f"CSeq is for {request.cseq_method}")
    if request.cseq >= grammar.MAX_CSEQ:
        raise RemoteError(400, f"CSeq {request.cseq} is too large")


def _check_fields(request: Request) -> None:
    first = request.first
    _check_address(request.from_value)
    _check_address(request.to_value)
    if not grammar.is_call_id(request.call_id):
        raise RemoteError(400, f"bad Call-ID {request.call_id!r}")
    via = first["via"]
    if "," in via or "[" in via or not grammar.match_via(via):
        _check_vias(request)
    contact = first.get("contact")
    if contact is not None and ("," in contact or contact == "*" or not grammar.is_address(contact)):
        _check_contacts(request)
    _ = request.max_forwards
    for name in ("route", "record-route"):
        if name in first:
            for value in request.values(name):
                _check_address(value)


def _check_address(value: str) -> None:
    if not grammar.is_address(value):
        raise RemoteError(400, f"bad address {value!r}")
    if "[" in value or value.count("tag=") > 1:
        _ = Address.parse(value).parsed_uri


def _check_vias(request: Request) -> None:
    vias = request.vias
    if not vias:
        raise RemoteError(400, "an empty Via")
    if len(vias) > grammar.MAX_VIAS:
        raise RemoteError(483, f"{len(vias)} Vias")


def _check_contacts(request: Request) -> None:
    values = request.values("contact")
    if values == ["*"] and request.method == "REGISTER":
        return
    if not values:
        raise RemoteError(400, "an empty Contact")
    for value in values:
        _check_address(value)


def _check_repeated(request: Request) -> None:
    first = request.first
    for name, value in request.fields:
        if name in _SINGLE and value != first[name]:
            raise RemoteError(400, f"{grammar.spell(name)} twice, with different values")
    if sum(name == "via" for name, _ in request.fields) > 1:
        _check_vias(request)
    if "contact" in first:
        _check_contacts(request)
