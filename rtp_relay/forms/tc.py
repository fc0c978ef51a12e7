"""The tc form: programs at tc ingress (TCX, Linux 6.6) of every interface that has a media address, and the loopback.

It works at any kind of interface (VLAN, bond, bridge, veth), leaves checksums to who knows about them, and sees
what goes from this host to itself.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from rtp_relay.forms import opening
from rtp_relay.forms.kernel import KernelForm
from rtp_relay.forms.user import EXPEDITED_FORWARDING


def open_form(
    hosts: tuple[str, ...], first_port: int, last_port: int, dscp: int = EXPEDITED_FORWARDING,
    reason: str = "", clock: Callable[[], float] = time.monotonic, directory: str = "",
    xdp_hosts: frozenset[str] = frozenset(),
) -> KernelForm:  # fmt: skip
    """Attach for those media addresses, pinned in the directory if one is given. Raises OSError, with what was not
    allowed in its text.

    xdp_hosts: media addresses whose interfaces have it in the driver all the same (see xdp).
    """
    return opening.open_form("tc", hosts, first_port, last_port, dscp, reason, clock, directory, xdp_hosts)
