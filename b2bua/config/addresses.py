"""Addresses as they are written in the configuration, read strictly."""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import NamedTuple

_SIP_URI = re.compile(
    r"(?P<scheme>sips?):(?:(?P<user>[^@;?<>\"\s]+)@)?"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<parameters>(?:;[^;?<>\"\s]+)*)",
    re.IGNORECASE,
)
_CAPTURE_SERVER = re.compile(
    r"udp:(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?):(?P<port>[0-9]{1,5})"
)
_VISUAL_SEPARATORS = str.maketrans("", "", " -.()")
_PHONE_NUMBER = re.compile(r"\+?[0-9*#]{1,20}")


class Listening(NamedTuple):
    """transport is "UDP" or "TCP"; host is numeric, IPv6 without brackets; port 0 lets the system choose."""

    transport: str
    host: str
    port: int


class SipAddress(NamedTuple):
    """A SIP URI taken apart. host keeps IPv6's brackets; port is 0 when none is written.

    transport is "udp", "tcp" or "" and parameters all of them as written, from the first ";".
    """

    user: str
    host: str
    port: int
    transport: str
    parameters: str

    @property
    def hostport(self) -> str:
        return f"{self.host}:{self.port}" if self.port else self.host


def listening(text: str) -> Listening:
    """Read "udp:0.0.0.0:5060" or "tcp:[::]:5060". ValueError says what is wrong, for a person."""
    transport, _, rest = text.partition(":")
    host, _, port = rest.rpartition(":")
    if transport.lower() not in ("udp", "tcp"):
        raise ValueError(f'"{text}" does not begin with udp: or tcp:.')
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f'the IPv6 address in "{text}" has no [brackets].')
    if not host:
        raise ValueError(f'"{text}" has an address and no port, or neither.')
    if not numeric(host):
        raise ValueError(f'"{host}" in "{text}" is not a numeric IP address.')
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(f'"{text}" does not end in a port from 0 to 65535.')
    return Listening(transport.upper(), str(ipaddress.ip_address(host)), int(port))


def capture_server(text: str) -> tuple[str, int]:
    """Read "udp:homer.example.com:9060": host, IPv6 without brackets, and port. ValueError is for a person."""
    match = _CAPTURE_SERVER.fullmatch(text)
    if match is None or not 0 < int(match["port"]) < 65536:
        raise ValueError(f'"{text}" is no udp:HOST:PORT.')
    host = match["host"].strip("[]")
    if ":" in host and not numeric(host):
        raise ValueError(f'the IPv6 address in "{text}" is not valid.')
    return host, int(match["port"])


def sip_address(text: str) -> SipAddress:
    """Read a SIP URI of the configuration. ValueError says what is wrong, for a person."""
    match = _SIP_URI.fullmatch(text)
    if match is None:
        raise ValueError(f'"{text}" is not a SIP URI.')
    if match["scheme"].lower() == "sips":
        raise ValueError(f'"{text}" asks for TLS, which is not served.')
    port = int(match["port"] or 0)
    if port > 65535 or match["port"] == "0":
        raise ValueError(f'the port in "{text}" is not from 1 to 65535.')
    if match["host"].startswith("[") and not numeric(match["host"][1:-1]):
        raise ValueError(f'the IPv6 address in "{text}" is not valid.')
    transport = ""
    for parameter in match["parameters"].split(";"):
        name, _, value = parameter.partition("=")
        if name.lower() == "transport":
            transport = value.lower()
    if transport not in ("", "udp", "tcp"):
        raise ValueError(f'the transport in "{text}" is neither udp nor tcp.')
    return SipAddress(match["user"] or "", match["host"].lower(), port, transport, match["parameters"])


def phone_number(text: str) -> str:
    """A phone number without spaces, dots, dashes and brackets. ValueError when something else is left."""
    number = text.translate(_VISUAL_SEPARATORS)
    if not (number.isascii() and _PHONE_NUMBER.fullmatch(number)):
        raise ValueError(f'"{text}" is not a phone number.')
    return number


def numeric(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def is_wildcard(host: str) -> bool:
    return ipaddress.ip_address(host).is_unspecified


def is_loopback(host: str) -> bool:
    """Whether a name or numeric address, IPv6 without brackets, is this machine's own for certain."""
    return ipaddress.ip_address(host).is_loopback if numeric(host) else host.lower() == "localhost"


def family(host: str) -> int:
    """4 or 6."""
    return ipaddress.ip_address(host).version


def route_source(version: int) -> str:
    """The address that this machine would send from towards the Internet; "" when it has no route.

    Nothing is sent: connecting a UDP socket only looks the route up.
    """
    kind, probe = (socket.AF_INET, "192.0.2.1") if version == 4 else (socket.AF_INET6, "2001:db8::1")
    try:
        with socket.socket(kind, socket.SOCK_DGRAM) as probing:
            probing.connect((probe, 9))
            found = str(probing.getsockname()[0])
    except OSError:
        return ""
    return "" if ipaddress.ip_address(found).is_loopback else found
