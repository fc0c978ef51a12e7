"""Flows to test with, as small as they go, and any flow at all."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hypothesis import strategies as st

from b2bua.calls import flow as values
from b2bua.calls.flow import Dial, DialRecipient, Flow, HangUp, Prompt, PromptKind, RecipientType, Step
from b2bua.calls.recipient import EarlyMedia, SixXX

ANA = DialRecipient("Ana", "sip:ana@192.0.2.7")
BEN = DialRecipient("Ben", "+15550102", RecipientType.PHONE, trunk="carrier")
HELLO = Prompt(PromptKind.SAY, "Hello.")


def dial(*recipients: DialRecipient, **settings: Any) -> Dial:
    settings.setdefault("exits", {values.NOBODY_ANSWERED: "end"})
    return Dial(recipients or (ANA,), **settings)


def flow(step: Step, **more: Step) -> Flow:
    """A flow that begins with a step named "first" and may go on to "end"."""
    steps: Mapping[str, Step] = {"first": step, **more, "end": HangUp()}
    return Flow("main", 0, "first", steps)


names = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=12)
some_text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), min_size=1, max_size=12
)
seconds = st.floats(0, 86400, allow_nan=False)
numbers = st.from_regex(r"\+?[0-9]{1,12}", fullmatch=True)
prompts = st.one_of(
    st.builds(Prompt, st.just(PromptKind.SAY), some_text, texts),
    st.builds(Prompt, st.just(PromptKind.PLAY), some_text),
    st.builds(Prompt, st.just(PromptKind.TONE), st.from_regex(r"[a-z]{2}", fullmatch=True)),
)
maybe_prompts = st.none() | prompts


def exits(*leaving: str) -> st.SearchStrategy[dict[str, str]]:
    return st.fixed_dictionaries({}, optional=dict.fromkeys(leaving, names))


@st.composite
def recipients(draw: st.DrawFn) -> DialRecipient:
    kind = draw(st.sampled_from(RecipientType))
    return DialRecipient(
        name=draw(some_text),
        destination=draw(numbers) if kind is RecipientType.PHONE else f"sip:{draw(numbers)}@192.0.2.7",
        type=kind,
        trunk=draw(texts),
        extension=draw(st.text("0123456789ABCD*#w", max_size=8)),
        start_after=draw(seconds),
        stop_after=draw(seconds),
        unreachable_after=draw(seconds),
        press_one=draw(st.none() | st.booleans()),
        voicemail_after=draw(seconds),
        weight=draw(st.integers(1, 100)),
        is_on=draw(st.booleans()),
        interface=draw(texts),
        nat=draw(st.none() | st.booleans()),
    )


dials = st.builds(
    Dial,
    recipients=st.lists(recipients(), min_size=1, max_size=4).map(tuple),
    mode=st.sampled_from(values.Mode),
    sticky=st.integers(0, 365),
    ring_time=st.floats(5, 300),
    caller_hears=maybe_prompts,
    early_media=st.sampled_from(EarlyMedia),
    whisper=maybe_prompts,
    press_one=st.booleans(),
    confirm_prompt=maybe_prompts,
    too_late=maybe_prompts,
    confirm_time=st.floats(3, 120),
    caller_id=st.sampled_from(["", values.CALLER, values.TRACKING]) | numbers,
    display_prefix=texts,
    decline=st.sampled_from(values.Decline),
    decline_codes=st.lists(st.integers(400, 699), max_size=4).map(tuple),
    redirect=st.sampled_from(values.Redirect),
    answered_elsewhere=st.sampled_from(values.Elsewhere),
    six_xx=st.sampled_from(SixXX),
    timeout_status=st.sampled_from([408, 480]),
    exits=exits(values.ANSWERED, values.NOBODY_ANSWERED, values.ALL_BUSY_OR_DECLINED),
)
menus = st.builds(
    values.Menu,
    prompts,
    st.floats(1, 60),
    st.integers(1, 10),
    exits(values.NO_CHOICE, *"0123456789*#"),
)
openings = st.builds(
    lambda weekday, opens, more: values.Opening(weekday, opens, min(opens + more, values.MINUTES_OF_A_DAY)),
    st.integers(0, 6),
    st.integers(0, values.MINUTES_OF_A_DAY - 1),
    st.integers(1, values.MINUTES_OF_A_DAY),
)
holidays = st.builds(
    lambda day, is_yearly, name: values.Holiday(day.month, day.day, 0 if is_yearly else day.year, name),
    st.dates(),
    st.booleans(),
    texts,
)


@st.composite
def schedules(draw: st.DrawFn) -> values.Schedule:
    labels = draw(st.lists(some_text.filter(lambda name: name not in (values.HOLIDAY, values.OTHERWISE)),
                           min_size=1, max_size=3, unique=True))  # fmt: skip
    branches = tuple(
        values.Branch(label, tuple(sorted(draw(st.sets(openings, max_size=5))))) for label in labels
    )
    days = draw(st.lists(holidays, max_size=3, unique_by=lambda holiday: holiday[:3]))
    zone = draw(st.sampled_from(["Europe/Berlin", "America/New_York", "Asia/Kolkata", "UTC"]))
    return values.Schedule(
        zone, branches, tuple(days), draw(exits(values.HOLIDAY, values.OTHERWISE, *labels))
    )


steps: st.SearchStrategy[Step] = st.one_of(
    dials,
    menus,
    schedules(),
    st.builds(values.Play, prompts, exits(values.PLAYED)),
    st.builds(values.Voicemail, names, maybe_prompts, st.floats(1, 3600), seconds, exits(values.RECORDED)),
    st.builds(HangUp, st.sampled_from([0, 404, 408, 480, 486])),
)
flows = st.builds(Flow, names, st.just(0), names, st.dictionaries(names, steps, max_size=4))
