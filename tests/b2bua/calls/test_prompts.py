"""What a prompt of a flow is to the relay."""

from __future__ import annotations

from b2bua.calls.flow import Prompt, PromptKind
from b2bua.calls.prompts import sound_of
from rtp_relay.control import CountryTone, File, Speech


def test_a_text_is_spoken_with_its_variables_filled_in() -> None:
    prompt = Prompt(PromptKind.SAY, "A call from {caller} for {source}, {unknown}.", "de")
    values = {"caller": "+15550199", "source": "Sales"}
    assert sound_of(prompt, values, "/etc") == Speech("A call from +15550199 for Sales, {unknown}.", "de")


def test_a_text_without_a_voice_is_english() -> None:
    assert sound_of(Prompt(PromptKind.SAY, "Hello."), {}, "/etc") == Speech("Hello.", "en")


def test_a_file_begins_at_the_directory_unless_it_is_absolute() -> None:
    assert sound_of(Prompt(PromptKind.PLAY, "prompts/hello.wav"), {}, "/etc/multiring") == File(
        "/etc/multiring/prompts/hello.wav"
    )
    assert sound_of(Prompt(PromptKind.PLAY, "/srv/hello.wav"), {}, "/etc/multiring") == File("/srv/hello.wav")


def test_a_tone_is_a_countrys() -> None:
    assert sound_of(Prompt(PromptKind.TONE, "de"), {}, "/etc") == CountryTone("ringback", "de")
