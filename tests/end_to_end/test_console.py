"""A day with the console: from the first log-in to who answered, in a real browser with real phones."""

from __future__ import annotations

import asyncio
import subprocess
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from b2bua.phone import messages as m
from tests.end_to_end.browser import FLOW_NUMBER, Stage, play, shoot, stands

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones"), pytest.mark.timeout(240)]

SOON = 30.0  # seconds: more than anything on the wire should take
LAMP_DELAY = 200.0  # milliseconds from the core's event to the lamp
# Notes when each lamp changes, and when the core says that what it shows happened; both in ms since 1970.
WATCH_LAMPS = """async () => {
  const places = [...document.querySelectorAll("link[rel=modulepreload]")].map((link) => link.href);
  const { live } = await import(places.find((place) => place.endsWith("/scripts/live.js")));
  window.delays = [];
  const painted = () => performance.timeOrigin + performance.now();
  live.watch((_, event) => {
    if (!event?.event.startsWith("recipient.")) return;
    requestAnimationFrame(() => window.delays.push(painted() - event.at / 1000));
  });
}"""


def test_from_the_first_log_in_to_who_answered() -> None:
    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        await make_the_flow(stage)
        await simulate(stage.page)
        await publish(stage.page, 1)
        await talk(stage)
        await look_at_the_call(stage)
        await change_and_restore(stage)

    play(scene, phones=True)


async def make_the_flow(stage: Stage) -> None:
    """Three recipients at once; one who is listed twice is remarked upon, until he is taken off."""
    page = await stage.open("/flows")
    await page.get_by_role("button", name="New call flow").first.click()
    await page.get_by_label("Name", exact=True).fill("Main line")
    await page.get_by_role("button", name="Begin", exact=True).click()
    await expect(page.get_by_role("heading", name="Main line", level=1)).to_be_visible()
    assert await page.get_by_role("radio", name="Everyone at once").is_checked()
    people = [(phone.name, phone.uri) for phone in stage.recipients]
    for index, (name, uri) in enumerate([*people, ("Ana again", people[0][1])]):
        if index:
            await page.get_by_role("button", name="Add recipient").click()
        await page.get_by_label(f"Name of recipient {index + 1}").fill(name)
        await page.get_by_label(f"Destination of recipient {index + 1}").fill(uri)
    remark = page.locator("[data-row='3'] .remark")
    await expect(remark).to_contain_text("Remove one of the two.")
    await expect(page.locator(".flow-bar")).to_contain_text("1 warning")
    await shoot(page, "flow-with-a-remark")
    await page.get_by_role("button", name="Take Ana again off the list").click()
    await expect(page.locator(".remark.warning")).to_have_count(0)
    await expect(page.locator(".flow-bar")).to_contain_text("No remarks")
    await expect(page.locator(".flow-state")).to_contain_text("saved")


async def simulate(page: Page) -> None:
    """Ben answers after four seconds: the timeline says what everybody hears, and no phone rings."""
    await page.get_by_role("button", name="Simulate").click()
    box = page.get_by_role("dialog")
    await box.get_by_label("What Ana does").select_option("busy")
    await box.get_by_label("What Ben does").select_option("answers")
    await box.get_by_label("Seconds until Ben does").fill("4")
    await box.get_by_role("button", name="Play it through").click()
    await expect(box.locator(".sentence")).to_contain_text("Ben answered after 4.0 s")
    await expect(box.locator(".lane strong")).to_have_text(["Caller", "Ana", "Ben", "Carl"])
    await expect(box.get_by_role("table", name="Second by second")).to_contain_text("ringing")
    await shoot(page, "simulated")
    await page.keyboard.press("Escape")


async def publish(page: Page, version: int) -> None:
    await page.locator(".flow-bar").get_by_role("button", name="Publish").click()
    box = page.get_by_role("dialog")
    await box.get_by_role("button", name=f"Publish version {version}").click()
    await expect(page.locator(".flow-state")).to_contain_text(f"Version {version} is live")


