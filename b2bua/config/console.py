"""[console]: from its settings to its values, and what is refused: a log-in that travels in the open."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from b2bua.config.addresses import is_loopback, numeric
from b2bua.config.checks import Report
from b2bua.config.findings import KeyPath
from b2bua.config.settings import ConsoleSettings
from b2bua.config.values import Console

_HOUR: Final = 3600.0


class Place(NamedTuple):
    """host: numeric, IPv6 without brackets."""

    host: str
    port: int


def place_of(text: str) -> Place:
    """Read "127.0.0.1:8080" or "[::1]:8080". ValueError says what is wrong, for a person."""
    host, _, port = text.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f'the IPv6 address in "{text}" has no [brackets].')
    if not numeric(host):
        raise ValueError(f'"{host}" in "{text}" is not a numeric IP address.')
    if not (port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError(f'"{text}" does not end in a port from 0 to 65535.')
    return Place(str(ipaddress.ip_address(host)), int(port))


def console_of(
    settings: ConsoleSettings, resolved: Callable[[str], str], prompts: str, error: Report, warning: Report
) -> Console:
    """The values of [console]. resolved: a path as it is meant from the file's directory."""
    place = _place(settings, error)
    certificate = resolved(settings.tls_certificate) if settings.tls_certificate else ""
    key = resolved(settings.tls_key) if settings.tls_key else certificate
    if settings.enabled:
        _check_files(settings, certificate, key, error, warning)
        _check_secrecy(settings, place, error)
    return Console(
        is_on=settings.enabled,
        host=place.host,
        port=place.port,
        certificate=certificate,
        key=key,
        is_behind_proxy=settings.behind_proxy,
        trusted_proxies=_proxies(settings, error),
        session=settings.session_hours * _HOUR,
        prompts=prompts,
    )


def _place(settings: ConsoleSettings, error: Report) -> Place:
    try:
        return place_of(settings.listen)
    except ValueError as problem:
        error(("console", "listen"), str(problem), 'Write it like "127.0.0.1:8080".')
        return Place("127.0.0.1", 0)


def _check_files(
    settings: ConsoleSettings, certificate: str, key: str, error: Report, warning: Report
) -> None:
    if settings.tls_key and not settings.tls_certificate:
        error(("console", "tls_key"), "stands without a tls_certificate.", "Name that too, or remove it.")
    files: tuple[tuple[KeyPath, str], ...] = (
        (("console", "tls_certificate"), certificate),
        (("console", "tls_key"), key if settings.tls_key else ""),
    )
    for path, file in files:
        # Calls go on without a console: a certificate that is not there yet must not keep them from it.
        if file and not Path(file).is_file():
            warning(path, f"there is no file {file}: the console will not start.", "Put it there.")


def _check_secrecy(settings: ConsoleSettings, place: Place, error: Report) -> None:
    if is_loopback(place.host) or settings.tls_certificate or settings.behind_proxy:
        return
    error(
        ("console", "listen"),
        f"{place.host} is no loopback address, and passwords would travel in the open.",
        "Add tls_certificate; or behind_proxy = true where a reverse proxy speaks HTTPS; or listen on 127.0.0.1.",
    )


def _proxies(settings: ConsoleSettings, error: Report) -> tuple[str, ...]:
    for index, text in enumerate(settings.trusted_proxies):
        try:
            ipaddress.ip_network(text)
        except ValueError:
            problem = f'"{text}" is neither an address nor a network.'
            error(("console", "trusted_proxies", index), problem, 'Write it like "10.0.0.2" or "10.0.0.0/24".')
    return tuple(settings.trusted_proxies)
