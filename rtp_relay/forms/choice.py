"""Which form: what was asked for, or what this machine allows."""

from __future__ import annotations

import ipaddress
from typing import Final, Literal

from rtp_relay.bpf import loader
from rtp_relay.errors import StartError
from rtp_relay.forms import tc, xdp
from rtp_relay.forms.user import UserForm

Wish = Literal["auto", "user", "tc", "xdp"]
WISHES: Final = ("auto", "user", "tc", "xdp")


def choose(
    wish: Wish, hosts: tuple[str, ...], first_port: int, last_port: int, dscp: int, directory: str = "",
    xdp_hosts: frozenset[str] = frozenset(),
) -> UserForm:
    """The form, with its reason. "auto" is tc if it can be had, else user: xdp changes what a driver does.

    xdp_hosts: media addresses that are to have xdp with tc elsewhere; with "auto", if they can.
    directory: where what the kernel does is pinned; what an earlier relay has left there is taken up, or taken away.
    Raises StartError if tc or xdp was asked for by name and cannot be had: silently slower is worse than not at
    all, and who would rather have that says "auto".
    """
    if wish == "user":
        _forget(directory)
        return UserForm("plain forwarding in user space, as asked for", dscp)
    reason = "the fastest that works at any interface" if wish == "auto" else "as asked for"
    why = ""
    for drivers in (xdp_hosts, frozenset[str]()) if wish == "auto" and xdp_hosts else (xdp_hosts,):
        try:
            _refuse_wildcards(hosts)
            if wish == "xdp":
                return xdp.open_form(hosts, first_port, last_port, dscp, reason, directory=directory)
            said = f"{reason}, but no xdp: {why}" if why else reason
            return tc.open_form(
                hosts, first_port, last_port, dscp, said, directory=directory, xdp_hosts=drivers
            )
        except OSError as error:
            why = error.strerror or str(error)
            if wish != "auto":
                raise StartError(f"the {wish} form cannot be had: {why}") from error
    _forget(directory)
    return UserForm(f"no faster form can be had: {why}", dscp)


def _forget(directory: str) -> None:
    """Flows that nobody will look after any more must not go on."""
    if directory:
        try:
            loader.forget(directory)
        except OSError:
            pass  # another's, who has it looked after, or may not be looked at: then it was not ours


def _refuse_wildcards(hosts: tuple[str, ...]) -> None:
    for host in hosts:
        if ipaddress.ip_address(host).is_unspecified:
            raise OSError(0, f"media at {host}: the kernel's forms want the addresses themselves")
