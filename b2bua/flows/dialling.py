"""Checks of one dial step: whom it rings, for how long, and what everybody hears meanwhile."""

from __future__ import annotations

from collections.abc import Iterator

from b2bua.calls.flow import CALLER, TRACKING, Decline, Dial, DialRecipient, Mode, RecipientType
from b2bua.calls.recipient import EarlyMedia
from b2bua.flows.facts import Facts
from b2bua.flows.remarks import Field, Remark, error, warning
from sip_stack.errors import RemoteError
from sip_stack.uri import Uri

_SIP_PORT = 5060
# Statuses that no person sends by refusing a call, and what they are.
_NO_PERSON = {
    404: "a number that does not exist",
    408: "a phone that was not reached",
    410: "a number that does not exist any more",
    488: "a codec that does not fit",
    604: "a number that does not exist",
    606: "a codec that does not fit",
}


def dial_remarks(flow: str, name: str, dial: Dial, facts: Facts) -> Iterator[Remark]:
    """All remarks on a dial step but for its prompts and exits."""
    yield from _step_remarks(name, dial, facts)
    seen_names: set[str] = set()
    seen: dict[tuple[str, str], str] = {}
    for index, recipient in enumerate(dial.recipients):
        field: Field = ("recipients", index)
        if recipient.name in seen_names:
            text = f"{recipient.name} stands here twice: counts and turns could not tell them apart."
            yield error(name, (*field, "name"), text, "Give one of them another name.")
        seen_names.add(recipient.name)
        if not recipient.is_on:
            continue
        key = (recipient.destination.lower(), recipient.trunk)
        if key in seen:
            text = f"{recipient.name} has the destination of {seen[key]}: that phone would ring twice."
            yield warning(name, (*field, "destination"), text, "Remove one of the two.")
        seen.setdefault(key, recipient.name)
        yield from _times(name, field, dial, recipient, facts)
        yield from _way_remarks(name, field, recipient, facts)
        yield from _destination_remarks(flow, name, field, recipient, facts)
        yield from _caller_id_remarks(name, dial, recipient, facts)
    yield from _gaps(name, dial)


def _step_remarks(name: str, dial: Dial, facts: Facts) -> Iterator[Remark]:
    on = [recipient for recipient in dial.recipients if recipient.is_on]
    if not on:
        yield error(name, ("recipients",), "nobody is on: nobody would ring.", "Turn somebody on.")
    if len(on) > facts.recipients_limit:
        text = f"{len(on)} recipients; limits.recipients is {facts.recipients_limit}."
        yield warning(name, ("recipients",), text, "Raise the limit if that is meant.")
    if dial.mode is Mode.ONE and len(on) > 1:
        text = f"only {on[0].name} rings; {', '.join(each.name for each in on[1:])} never."
        yield warning(name, ("mode",), text, 'Write "everyone" or "turns", or turn the others off.')
    yield from _turn_remarks(name, dial)
    yield from _decline_remarks(name, dial)
    if dial.caller_hears is not None and dial.early_media is not EarlyMedia.NONE:
        text = "has no effect: the caller hears what caller_hears says."
        yield warning(name, ("early_media",), text, "Remove one of the two.")
    asked = [each.name for each in dial.rung if dial.asks_for_one(each)]
    if asked and dial.whisper is None and dial.confirm_prompt is None:
        text = f"{_listed(asked)} must press 1, but nothing says so: only silence is heard."
        remedy = 'Add confirm_prompt = { say = "Press 1 to take the call." }.'
        yield warning(name, ("confirm_prompt",), text, remedy)


def _turn_remarks(name: str, dial: Dial) -> Iterator[Remark]:
    """What is said of turns where nobody takes turns."""
    if dial.mode is Mode.TURNS:
        return
    remedy = 'Write mode = "turns", or remove it.'
    if dial.sticky:
        text = "has no effect: recipients do not take turns here."
        yield warning(name, ("sticky",), text, remedy)
    for index, recipient in enumerate(dial.recipients):
        if recipient.weight != 1:
            text = f"the weight of {recipient.name} has no effect: recipients do not take turns here."
            yield warning(name, ("recipients", index, "weight"), text, remedy)


