"""The editor without a mouse: every step of setting up who rings, by the keyboard alone; and dragging, with one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Page, expect

from tests.end_to_end.browser import Stage, play, script

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones"), pytest.mark.timeout(240)]

FOCUS: Final = script("focus.js")
STOPS: Final = 150  # no page has more places that take the focus


async def tab_to(page: Page, wanted: str) -> None:
    """Presses Tab until the focus is on what has this name. Fails when the page has been gone through."""
    seen = []
    for _ in range(STOPS):
        await page.keyboard.press("Tab")
        name, _, is_seen = await page.evaluate(FOCUS)
        seen.append(name)
        if name == wanted:
            assert is_seen, f"{wanted} has the focus, and nobody sees it"
            return
    raise AssertionError(f"Tab never comes to {wanted}: {seen}")


async def names(page: Page) -> list[str]:
    """The recipients, in order."""
    fields = page.locator(".rows .cell-name input")
    return [await fields.nth(index).input_value() for index in range(await fields.count())]


def test_a_flow_is_made_changed_and_published_by_the_keyboard_alone() -> None:
    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        page = await stage.open("/flows")
        await tab_to(page, "New call flow")
        await page.keyboard.press("Enter")
        await page.keyboard.type("Main line")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Main line", level=1)).to_be_focused()
        await tab_to(page, "Name of recipient 1")
        await write_recipient(page, "Ana", 1)
        for number, name in enumerate(("Ben", "Carl"), 2):
            await tab_to(page, "Add recipient")
            await page.keyboard.press("Enter")
            await expect(page.get_by_label(f"Name of recipient {number}")).to_be_focused()
            await write_recipient(page, name, number)
        await order_by_arrows(page)
        await choose_turns(page)
        await publish(page)

    play(scene)


async def write_recipient(page: Page, name: str, number: int) -> None:
    await page.keyboard.type(name)
    await tab_to(page, f"Destination of recipient {number}")
    await page.keyboard.type(f"sip:{name.lower()}@192.0.2.{50 + number}")


async def order_by_arrows(page: Page) -> None:
    """Carl goes to the top, and the place is read out; then he may ring later than the others."""
    grip = page.get_by_role("button", name="Move Carl: arrow keys up and down")
    await grip.focus()
    await page.keyboard.press("ArrowUp")
    await expect(page.locator("#said")).to_have_text("Carl is now 2 of 3.")
    await page.keyboard.press("ArrowUp")
    assert await names(page) == ["Carl", "Ana", "Ben"]
    await expect(grip).to_be_focused()
    await tab_to(page, "More about Carl")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("button", name="More about Carl")).to_have_attribute("aria-expanded", "true")
    more = page.locator("[data-row='0'] .recipient-more")
    await tab_to(page, "Start after")
    await page.keyboard.type("8")
    await expect(more.get_by_label("Start after")).to_have_value("8")


async def choose_turns(page: Page) -> None:
    await page.get_by_role("radio", name="Everyone at once").focus()
    await page.keyboard.press("ArrowRight")
    await expect(page.get_by_role("radio", name="Take turns")).to_be_checked()
    await expect(page.get_by_role("radio", name="Take turns")).to_be_focused()
    await expect(page.locator("[data-step=ring]")).to_contain_text("turns")


async def publish(page: Page) -> None:
    await expect(page.locator(".flow-bar")).to_contain_text("No remarks")
    button = page.locator(".flow-bar").get_by_role("button", name="Publish")
    await button.focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(button).to_be_focused()
    await page.keyboard.press("Enter")
    await tab_to(page, "Publish version 1")
    await page.keyboard.press("Enter")
    await expect(page.locator(".flow-state")).to_contain_text("Version 1 is live")


def test_recipients_are_dragged_into_another_order() -> None:
    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        await stage.service.command("flow", "import", str(Path(__file__).with_name("main-line.toml")))
        page = await stage.open("/flows/main-line")
        await page.locator("[data-step=ring-the-team]").click()
        assert await names(page) == ["Ana", "Ben", "Carl"]
        await page.get_by_role("button", name="Add recipient").scroll_into_view_if_needed()
        grip = await page.locator("[data-grip='0']").bounding_box()
        last = await page.locator("[data-row='2']").bounding_box()
        assert grip is not None and last is not None
        await page.mouse.move(grip["x"] + 8, grip["y"] + 8)
        await page.mouse.down()
        await page.mouse.move(grip["x"] + 8, last["y"] + last["height"], steps=6)
        await page.mouse.up()
        assert await names(page) == ["Ben", "Carl", "Ana"]
        await expect(page.locator(".flow-state")).to_contain_text("saved")
        await stage.open("/flows/main-line")
        await page.locator("[data-step=ring-the-team]").click()
        assert await names(page) == ["Ben", "Carl", "Ana"]

    play(scene)
