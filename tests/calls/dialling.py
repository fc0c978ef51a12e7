"""A dial step with everything that a flow can say of it, for the tests of what is asked of recipients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from b2bua.calls.flow import NOBODY_ANSWERED, Dial, HangUp, Prompt, PromptKind
from tests.world.phone import Phone
from tests.world.world import World

WHISPER = Prompt(PromptKind.SAY, "a call for {source}")
ASK = Prompt(PromptKind.SAY, "press 1")
TOO_LATE = Prompt(PromptKind.SAY, "somebody else has it")
WHISPERED = "a call for Sales"  # what the whisper is, with the name that the number has here


def ring(
    world: World, phones: Sequence[Phone], of: Mapping[str, Mapping[str, Any]] | None = None, **dial: Any
) -> None:
    """Have the dialled number ring these phones in one step, then hang up. of: by name, parts of the recipient."""
    world.plan.name = "Sales"
    recipients = tuple(world.dialled(phone, **(of or {}).get(phone.name, {})) for phone in phones)
    step = Dial(recipients=recipients, exits={NOBODY_ANSWERED: "end"}, **dial)
    world.flow(ring=step, end=HangUp())


def ask(world: World, phones: Sequence[Phone], **dial: Any) -> None:
    """As ring; nobody is connected who has not pressed 1."""
    asked: dict[str, Any] = {"press_one": True, "confirm_prompt": ASK, "too_late": TOO_LATE}
    ring(world, phones, **(asked | dial))
