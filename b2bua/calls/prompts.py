"""What a prompt of a flow is to the relay that plays it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath

from b2bua.calls.flow import Prompt, PromptKind
from b2bua.calls.record import CallRecord
from rtp_relay.control import CountryTone, File, Speech, Tone, ToneStep

Sound = CountryTone | File | Speech | Tone

SPOKEN = (
    "PCMU",
    "PCMA",
    "G722",
    "opus",
)  # what the relay encodes; a caller without any of them hears nothing of us
BEEP = Tone((ToneStep((1000,), 0.4),))  # after a greeting: speak now


def variables_of(record: CallRecord) -> Mapping[str, str]:
    """What {caller}, {source}, {flow} and {dialled} stand for in a call."""
    return {
        "caller": record.caller or "an unknown number",
        "source": record.number_name or record.dialled,
        "flow": record.flow,
        "dialled": record.dialled,
    }


def sound_of(prompt: Prompt, values: Mapping[str, str], directory: str) -> Sound:
    """values: of the variables in a text. directory: where the path of a file begins that is not absolute."""
    if prompt.kind is PromptKind.SAY:
        return Speech(prompt.text(values), prompt.voice or "en")
    if prompt.kind is PromptKind.PLAY:
        return File(str(PurePath(directory, prompt.content)))
    return CountryTone("ringback", prompt.content)
