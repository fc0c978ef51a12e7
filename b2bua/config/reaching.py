"""How the recipients of a flow are reached over SIP: what the flow says, joined with what the trunks say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from b2bua.calls import flow as flows
from b2bua.calls.recipient import DialStep, HeaderRecipe, Recipient
from b2bua.config.addresses import phone_number, sip_address
from b2bua.config.values import Trunk

# The steps of a flow that a number with recipients is.
RING: Final = "ring"
END: Final = "end"


def uri_and_route(is_phone: bool, destination: str, trunk_address: str) -> tuple[str, str]:
    """The Request-URI for a destination and the outbound proxy, "" for none; trunk_address "" for no trunk."""
    if not trunk_address:
        return destination, ""
    if is_phone:
        address = sip_address(trunk_address)
        return f"sip:{phone_number(destination)}@{address.hostport}{address.parameters}", ""
    # RFC 3261 §8.1.2: an outbound proxy is a pre-loaded route set of one loose router.
    is_loose = ";lr" in trunk_address.lower()
    return destination, trunk_address if is_loose else f"{trunk_address};lr"


def reached(flow: flows.Flow, trunks: Mapping[str, Trunk]) -> flows.Flow:
    """The flow with a way to each recipient, but for one whose trunk is not there or takes no calls."""
    return replace(flow, steps={name: _step(step, trunks) for name, step in flow.steps.items()})


def dial_step(dial: flows.Dial, media_timeout: float = 60.0, duration_limit: float = 0.0) -> DialStep:
    """What a fork is told of a dial step whose recipients have their ways. Whoever has none is left out."""
    return DialStep(
        recipients=tuple(_asked(each.way, each, dial) for each in dial.rung if each.way is not None),
        ring_time=dial.ring_time,
        early_media=dial.early_media,
        six_xx=dial.six_xx,
        timeout_status=dial.timeout_status,
        media_timeout=media_timeout,
        duration_limit=duration_limit,
        answered_elsewhere=dial.answered_elsewhere is not flows.Elsewhere.SHOW,
        hides_always=dial.answered_elsewhere is flows.Elsewhere.ALWAYS_HIDE,
        decline_ends=dial.decline is flows.Decline.EVERYONE,
        decline_codes=dial.decline_codes,
        takes_turns=dial.mode is flows.Mode.TURNS,
        whisper=dial.whisper,
        confirm_prompt=dial.confirm_prompt,
        too_late=dial.too_late,
        confirm_time=dial.confirm_time,
    )


def first_dial_step(flow: flows.Flow | None, media_timeout: float, duration_limit: float) -> DialStep:
    """The dial step of a flow that stands first in it; one that rings nobody where there is none."""
    dials = [step for step in flow.steps.values() if isinstance(step, flows.Dial)] if flow is not None else []
    if not dials:
        return DialStep((), media_timeout=media_timeout, duration_limit=duration_limit)
    return dial_step(dials[0], media_timeout, duration_limit)


def flow_of(name: str, step: DialStep, off: tuple[flows.DialRecipient, ...] = ()) -> flows.Flow:
    """The flow that a number with recipients is: one dial step, then hang up as it came out."""
    dial = flows.Dial(
        recipients=(*(_recipient_of(recipient) for recipient in step.recipients), *off),
        ring_time=step.ring_time,
        early_media=step.early_media,
        answered_elsewhere=flows.Elsewhere.HIDE if step.answered_elsewhere else flows.Elsewhere.SHOW,
        six_xx=step.six_xx,
        timeout_status=step.timeout_status,
        exits={flows.NOBODY_ANSWERED: END},
    )
    return flows.Flow(name, 0, RING, {RING: dial, END: flows.HangUp()})


def _recipient_of(recipient: Recipient) -> flows.DialRecipient:
    return flows.DialRecipient(
        name=recipient.name,
        destination=recipient.uri,
        start_after=recipient.start_after,
        stop_after=recipient.stop_after,
        unreachable_after=recipient.unreachable_after,
        interface=recipient.media_interface,
        nat=recipient.nat,
        way=recipient,
    )


def second_recipe(recipe: HeaderRecipe, trunk: Trunk | None) -> HeaderRecipe | None:
    """What is shown where the trunk refuses the number that this recipe shows; None when there is nothing else."""
    if trunk is None or not trunk.caller_id_refusals or recipe.from_user == "dialled":
        return None
    return replace(recipe, from_user="dialled")


def _asked(way: Recipient, recipient: flows.DialRecipient, dial: flows.Dial) -> Recipient:
    """The way to a recipient with what this step asks of him, which a number's own recipients never are."""
    press_one = dial.asks_for_one(recipient)
    if way.extension == recipient.extension and way.press_one == press_one:
        return way
    return replace(way, extension=recipient.extension, press_one=press_one)


def _step(step: flows.Step, trunks: Mapping[str, Trunk]) -> flows.Step:
    if not isinstance(step, flows.Dial):
        return step
    return replace(step, recipients=tuple(_with_way(each, step, trunks) for each in step.recipients))


def _with_way(
    recipient: flows.DialRecipient, dial: flows.Dial, trunks: Mapping[str, Trunk]
) -> flows.DialRecipient:
    trunk = trunks.get(recipient.trunk)
    is_phone = recipient.type is flows.RecipientType.PHONE
    if (recipient.trunk or is_phone) and (trunk is None or not trunk.address):
        return replace(recipient, way=None)
    uri, route = uri_and_route(is_phone, recipient.destination, trunk.address if trunk is not None else "")
    nat = trunk.nat if trunk is not None else True
    recipe = _recipe(trunk.recipe if trunk is not None else HeaderRecipe(), dial)
    way = Recipient(
        name=recipient.name,
        uri=uri,
        route=route,
        start_after=recipient.start_after,
        stop_after=recipient.stop_after,
        unreachable_after=recipient.unreachable_after,
        follow_redirects=int(dial.redirect is flows.Redirect.FOLLOW),
        credentials=trunk.credentials if trunk is not None else (),
        recipe=recipe,
        media_interface=recipient.interface or (trunk.interface if trunk is not None else ""),
        nat=nat if recipient.nat is None else recipient.nat,
        keep_call_id=trunk is not None and trunk.keep_call_id,
        caller_id_refusals=trunk.caller_id_refusals if trunk is not None else (),
        second_recipe=second_recipe(recipe, trunk),
        is_once=True,
        trunk=recipient.trunk,
        weight=recipient.weight,
    )
    return replace(recipient, way=way)


def _recipe(recipe: HeaderRecipe, dial: flows.Dial) -> HeaderRecipe:
    """The trunk's recipe with what the step says otherwise."""
    shown = "dialled" if dial.caller_id == flows.TRACKING else dial.caller_id
    return replace(
        recipe,
        from_user=shown or recipe.from_user,
        display_prefix=dial.display_prefix or recipe.display_prefix,
    )
