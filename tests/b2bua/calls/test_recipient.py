"""Recipients and steps: their defaults are promises, their values are compared, passwords are not shown."""

from __future__ import annotations

import dataclasses

import pytest

from b2bua.calls.recipient import Credentials, DialStep, EarlyMedia, HeaderRecipe, Recipient, SixXX


def test_a_step_rings_everybody_for_half_a_minute_and_plays_nothing() -> None:
    step = DialStep((Recipient("Ana", "sip:ana@192.0.2.7"),))
    assert (step.ring_time, step.timeout_status, step.media_timeout, step.duration_limit) == (30, 480, 60, 0)
    assert step.early_media is EarlyMedia.NONE
    assert step.six_xx is SixXX.RECIPIENT  # FRK-6: one refusal must not end it for all
    assert step.answered_elsewhere


def test_a_recipient_is_rung_at_once_until_the_end_of_the_step_and_not_forwarded() -> None:
    ana = Recipient("Ana", "sip:ana@192.0.2.7")
    assert (ana.start_after, ana.stop_after, ana.follow_redirects) == (0, 0, 0)
    assert ana.unreachable_after == 4
    assert (ana.route, ana.credentials, ana.keep_call_id) == ("", (), False)
    assert ana.recipe == HeaderRecipe()


def test_a_recipe_says_the_caller_as_he_came_and_adds_nothing() -> None:
    recipe = HeaderRecipe()
    assert recipe.from_user == "caller"
    assert not any((recipe.from_host, recipe.display_prefix, recipe.asserted_identity, recipe.diversion))
    assert (recipe.pass_headers, recipe.add) == ((), ())


def test_a_password_is_not_printed() -> None:
    credentials = Credentials("ana", "hunter2", "example.com")
    step = DialStep((Recipient("Ana", "sip:ana@192.0.2.7", credentials=(credentials,)),))
    assert "hunter2" not in repr(step) and "'ana'" in repr(credentials)


@pytest.mark.parametrize(
    "value",
    [Credentials("a", "b"), HeaderRecipe(), Recipient("Ana", "sip:a@b"), DialStep(())],
    ids=lambda value: type(value).__name__,
)
def test_they_are_values(value: object) -> None:
    """Equal when they say the same, good as keys, and not to be changed under a running call."""
    assert dataclasses.is_dataclass(value) and not isinstance(value, type)
    assert value == dataclasses.replace(value) and hash(value) == hash(dataclasses.replace(value))
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, dataclasses.fields(value)[0].name, "other")


def test_the_words_of_the_configuration() -> None:
    assert {mode.value for mode in EarlyMedia} == {"none", "first", "single", "ringback"}
    assert {policy.value for policy in SixXX} == {"recipient", "everyone"}
