"""Which forms of forwarding work here, and which of them the relay would take."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from b2bua.media_check.findings import MediaFinding, error, good, note, warning
from b2bua.media_check.needs import Needs
from rtp_relay.facts import Facts, Link, Trial

Form = Literal["user", "tc", "xdp"]
FORMS: Final[tuple[Form, ...]] = ("user", "tc", "xdp")
PRIVILEGE: Final = (
    "Let the loader run with CAP_BPF and CAP_NET_ADMIN (docs/operating.md), or be content with the user form."
)
NAME_ADDRESSES: Final = "To have it, write each address as an interface of its own."


class Possible(NamedTuple):
    """Whether a form can be had; reason: why not, or with what reservation."""

    form: Form
    can: bool | None  # None: nobody could look
    reason: str = ""


def judge_forms(needs: Needs, facts: Facts) -> Iterator[MediaFinding]:
    for form in FORMS:
        for host in needs.hosts:
            trials = [one for one in _meant(facts) if (one.form, one.host) == (form, host)]
            if trials:
                yield from _judge_trials(form, host, trials)
    possible = {form: _possible(form, needs, facts) for form in FORMS}
    yield from _judge_possible(possible)
    yield _chosen(needs, possible)
    yield from _judge_kept(needs, facts, any(possible[form].can for form in ("tc", "xdp")))
    if facts.running is not None:
        yield _judge_running(needs, facts.running.form, facts.running.reason, facts.running.calls)


# What the trials say.


def _meant(facts: Facts) -> list[Trial]:
    """Without those on this host at an address that is not here: that is said once, of the interface."""
    return [trial for trial in facts.trials if trial.network == "own" or trial.host not in facts.missing]


def faults(trial: Trial) -> list[str]:
    """What is wrong about one."""
    if trial.problem:
        return [trial.problem]
    found = []
    if trial.bad_checksums:
        found.append(f"{trial.bad_checksums} packets arrived with a wrong checksum")
    elif trial.arrived < trial.sent:
        found.append(f"{trial.sent - trial.arrived} of {trial.sent} packets were lost")
    if trial.strange:
        found.append(f"{trial.strange} packets of a stranger were passed on")
    if trial.form != "user" and not trial.far_offload and trial.by_kernel < trial.arrived:
        found.append(f"the kernel forwarded {trial.by_kernel} of {trial.arrived} packets itself")
    return found


def _judge_trials(form: Form, host: str, trials: list[Trial]) -> Iterator[MediaFinding]:
    """All of one form at one address: one line if all is well."""
    subject = f"{form} form at {host}"
    broken = [(trial, faults(trial)) for trial in trials]
    for trial, wrong in broken:
        if wrong:
            where = "on this host" if trial.network == "here" else f"on a network of our own{_offloads(trial)}"
            say = error if form == "user" else warning
            yield say(subject, f"{where}, {', '.join(wrong)}.", _remedy(trial))
    if not any(wrong for _, wrong in broken):
        yield good(subject, _well(form, trials))


def _well(form: Form, trials: list[Trial]) -> str:
    sent = sum(trial.sent for trial in trials)
    said = f"{sent} packets forwarded, none lost, none of a stranger"
    if form != "user":
        said += f"; {sum(trial.by_kernel for trial in trials)} by the kernel alone"
    if any(trial.far_offload is not None for trial in trials):
        said += "; checksums right with the offloads of both sides on and off"
    return f"{said}."


def _offloads(trial: Trial) -> str:
    if trial.far_offload is None:
        return ""
    far, ours = ("on" if is_on else "off" for is_on in (trial.far_offload, bool(trial.relay_offload)))
    return f" (checksum offload of the far end {far}, ours {ours})"


def _remedy(trial: Trial) -> str:
    if trial.network == "here":
        return "Look whether a packet filter drops what goes from this host to itself, and whether the address is here."
    if trial.form == "user":
        return "The relay needs no more than UDP sockets for this; look at the system's log."
    if "not permitted" in trial.problem:
        return PRIVILEGE
    return f'Do not choose form = "{trial.form}" on this kernel; please report it with the line above.'


# What can be had.


def _possible(form: Form, needs: Needs, facts: Facts) -> Possible:
    if form == "user":
        broken = [trial for trial in _meant(facts) if trial.form == "user" and faults(trial)]
        return Possible(form, not broken, broken[0].problem if broken else "")
    for host in needs.hosts:
        if ipaddress.ip_address(host).is_unspecified:
            return Possible(form, False, f"media at {host}: the kernel's forms want the addresses themselves")
    if facts.missing:
        return Possible(form, False, f"no interface of this host has the address {facts.missing[0]}")
    if form == "xdp":
        for link in facts.links:
            if hindrance := _xdp_hindrance(link, facts.running is not None and facts.running.form == "xdp"):
                return Possible(form, False, hindrance)
    trials = [trial for trial in facts.trials if trial.form == form]
    if not trials:
        kept = facts.pinned
        if kept is not None and kept.lasting and kept.fits and kept.form == form:
            return Possible(form, True, f"a loader has attached it ({kept.directory})")
        return Possible(form, None, "it could not be tried")
    wrong = [fault for trial in trials for fault in faults(trial)]
    return Possible(form, not wrong, wrong[0] if wrong else _reservation(facts))


def _xdp_hindrance(link: Link, is_ours: bool) -> str:
    """Why no program of ours can be in the link's driver; "" if nothing is known to speak against it."""
    if link.kind == "ethernet" and link.has_xdp and not is_ours:
        return f"{link.name} has an XDP program of somebody else already"
    if link.kind == "ethernet" and link.can_xdp is False:
        return f"the driver of {link.name} ({link.driver or 'unknown'}) does not do XDP"
    return ""