async def talk(stage: Stage) -> None:
    """The caller calls the flow's number; on the wallboard the lamps change while it rings, and when Ben answers."""
    page = await stage.open("/live")
    await page.evaluate(WATCH_LAMPS)
    await stage.caller.call(stage.service.uri(FLOW_NUMBER))
    await asyncio.gather(*(phone.event(m.Incoming, SOON) for phone in stage.recipients))
    await expect(page.locator(".board-ringing .board-lamp[data-tone=wait]")).to_have_count(3)
    await expect(page.locator("[data-tally=ringing]").first).to_have_text("1")
    await shoot(page, "live-ringing")
    ben = stage.recipients[1]
    await ben.answer()
    await stage.caller.event(m.Confirmed, SOON)
    await expect(page.locator(".board-row.talking")).to_contain_text("Ben with")
    await expect(page.locator(".board-ringing .board-lamp")).to_have_count(0)
    await shoot(page, "live-talking")
    await stage.caller.hang_up()
    await expect(page.locator(".board-row.ended").first).to_contain_text("Ben answered")
    delays = sorted(await page.evaluate("window.delays"))
    assert len(delays) >= 9, delays
    p95 = delays[int(0.95 * (len(delays) - 1))]
    print(f"lamps: {len(delays)} changes, median {delays[len(delays) // 2]:.0f} ms, p95 {p95:.0f} ms")
    assert delays[0] < LAMP_DELAY, delays  # the others as well, on a machine that has nothing else to do


async def look_at_the_call(stage: Stage) -> None:
    """From the log to the call's page: who answered, the race, the ladder with a message, the pcap."""
    page = await stage.open("/calls")
    row = page.locator(".log .log-row").first
    await expect(row.locator(".log-answered")).to_contain_text("Ben")
    await row.get_by_role("link").click()
    await expect(page.locator(".sentence")).to_contain_text("Ben answered after")
    outcomes = page.locator(".recipient-row:not(.headings)")
    await expect(outcomes).to_have_count(3)
    await expect(outcomes.nth(0)).to_contain_text("Stopped: Ben answered")
    await expect(outcomes.nth(1)).to_contain_text("Answered")
    finish = page.locator(".finish-row")
    await expect(finish.first).to_contain_text("Ben")
    await expect(finish.nth(1)).to_contain_text("CANCEL at ")
    await page.get_by_role("button", name="INVITE").first.click()
    await expect(page.locator(".message pre")).to_contain_text(f"INVITE sip:{FLOW_NUMBER}@")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator(".message h3")).to_contain_text("100 Trying")
    await shoot(page, "call-with-ladder")
    async with page.expect_download() as download:
        await page.get_by_role("link", name="Download pcap").click()
    check_pcap(await (await download.value).path())
    await page.get_by_role("button", name="Copy as SIPp scenario").click()
    await expect(page.get_by_role("dialog")).to_contain_text("Ben")
    await page.keyboard.press("Escape")


def check_pcap(file: Path) -> None:
    """tshark finds the INVITE of the caller and of each branch, and a way for the RTP."""
    fields = ["-T", "fields", "-e", "sip.Method", "-e", "sip.Status-Code"]
    found = subprocess.run(
        ["tshark", "-r", str(file), "-Y", "sip", *fields], capture_output=True, text=True, check=True
    ).stdout.splitlines()
    methods = [line.split("\t")[0] for line in found]
    assert methods.count("INVITE") == 4, found
    assert methods.count("CANCEL") == 2, found
    assert any(line.endswith("\t487") for line in found), found


async def change_and_restore(stage: Stage) -> None:
    """Another ring time is version 2, told as a difference; version 1 comes back as version 3."""
    page = await stage.open("/flows/main-line")
    await page.get_by_label("Ring for").fill("45")
    await page.get_by_role("button", name="Publish version 2").click()
    await expect(page.get_by_role("dialog")).to_contain_text("ring time 30 s → 45 s")
    await page.get_by_role("dialog").get_by_role("button", name="Publish version 2").click()
    await expect(page.locator(".flow-state")).to_contain_text("Version 2 is live")
    await page.get_by_role("button", name="Versions").click()
    await page.get_by_role("button", name="Restore version 1").click()
    await expect(page.get_by_role("dialog").last).to_contain_text("as version 3")
    await page.get_by_role("button", name="Publish it again").click()
    await expect(page.locator(".flow-state")).to_contain_text("Version 3 is live")
    await expect(page.get_by_label("Ring for")).to_have_value("30")
    await stands(page)
