"""Each form, tried at each media address: on this host as far as nobody is disturbed, else on a network of our own.

On this host only the user form is tried, by way of the loopback and with ports that nobody has. Programs are attached
on our own network alone, where the relay's end has the very addresses and range of ports that are configured, so that
the programs are those that this host would get.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from typing import Final, Literal

from rtp_relay import facts
from rtp_relay.forms import tc, xdp
from rtp_relay.forms.user import UserForm
from rtp_relay.process.probe.exchange import CALL_PORTS, ExchangeError, exchange
from rtp_relay.process.probe.network import Network, udp_socket
from rtp_relay.source import is_version_6

Form = Literal["user", "tc", "xdp"]
FORMS: Final[tuple[Form, ...]] = ("user", "tc", "xdp")
# Of the far end and of ours. A sender on a wire has none left to do: (False, ...) is what comes from outside.
OFFLOADS: Final = ((False, False), (False, True), (True, False), (True, True))
LOOPBACK: Final = {False: "127.0.0.1", True: "::1"}
LOWEST_PORT: Final = 10_240


def on_this_host(
    hosts: tuple[str, ...], span: tuple[int, int], packets: int, taken: dict[str, tuple[int, ...]], is_relay_here: bool
) -> Iterator[facts.Trial]:
    """The user form. While a relay is running the ports are not of its range: it could want one in this moment."""
    for host in hosts:
        to = LOOPBACK[is_version_6(host)] if ipaddress.ip_address(host).is_unspecified else host
        try:
            first = free_beside(host, span) if is_relay_here else last_free(span, taken.get(host, ()))
            with _shut(UserForm()) as form, exchange(form, host, first, to, nullcontext()) as made:
                count = made.run(to, packets)
        except (OSError, ExchangeError) as error:
            yield facts.Trial("user", host, "here", problem=words_of(error))
        else:
            yield facts.Trial("user", host, "here", *count)


def on_own_network(hosts: tuple[str, ...], span: tuple[int, int], packets: int) -> Iterator[facts.Trial]:
    """Every form, with checksums left to the hardware and not. Raises OSError where there can be no such network."""
    tried = tuple(host for host in hosts if can_be_copied(host))
    if not tried:
        return
    with closing(Network(tried)) as network:
        for form in FORMS:
            for host in tried:
                yield from _tried(network, form, host, span, packets)


def _tried(network: Network, name: Form, host: str, span: tuple[int, int], packets: int) -> Iterator[facts.Trial]:
    far = network.far_ends[host]
    is_wired = far != host
    for left in OFFLOADS if is_wired else ((None, None),):
        try:
            before = network.bad_checksums()
            if left[0] is not None and left[1] is not None:
                network.leave_checksums(left[0], left[1])
            with network.inside(network.here), _shut(_opened(name, tuple(network.far_ends), span)) as form:
                outside = network.inside(network.there if is_wired else network.here)
                with exchange(form, host, span[0], far, outside) as made:
                    count = made.run(host, packets)
            bad = network.bad_checksums() - before
        except (OSError, ExchangeError) as error:
            yield facts.Trial(name, host, "own", problem=words_of(error))
            return
        yield facts.Trial(name, host, "own", *count, bad, *left)


def _opened(name: Form, hosts: tuple[str, ...], span: tuple[int, int]) -> UserForm:
    """For all addresses and the whole range, as the relay would. Raises OSError."""
    if name == "user":
        return UserForm()
    return tc.open_form(hosts, *span) if name == "tc" else xdp.open_form(hosts, *span)


@contextmanager
def _shut(form: UserForm) -> Iterator[UserForm]:
    try:
        yield form
    finally:
        form.shut()


def can_be_copied(host: str) -> bool:
    """Whether another network may have the address too: not a wildcard, and nothing that means something by itself."""
    address = ipaddress.ip_address(host)
    return not (address.is_unspecified or address.is_multicast or address.is_link_local)


def last_free(span: tuple[int, int], taken: tuple[int, ...]) -> int:
    """The last ports of the range that a call has room in: those that a relay opens last. Raises OSError."""
    held = frozenset(taken)
    for first in range((span[1] + 1 - CALL_PORTS) & ~1, span[0] - 1, -2):
        if held.isdisjoint(range(first, first + CALL_PORTS)):
            return first
    raise OSError(0, f"no {CALL_PORTS} ports in a row are free from {span[0]} to {span[1]}")


def free_beside(host: str, span: tuple[int, int]) -> int:
    """Ports that a call has room in, not of the range. Raises OSError."""
    for first in range(LOWEST_PORT, 65536 - CALL_PORTS, CALL_PORTS):
        ports = range(first, first + CALL_PORTS)
        if (ports[-1] < span[0] or first > span[1]) and all(_is_free(host, port) for port in ports):
            return first
    raise OSError(0, f"no {CALL_PORTS} ports in a row are free outside of {span[0]} to {span[1]}")


def _is_free(host: str, port: int) -> bool:
    try:
        udp_socket(host, port).close()
    except OSError:
        return False
    return True


def words_of(error: OSError | ExchangeError) -> str:
    """What went wrong, without a number."""
    if isinstance(error, socket.gaierror) or not isinstance(error, OSError):
        return str(error)
    return error.strerror or str(error)
