"""Whether there is room: ports, descriptors, buffers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from b2bua.media_check.findings import MediaFinding, error, good, note, warning
from b2bua.media_check.needs import Needs
from rtp_relay.facts import Facts

OTHER_DESCRIPTORS: Final = 256  # of the relay: sockets, maps, files that are played and recorded
NAMED: Final = 5  # ports that are named in a finding
# What the core asks for, for its SIP sockets, and the relay's default buffer: see deploy/sysctl.conf.
SIP_BUFFER: Final = 8 << 20
PORT_BUFFER: Final = 64 << 10  # a second of four streams at 172 octets and their bookkeeping, and then some
BACKLOG: Final = 5000
FLOOR: Final = {
    "net.core.rmem_max": (SIP_BUFFER, "bursts of calls lose SIP messages beyond it"),
    "net.core.rmem_default": (PORT_BUFFER, "a port of the relay holds no more of a burst"),
    "net.core.netdev_max_backlog": (BACKLOG, "no more packets than that can wait for a processor"),
}
FLOWS_TRACKED: Final = 4  # conntrack entries of a call: RTP and RTCP of two legs


def judge_room(needs: Needs, facts: Facts) -> Iterator[MediaFinding]:
    yield from _judge_ports(needs, facts)
    yield _judge_descriptors(needs, facts)
    yield from _judge_settings(needs, facts.settings)


def _judge_ports(needs: Needs, facts: Facts) -> Iterator[MediaFinding]:
    yield from _judge_taken(needs, facts)
    span = f"{needs.first_port} to {needs.last_port}"
    for interface in needs.interfaces:
        ringing, talking = needs.ringing.get(interface.name, 0), needs.talking.get(interface.name, 0)
        subject = f"media.ports at {interface.name}"
        has = f"{needs.pairs} pairs of ports ({span})"
        remedy = (
            f"Write a range with {2 * ringing} ports, or lower limits.calls to "
            f"{needs.calls * needs.pairs // max(ringing, 1)}."
        )
        if talking > needs.pairs:
            saying = f"{has} are too few for {needs.calls} calls that talk (limits.calls): those need {talking}."
            yield error(subject, saying, remedy)
        elif ringing > needs.pairs:
            saying = f"{has} do for {needs.calls} calls that talk; all of them ringing {needs.recipients} recipients"
            yield warning(subject, f"{saying} need {ringing}. Calls for which there are none are refused.", remedy)
        elif ringing:
            yield good(subject, f"{has}; {needs.calls} calls that all ring need {ringing}.")


def _judge_taken(needs: Needs, facts: Facts) -> Iterator[MediaFinding]:
    """Ports that somebody else than the running relay has."""
    ours = 2 * facts.running.pairs if facts.running is not None else 0
    held = sum(len(ports) for ports in facts.taken.values())
    if not held:
        yield good("media.ports", f"nobody has any of {needs.first_port} to {needs.last_port}.")
    elif held <= ours:
        yield good("media.ports", "nobody but the running relay has any of them.")
    else:
        named = next(ports for ports in facts.taken.values() if ports)
        which = "" if ours else f" ({', '.join(map(str, named[:NAMED]))}{' …' if len(named) > NAMED else ''})"
        yield warning(
            "media.ports",
            f"other programs have {held - ours} of them{which}; the relay does without.",
            "See who with `ss -ulnp`, and keep the range out of net.ipv4.ip_local_port_range.",
        )


def _judge_descriptors(needs: Needs, facts: Facts) -> MediaFinding:
    wanted = needs.descriptors + OTHER_DESCRIPTORS
    whose, limit = "a process that is started here", facts.descriptors
    if facts.running is not None and facts.running.descriptors:
        whose, limit = "the running relay", facts.running.descriptors
    saying = f"{whose} may have {limit}, and the whole range of ports takes {wanted}."
    if limit >= wanted:
        return good("descriptors", saying)
    least = 2 * sum(needs.talking.values()) + OTHER_DESCRIPTORS
    remedy = f"Set LimitNOFILE={wanted} in the relay's unit, or `ulimit -n {wanted}`."
    say = error if limit < least else warning
    return say("descriptors", saying, remedy)


def _judge_settings(needs: Needs, settings: dict[str, int]) -> Iterator[MediaFinding]:
    low = [name for name, (least, _) in FLOOR.items() if settings.get(name, least) < least]
    for name in low:
        least, why = FLOOR[name]
        remedy = f"sysctl -w {name}={least}; deploy/sysctl.conf does it for good."
        yield warning(name, f"{settings[name]}: {why}.", remedy)
    if not low and "net.core.rmem_max" in settings:
        yield good("socket buffers", f"up to {settings['net.core.rmem_max']} octets.")
    if settings.get("net.core.bpf_jit_enable") == 0:
        name = "net.core.bpf_jit_enable"
        yield warning(name, "0: the kernel's forms would be interpreted.", f"sysctl -w {name}=1")
    yield from _judge_tracking(needs, settings)


def _judge_tracking(needs: Needs, settings: dict[str, int]) -> Iterator[MediaFinding]:
    limit, wanted = settings.get("net.netfilter.nf_conntrack_max"), FLOWS_TRACKED * needs.calls
    remedy = "A notrack rule for media.ports, in prerouting and in output, spares media of it."
    if limit is None:
        return
    if limit - settings.get("net.netfilter.nf_conntrack_count", 0) < wanted:
        saying = f"{limit} connections at most, {needs.calls} calls make {wanted}; what is beyond is dropped."
        yield warning("net.netfilter.nf_conntrack_max", saying, remedy)
    else:
        yield note("conntrack", "is there; if rules make it track media, packets in user space cost more.", remedy)