def _decline_remarks(name: str, dial: Dial) -> Iterator[Remark]:
    """What would end the step for everyone that nobody has done, and what never would."""
    if dial.decline is not Decline.EVERYONE:
        return
    field: Field = ("decline_codes",)
    if not dial.decline_codes and not any(dial.asks_for_one(each) for each in dial.rung):
        text = "nothing is a decline here: no status, and nobody is asked for a key."
        yield warning(name, field, text, "Write decline_codes = [603].")
    if len(dial.rung) < 2:
        return
    for status in dial.decline_codes:
        if status in _NO_PERSON or 500 <= status < 600:
            text = (
                f"{status} is {_NO_PERSON.get(status, 'the failure of a server')}, not somebody's no:"
                " one phone with that trouble would stop the others."
            )
            yield warning(name, field, text, f"Take {status} out.")


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _times(name: str, field: Field, dial: Dial, recipient: DialRecipient, facts: Facts) -> Iterator[Remark]:
    who = recipient.name
    if recipient.start_after >= dial.ring_time:
        text = f"{who} would start after {recipient.start_after:g} s, when ringing is over ({dial.ring_time:g} s)."
        yield error(name, (*field, "start_after"), text, "Lower it, or raise ring_time.")
        return
    if 0 < recipient.stop_after <= recipient.start_after:
        text = f"{who} would stop before starting."
        yield error(name, (*field, "stop_after"), text, "Raise it, or write 0 for the end.")
        return
    answers = recipient.voicemail_after or _learned(recipient, facts)
    rings = _stop(dial, recipient) - recipient.start_after
    if answers and rings >= answers and not dial.asks_for_one(recipient):
        text = (
            f"{who} rings for {rings:g} s, but the voicemail there answers after about {answers:g} s:"
            " it would take the call."
        )
        last = recipient.start_after + max(answers - 2, 1)
        remedy = f"Set stop_after = {last:g} for {who}, or press_one = true."
        yield warning(name, (*field, "stop_after"), text, remedy)


def _learned(recipient: DialRecipient, facts: Facts) -> float:
    rung = recipient.way.uri if recipient.way is not None else recipient.destination
    return facts.voicemails.get(rung) or facts.voicemails.get(recipient.destination, 0.0)


def _stop(dial: Dial, recipient: DialRecipient) -> float:
    return min(recipient.stop_after or dial.ring_time, dial.ring_time)


def _way_remarks(name: str, field: Field, recipient: DialRecipient, facts: Facts) -> Iterator[Remark]:
    if recipient.interface and facts.interfaces and recipient.interface not in facts.interfaces:
        text = f'there is no interface "{recipient.interface}".'
        yield error(name, (*field, "interface"), text, f"Known: {', '.join(sorted(facts.interfaces))}.")
    is_phone = recipient.type is RecipientType.PHONE
    if is_phone and not recipient.trunk:
        text = f"{recipient.name} is a phone, and a phone is reached through a trunk."
        yield error(name, field, text, f'Add trunk = "…"{_known_trunks(facts)}.')
    if not recipient.trunk or facts.trunks is None:
        return
    trunk = facts.trunks.get(recipient.trunk)
    if trunk is None:
        text = f'there is no trunk "{recipient.trunk}".'
        yield error(name, (*field, "trunk"), text, f"Name another{_known_trunks(facts)}.")
    elif not trunk.takes_calls:
        text = f'trunk "{recipient.trunk}" has no address to send calls to.'
        yield error(name, (*field, "trunk"), text, f"Add address to [trunks.{recipient.trunk}].")
    elif is_phone and not recipient.destination.startswith(trunk.allowed_prefixes):
        allowed = ", ".join(trunk.allowed_prefixes) or "none"
        text = (
            f"{recipient.destination} may not be dialled through {recipient.trunk}"
            f" (allowed prefixes: {allowed})."
        )
        remedy = f"Add its prefix to allowed_prefixes of [trunks.{recipient.trunk}]."
        yield error(name, (*field, "destination"), text, remedy)


