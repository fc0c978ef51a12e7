"""The kernel's forms with more calls than one process has descriptors for: the real programs and the real table,
whose entries the bench writes as the relay would.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from bench import namespaces
from bench.race.frames import Flow
from bench.race.rig import Rig
from rtp_relay.bpf import layout
from rtp_relay.bpf.loader import Loaded, Plan
from rtp_relay.bpf.maps import NextHop, Standing, Target
from rtp_relay.bpf.netlink import Asking
from rtp_relay.forms.opening import places

HOST, FAR = namespaces.RELAY[False], namespaces.FAR[False]
EXPEDITED: Final = 0xB8  # traffic class
MTU: Final = 1500
TICK: Final = 256 * 125_000  # of 8 kHz, in 1/256 ns


@contextmanager
def filled(rig: Rig, form: str, calls: int, first_port: int) -> Iterator[None]:
    """Both flows of so many calls, forwarded by one host's tables."""
    ports = 4 * calls
    with rig.wire.inside(rig.wire.relay):
        asking = Asking()
        where = places(asking, (HOST,), form == "xdp")
        asking.close()
        loaded = Loaded(Plan((HOST,), first_port, ports, EXPEDITED), where)
    try:
        hop = NextHop(
            rig.interface, rig.macs_back[:6], rig.macs_back[6:], loaded.slots.get(rig.interface), True
        )
        loaded.next_hops.put(0, hop)
        flows = [Flow((FAR, first_port + 2 * number), (HOST, first_port + 2 * number)) for number in range(2 * calls)]
        for number, flow in enumerate(flows):
            partner = flows[number ^ 1]
            entry = loaded.flows.entry_of(*flow.to)
            assert entry is not None
            target = Target(flow.source, partner.to, partner.source, 0, MTU, layout.STRICT)
            loaded.flows.activate(entry, target, Standing(number, 0, TICK, 0, 0, 0, 0, 0))
        rig.set_flows(flows)
        yield
    finally:
        loaded.close()
