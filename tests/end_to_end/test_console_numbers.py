"""A number from the page where it is added to the phones that ring when somebody calls it."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import Page, expect

from b2bua.phone import messages as m
from tests.end_to_end.browser import HEIGHTS, Scheme, Stage, play, script, shoot, stands

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones"), pytest.mark.timeout(240)]

SOON = 30.0  # seconds: more than anything on the wire should take
CHECK = script("accessibility.js")
SCHEMES: tuple[Scheme, ...] = ("light", "dark")
WRITTEN = "+1 (555) 0177"
DIALLED = "+15550177"


def test_a_number_that_is_added_rings_whom_its_flow_rings() -> None:
    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        await say_what_comes_first(stage)
        await publish_a_flow(stage)
        await add(stage)
        await ring(stage)
        await rename_and_switch_off(stage)
        await ring_nobody(stage)
        await remove(stage.page)

    play(scene, phones=True)


def test_a_flow_that_nobody_can_call_gets_its_number_where_it_is_made() -> None:
    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        await publish_a_flow(stage)
        page = await stage.open("/flows/campaign")
        await expect(page.locator(".flow-state")).to_contain_text("no number uses it yet")
        await page.get_by_role("button", name="Which number leads here?").click()
        box = page.get_by_role("dialog")
        await box.get_by_label("Number", exact=True).fill(WRITTEN)
        assert await page.evaluate(CHECK) == []
        await box.get_by_role("button", name="Lead it here").click()
        await expect(page.locator(".toast")).to_contain_text(f"{DIALLED} leads to Campaign")
        await expect(page.locator(".flow-state")).not_to_contain_text("no number")
        await stage.open("/numbers")
        await expect(page.get_by_role("row", name=DIALLED)).to_contain_text("Campaign")

    play(scene)


async def say_what_comes_first(stage: Stage) -> None:
    """Numbers of the file are shown as such, and where to change them."""
    page = await stage.open("/numbers")
    row = page.get_by_role("row", name="Main line")
    await expect(row).to_contain_text("in the file")
    await expect(row.get_by_role("button")).to_have_count(0)
    first, last = page.locator(".remark.note").first, page.locator(".remark.note").last
    await expect(first).to_contain_text("make one first")
    await expect(last).to_contain_text(str(stage.service.configuration_file))
    await expect(page.get_by_role("button", name="Add a number")).to_have_count(0)


async def publish_a_flow(stage: Stage) -> None:
    recipients = stage.recipients or ()
    people = [(each.name, each.uri) for each in recipients] or [("Ana", "sip:ana@127.0.0.1:9")]
    listed = ", ".join(f'{{ name = "{name}", destination = "{uri}" }}' for name, uri in people)
    file = stage.service.directory / "campaign.toml"
    file.write_text(
        '[flows.campaign]\nfirst = "team"\n[flows.campaign.dial.team]\nnobody_answered = "end"\n'
        f"recipients = [{listed}]\n[flows.campaign.hang_up.end]\n"
    )
    await stage.service.command("flow", "import", str(file))
    await stage.service.command("flow", "publish", "campaign")


async def add(stage: Stage) -> None:
    """One of the file's is refused beside the field; the next is kept, and in use."""
    page = await stage.open("/numbers")
    await page.get_by_role("button", name="Add a number").click()
    box = page.get_by_role("dialog")
    await box.get_by_label("Number", exact=True).fill("100")
    await box.get_by_label("Name").fill("Spring campaign")
    await box.get_by_label("Leads to").select_option("campaign")
    await box.get_by_role("button", name="Add").click()
    await expect(box.locator(".remark.error")).to_contain_text("change it there")
    await expect(box.get_by_label("Number", exact=True)).to_have_attribute("aria-invalid", "true")
    assert await page.evaluate(CHECK) == []
    await shoot(page, "number-refused")
    await box.get_by_label("Number", exact=True).fill(WRITTEN)
    await box.get_by_role("button", name="Add").click()
    await expect(page.locator(".toast")).to_contain_text("The next call goes by it.")
    row = page.get_by_role("row", name="Spring campaign")
    await expect(row).to_contain_text(DIALLED)
    await expect(row).to_contain_text("published")
    await look(stage)


async def look(stage: Stage) -> None:
    """With rows that can be changed, on a wide screen and on a phone's, light and dark."""
    for width in HEIGHTS:
        for scheme in SCHEMES:
            page = await stage.new_page(width, scheme)
            await stage.open("/numbers", page)
            assert await page.evaluate(CHECK) == [], (width, scheme)
            await shoot(page, "numbers-added")
            await page.get_by_role("button", name="Change Spring campaign").click()
            await expect(page.get_by_role("dialog")).to_be_visible()
            assert await page.evaluate(CHECK) == [], (width, scheme)
            await shoot(page, "number-changed")
            await page.context.close()


async def ring(stage: Stage) -> None:
    """A call to it rings everybody of its flow; Ben answers; the log names the number."""
    await stage.caller.call(stage.service.uri(DIALLED))
    await asyncio.gather(*(phone.event(m.Incoming, SOON) for phone in stage.recipients))
    await stage.recipients[1].answer()
    await stage.caller.event(m.Confirmed, SOON)
    await stage.caller.hang_up()
    await stage.caller.event(m.Disconnected, SOON)
    page = await stage.open("/calls")
    row = page.locator(".log .log-row").first
    await expect(row.locator(".log-answered")).to_contain_text("Ben")
    await expect(row).to_contain_text("Spring campaign")


async def rename_and_switch_off(stage: Stage) -> None:
    page = await stage.open("/numbers")
    await page.get_by_role("button", name="Change Spring campaign").click()
    box = page.get_by_role("dialog")
    await box.get_by_label("Name").fill("Summer campaign")
    await box.get_by_role("button", name="Save").click()
    await expect(page.get_by_role("row", name="Summer campaign")).to_contain_text(DIALLED)
    await page.get_by_role("button", name="Switch off Summer campaign").click()
    await page.get_by_role("dialog").get_by_role("button", name="Switch off").click()
    await expect(page.get_by_role("row", name="Summer campaign").locator(".chip.wait")).to_have_text("off")
    await stands(page)


async def ring_nobody(stage: Stage) -> None:
    await stage.caller.call(stage.service.uri(DIALLED))
    ended = await stage.caller.event(m.Disconnected, SOON)
    assert ended.code == 404


async def remove(page: Page) -> None:
    await page.get_by_role("button", name="Remove Summer campaign").click()
    await page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    await expect(page.get_by_role("row", name="Summer campaign")).to_have_count(0)