def _reservation(facts: Facts) -> str:
    others = [link.name for link in facts.links if link.kind == "other"]
    if others:
        return f"what goes by {', '.join(others)} stays in user space: that is no Ethernet"
    loopback = [host for link in facts.links if link.kind == "loopback" for host in link.hosts]
    routed = [host for host in loopback if not ipaddress.ip_address(host).is_loopback]
    return f"{', '.join(routed)} is at the loopback: what comes by a wire stays in user space" if routed else ""


def _judge_possible(possible: dict[Form, Possible]) -> Iterator[MediaFinding]:
    for form, what in possible.items():
        reason = f": {what.reason}" if what.reason else ""
        if what.can is None:
            yield note(f"{form} form", f"nobody knows whether it can be had{reason}.", "Run this check as root.")
        elif not what.can and form != "user":
            remedy = NAME_ADDRESSES if "addresses themselves" in reason else ""
            yield note(f"{form} form", f"cannot be had{reason}.", remedy)
        elif what.can and reason:
            yield note(f"{form} form", f"can be had{reason}.")


def _chosen(needs: Needs, possible: dict[Form, Possible]) -> MediaFinding:
    """What the relay would take, as rtp_relay.forms.choice does, and why."""
    wish = needs.form
    if wish == "user":
        return good("media.form", "the relay forwards in user space, as asked for.")
    wanted = possible["tc" if wish == "auto" else wish]
    if wanted.can is None:
        return note("media.form", f'"{wish}": only a relay that starts with the privileges for it can tell.')
    if wanted.can:
        why = "the fastest that works at any interface" if wish == "auto" else "as asked for"
        return good("media.form", f"the relay takes {wanted.form}: {why}.")
    if wish == "auto":
        return good("media.form", f"the relay takes user, since tc cannot be had: {wanted.reason}.")
    remedy = f'Mend that, or write form = "{"tc" if wish == "xdp" and possible["tc"].can else "auto"}".'
    return error("media.form", f'"{wish}" cannot be had, and the relay will not start: {wanted.reason}.', remedy)


def _judge_kept(needs: Needs, facts: Facts, can_kernel: bool) -> Iterator[MediaFinding]:
    """What is kept in the bpf file system for the next relay."""
    kept = facts.pinned
    if kept is None:
        if can_kernel and needs.form != "user" and not facts.keeps_pins:
            saying = "no bpf file system is mounted: what the kernel forwards stops when the relay is started again."
            yield note("media.kernel_pins", saying, "mount -t bpf bpf /sys/fs/bpf, or use the units in deploy/.")
        return
    whose = "a loader's programs" if kept.lasting else "a relay's programs and calls"
    if not kept.fits:
        remedy = "Run the loader again." if kept.lasting else "The next start of the relay takes them away."
        saying = f"{whose} ({kept.form}) are for other addresses or ports, or of another version: {kept.directory}."
        yield warning("media.kernel_pins", saying, remedy)
    elif facts.running is not None or kept.lasting:
        yield good("media.kernel_pins", f"{whose} ({kept.form}) are kept in {kept.directory}.")
    else:
        saying = f"{whose} ({kept.form}) are left in {kept.directory}, and no relay is running."
        yield note("media.kernel_pins", saying, "The next one goes on with them.")


def _judge_running(needs: Needs, form: str, reason: str, calls: int) -> MediaFinding:
    said = f"a relay is running with the {form} form ({reason}), {calls} call{'' if calls == 1 else 's'}."
    if needs.form in ("auto", form):
        return note("relay", said)
    return warning("relay", said, f'The file says form = "{needs.form}": restart the relay to have that.')
