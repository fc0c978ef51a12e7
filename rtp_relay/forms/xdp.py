"""The xdp form: programs in the drivers of the interfaces that have a media address, before there is an skb.

By choice only, as it wants drivers that can send what another received (XDP redirect), untagged Ethernet, and
far ends on the wire: a sender on this host that leaves checksums to the hardware (veth, virtio) goes up, and the
loopback has no driver, so that there the program is the tc form's. Driver mode or none: the generic mode, which a
kernel would choose by itself, is slower than tc on many cards and nobody would notice.
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
) -> KernelForm:  # fmt: skip
    """Attach for those media addresses, pinned in the directory if one is given. Raises OSError, with what was not
    allowed in its text."""
    return opening.open_form("xdp", hosts, first_port, last_port, dscp, reason, clock, directory)
