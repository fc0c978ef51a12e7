"""In a real browser: the first steps of whoever has never seen the console."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.end_to_end.browser import PATIENCE, Stage, play, stands

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones"), pytest.mark.timeout(400)]

WANTED = "main-line"  # a number of the stage leads to it
LINK = r'"link": "(http[^"]+)"'


def test_the_link_opened_where_the_page_stands_already_and_an_address_for_a_phone() -> None:
    async def scene(stage: Stage) -> None:
        page = stage.page
        link = (await stage.service.logged(LINK, PATIENCE))[1]
        await page.goto(stage.address)
        await expect(page.get_by_label("Code")).to_have_value("")
        await page.goto(link)  # only what is after the # changes: the browser does not load it again
        await expect(page.get_by_label("Code")).to_have_value(link.partition("code=")[2])
        await stage.make_owner()
        await page.goto(f"{stage.address}/flows/desk?new")
        await stands(page)
        await page.get_by_label("Type of recipient 1").select_option("phone")
        await page.get_by_label("Destination of recipient 1").fill("sip:ben@192.0.2.51")
        await expect(page.get_by_label("Type of recipient 1")).to_have_value("sip")
        await stage.open(f"/flows/{WANTED}")  # a number leads there, and nobody has made it
        await expect(page.get_by_label("Name of recipient 1")).to_be_visible()
        assert all("404" in each for each in stage.complaints)
        stage.complaints.clear()  # that it is not there, the browser says too

    play(scene)
