"""What the console does with calls: ends one, tests a phone, plays what a caller has left."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Final

import pytest
from playwright.async_api import expect

from b2bua.phone import messages as m
from b2bua.phone.client import Phone
from tests.end_to_end.browser import FLOW_NUMBER, Stage, play, shoot

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones"), pytest.mark.timeout(240)]

SOON: Final = 30.0
EIGHT_SECONDS: Final = re.compile(
    r"^(0:(0[89]|[1-5]\d)|[1-9]:\d\d)$"
)  # or more: nobody looks at every second
MAILBOX: Final = """\
[flows.main-line]
first = "mailbox"

[flows.main-line.voicemail.mailbox]
mailbox = "sales"
greeting = { tone = "us" }
"""


def test_a_running_call_is_ended_from_its_page() -> None:
    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        await stage.caller.call(stage.service.uri())
        await asyncio.gather(*(phone.event(m.Incoming, SOON) for phone in stage.recipients))
        await stage.recipients[0].answer()
        await stage.caller.event(m.Confirmed, SOON)
        page = await stage.open("/live")
        await page.locator(".board-row.talking").get_by_role("link").click()
        await expect(page.locator(".chip").first).to_have_text("Running")
        await expect(page.locator(".sentence")).to_contain_text("Talking to Ana")
        await page.get_by_role("button", name="Hang up").click()
        await page.get_by_role("dialog").get_by_role("button", name="Hang up").click()
        await stage.caller.event(m.Disconnected, SOON)
        await stage.recipients[0].event(m.Disconnected, SOON)
        await expect(page.locator(".sentence")).to_contain_text("ended by the service")

    play(scene, phones=True)


def test_a_ring_test_tells_how_a_phone_behaves() -> None:
    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        ana = stage.recipients[0]
        page = await stage.open("/flows/main-line?new")
        await page.get_by_label("Name of recipient 1").fill("Ana")
        await page.get_by_label("Destination of recipient 1").fill(ana.uri)
        await page.get_by_role("button", name="More about Ana").click()
        await page.get_by_role("button", name="Ring test").click()
        await ana.event(m.Incoming, SOON)
        await ana.answer()
        await ana.event(m.Confirmed, SOON)
        await ana.event(m.MediaActive, SOON)
        await ana.tell(m.SendDigits("1"))
        report = page.get_by_role("dialog")
        await expect(report.locator(".facts")).to_contain_text("Answered")
        await expect(report.locator(".facts")).to_contain_text("Codec")
        await shoot(page, "ring-test")

    play(scene, phones=True)


def carrier(phones: Sequence[Phone]) -> str:
    """A trunk whose far end is the last phone: what a carrier gets, he gets."""
    address = phones[-1].uri.partition("@")[2]
    return f"""
[trunks.carrier]
sources = ["192.0.2.0/24"]
address = "sip:{address}"
allowed_prefixes = ["+1555"]
caller_id = "+15550100"
"""


def test_a_phone_behind_a_trunk_is_rung_for_a_test() -> None:
    """A recipient of type Phone: the number goes to the carrier, and what the carrier's phone does is told."""

    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        mobile = stage.recipients[-1]
        page = await stage.open("/flows/main-line?new")
        await page.get_by_label("Name of recipient 1").fill("Ben")
        await page.get_by_label("Type of recipient 1").select_option("phone")
        await page.get_by_label("Destination of recipient 1").fill("+1 555 010-2777")
        await page.get_by_role("button", name="More about Ben").click()
        await expect(page.get_by_label("Trunk").first).to_have_value("carrier")  # the one that takes calls
        await expect(page.locator("[data-row='0'] .cell-notes")).to_contain_text("through carrier")
        await page.get_by_role("button", name="Ring test").click()
        rang = await mobile.event(m.Incoming, SOON)
        sent_to = dict(rang.headers)["To"]
        assert "+15550102777@" in sent_to, sent_to
        await mobile.answer()
        await mobile.event(m.Confirmed, SOON)
        await mobile.event(m.MediaActive, SOON)
        await mobile.tell(m.SendDigits("1"))
        facts = page.get_by_role("dialog").locator(".facts")
        for told in ("Rang", "Answered", "Pressed 1", "Codec", "Number shown", "RFC 4733"):
            await expect(facts).to_contain_text(told)
        await shoot(page, "ring-test-by-a-trunk")
        await page.get_by_role("link", name="See the whole call").click()
        await expect(page.locator(".recipient-row:not(.headings)")).to_contain_text("Ben")

    play(scene, phones=True, tables=carrier)


def test_a_phone_that_the_carrier_may_not_be_asked_for_is_not_rung() -> None:
    """Outside the trunk's prefixes: the page says why, beside nothing that rings."""

    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        page = await stage.open("/flows/main-line?new")
        await page.get_by_label("Name of recipient 1").fill("Ben")
        await page.get_by_label("Type of recipient 1").select_option("phone")
        await page.get_by_label("Destination of recipient 1").fill("+4930123456")
        await page.get_by_role("button", name="More about Ben").click()
        await page.get_by_label("Trunk").first.select_option("carrier")
        await page.get_by_role("button", name="Ring test").click()
        await expect(page.get_by_role("dialog").locator(".remark.error")).to_contain_text("+4930123456")

    play(scene, phones=True, tables=carrier)


def test_a_message_that_a_caller_has_left_is_played() -> None:
    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        file = stage.service.directory / "mailbox.toml"
        file.write_text(MAILBOX, encoding="utf-8")
        await stage.service.command("flow", "import", str(file))
        await stage.service.command("flow", "publish", "main-line")
        await stage.service.command("reload")
        await stage.caller.call(stage.service.uri(FLOW_NUMBER))
        await stage.caller.event(m.Confirmed, SOON)
        page = await stage.open("/live")
        await expect(page.locator("[data-since]").first).to_have_text(EIGHT_SECONDS)
        await stage.caller.hang_up()
        await stage.caller.event(m.Disconnected, SOON)
        await stage.open("/calls?outcome=voicemail")
        row = page.locator(".log .log-row").first
        await expect(row).to_contain_text("Voicemail")
        await row.get_by_role("link").click()
        sound = page.locator("audio")
        await sound.evaluate("sound => sound.play()")
        await expect(sound).to_have_js_property("error", None)
        assert await sound.evaluate("sound => sound.duration") > 1.0
        await shoot(page, "voicemail")

    play(scene, phones=True)
