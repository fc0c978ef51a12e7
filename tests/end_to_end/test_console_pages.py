"""Every page, on a wide screen and on a phone's, light and dark: it fits, can be read, and is photographed."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Page, expect

from tests.end_to_end import console_records
from tests.end_to_end.browser import HEIGHTS, Scheme, Stage, play, script, shoot, stands

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones"), pytest.mark.timeout(400)]

CHECK: Final = script("accessibility.js")
FOCUS: Final = script("focus.js")
PAGES: Final = {
    "calls": "/calls",
    "call": "/calls/last",
    "live": "/live",
    "flows": "/flows",
    "flow": "/flows/main-line",
    "statistics": "/statistics",
    "numbers": "/numbers",
    "trunks": "/trunks",
    "settings": "/settings",
    "people": "/people",
}
FLOW: Final = Path(__file__).with_name("main-line.toml")
SCHEMES: Final[tuple[Scheme, ...]] = ("light", "dark")


def test_every_page_fits_and_can_be_read() -> None:
    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        await stage.service.command("flow", "import", str(FLOW))
        await stage.service.command("flow", "publish", "main-line")
        await stage.service.command("flow", "import", str(FLOW))
        await console_records.write(stage.service.directory / "calls.sqlite")
        wrong: list[str] = []
        for width in HEIGHTS:
            for scheme in SCHEMES:
                page = await stage.new_page(width, scheme)
                for name, path in PAGES.items():
                    await stage.open(path, page)
                    wrong += [f"{name} {width} {scheme}: {each}" for each in await page.evaluate(CHECK)]
                    await shoot(page, name)
                wrong += await _windows(stage, page, f"{width} {scheme}")
                await page.context.close()
        assert wrong == []

    play(scene)


async def _windows(stage: Stage, page: Page, where: str) -> list[str]:
    """The editor with everything open, and each of its windows."""
    wrong = []
    await stage.open("/flows/main-line", page)
    await page.get_by_role("button", name="More about Ben").click()
    await page.get_by_role("switch", name="Only a person can answer").check()
    wrong += [f"flow, opened, {where}: {each}" for each in await page.evaluate(CHECK)]
    await shoot(page, "flow-opened")
    for step in ("Hours", "Menu", "Voicemail"):
        await page.locator(f"[data-step={step.lower()}]").click()
        wrong += [f"flow, {step}, {where}: {each}" for each in await page.evaluate(CHECK)]
        await shoot(page, f"flow-{step.lower()}")
    for button in ("Versions", "Simulate"):
        await page.get_by_role("button", name=button).click()
        await expect(page.get_by_role("dialog")).to_be_visible()
        wrong += [f"{button}, {where}: {each}" for each in await page.evaluate(CHECK)]
        await shoot(page, button.lower())
        await page.keyboard.press("Escape")
    return wrong


def test_the_first_pages_say_what_to_do() -> None:
    """Of a service that has just been installed: no call, no flow; and the log-in, with a wrong password."""

    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        page = await stage.open("/calls")
        await expect(page.locator(".empty")).to_contain_text("No calls yet")
        assert await page.evaluate(CHECK) == []
        await shoot(page, "calls-empty")
        await stage.open("/flows")
        await expect(page.locator(".empty")).to_contain_text("Begin with the people who should ring")
        await shoot(page, "flows-empty")
        await page.get_by_role("button", name="Log out").first.click()
        await expect(page.get_by_role("heading", name="Log in")).to_be_visible()
        assert await page.evaluate(CHECK) == []
        await shoot(page, "log-in")
        await page.get_by_label("Name").fill("olga")
        await page.get_by_label("Password").fill("what was it again?")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.locator(".remark.error")).to_contain_text("do not belong together")
        stage.complaints.remove(next(each for each in stage.complaints if each.startswith("401 POST")))

    play(scene)


def test_the_focus_goes_through_a_page_in_order_and_is_seen() -> None:
    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        await console_records.write(stage.service.directory / "calls.sqlite")
        for path in ("/calls", "/calls/last", "/people"):
            page = await stage.open(path)
            await page.evaluate("document.activeElement.blur()")
            seen: list[tuple[str, int, bool]] = []
            while len(seen) < 40:
                await page.keyboard.press("Tab")
                name, place, is_seen = await page.evaluate(FOCUS)
                if seen and place < seen[-1][1]:
                    break  # round to the beginning
                seen.append((name, place, is_seen))
            assert seen[0][0] == "Skip to the page"
            assert len(seen) > 8
            assert [name for name, _, is_seen in seen if not is_seen] == []

    play(scene)


def test_a_viewer_sees_no_numbers_and_changes_nothing() -> None:
    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        await stage.service.command("flow", "import", str(FLOW))
        await console_records.write(stage.service.directory / "calls.sqlite")
        page = await stage.open("/people")
        await page.get_by_role("button", name="Add a person").click()
        box = page.get_by_role("dialog")
        await box.get_by_label("Name").fill("vera")
        await box.get_by_label("First password").fill("a viewer of calls")
        await box.get_by_role("button", name="Add").click()
        await expect(page.get_by_role("row", name="vera")).to_be_visible()
        await page.get_by_role("button", name="Log out").first.click()
        await page.get_by_label("Name").fill("vera")
        await page.get_by_label("Password").fill("a viewer of calls")
        await page.get_by_role("button", name="Log in").click()
        await expect(page.get_by_role("heading", name="Calls", level=1)).to_be_visible()
        await stage.open("/calls")
        assert "+15550123" not in await page.locator("main").inner_text()
        await shoot(page, "calls-of-a-viewer")
        await stage.open("/flows/main-line")
        await expect(page.get_by_role("button", name="Publish")).to_have_count(0)
        await expect(page.get_by_label("Name of recipient 1")).to_be_disabled()
        await stage.open("/people")
        await expect(page.locator(".empty")).to_contain_text("Only owners see this")
        await stands(page)

    play(scene)