def _known_trunks(facts: Facts) -> str:
    return f", one of: {', '.join(facts.trunks)}" if facts.trunks else ""


def _destination_remarks(
    flow: str, name: str, field: Field, recipient: DialRecipient, facts: Facts
) -> Iterator[Remark]:
    field = (*field, "destination")
    number, is_ours = _number_of(recipient, facts)
    if number.lstrip("+") in facts.emergency_numbers:
        remedy = "Remove it; if it is an extension, take it off limits.emergency_numbers."
        yield error(name, field, f"{number} is an emergency number.", remedy)
    if not is_ours:
        return
    points_to = facts.own_numbers.get(number, facts.own_numbers.get("*"))
    if points_to == flow:
        text = f"{number} is a number of this very flow: the call would ring itself."
        yield error(name, field, text, "Write another destination.")
    elif points_to is not None:
        text = f"{number} is one of your own numbers: calls would go in a circle, and be recorded twice."
        yield warning(name, field, text, "List that number's recipients here instead.")
    elif recipient.type is RecipientType.SIP:
        yield error(name, field, "is this service itself.", "Write the phone's address.")


def _number_of(recipient: DialRecipient, facts: Facts) -> tuple[str, bool]:
    """The number or user that is rung, and whether the call would come back to us."""
    if recipient.type is RecipientType.PHONE:
        return recipient.destination, recipient.destination in facts.own_numbers
    try:
        uri = Uri.parse(recipient.destination)
    except RemoteError:
        return "", False  # a draft; what a SIP URI is, is checked where it is read
    is_ours = not recipient.trunk and (uri.host, uri.port or _SIP_PORT) in facts.own_addresses
    return uri.user, is_ours


def _caller_id_remarks(name: str, dial: Dial, recipient: DialRecipient, facts: Facts) -> Iterator[Remark]:
    trunk = (facts.trunks or {}).get(recipient.trunk)
    if trunk is None or not trunk.own_numbers_only:
        return
    shown = dial.caller_id or trunk.caller_id
    if shown in (TRACKING, "dialled") or shown in facts.own_numbers:
        return
    what = "the caller's number" if shown == CALLER else shown
    text = (
        f"{recipient.name} would be shown {what}, and {recipient.trunk} refuses numbers that are not yours."
    )
    yield warning(name, ("caller_id",), text, 'Write caller_id = "tracking".')


def _gaps(name: str, dial: Dial) -> Iterator[Remark]:
    """Seconds in which nobody rings, and the caller waits for nothing."""
    on = [each for each in dial.rung if each.start_after < dial.ring_time]
    if not on:
        return
    begins = min(recipient.start_after for recipient in on)
    if begins > 0:
        text = f"nobody rings for the first {begins:g} s, and the caller may hear silence."
        yield warning(name, ("recipients",), text, "Let somebody start after 0 s.")
    if dial.mode is Mode.TURNS:
        return
    covered = 0.0
    for recipient in sorted(on, key=lambda each: each.start_after):
        if covered and recipient.start_after > covered:
            text = f"nobody rings from {covered:g} s to {recipient.start_after:g} s."
            yield warning(name, ("recipients",), text, "Let somebody ring on, or start earlier.")
        covered = max(covered, _stop(dial, recipient))
    if covered < dial.ring_time:
        text = f"nobody rings after {covered:g} s, but the step goes on to {dial.ring_time:g} s."
        yield warning(name, ("ring_time",), text, f"Write {covered:g}, or let somebody ring to the end.")
