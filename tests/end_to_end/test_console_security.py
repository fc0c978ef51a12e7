"""In a real browser: what strangers are called stays text, and the log-in leads nowhere else."""

from __future__ import annotations

import time
from urllib.parse import quote

import pytest
from playwright.async_api import expect

from b2bua.calls.record import CallOutcome, CallRecord, RecipientOutcome, RecipientRecord, TraceEntry
from b2bua.store import Store
from tests.end_to_end.browser import OWNER, PASSWORD, Stage, play, stands

pytestmark = [pytest.mark.phones, pytest.mark.xdist_group("phones"), pytest.mark.timeout(400)]

MARKUP = "<img id=x src=x onerror=window.harmed=1>'\"><script>window.harmed=1</script>"


def test_what_strangers_are_called_stays_text() -> None:
    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        store = await Store.open(str(stage.service.directory / "calls.sqlite"))
        store.finish(_call(time.time_ns() // 1000 - 90_000_000))
        await store.close()
        for path in ("/calls", "/calls/last", f"/calls?q={quote(MARKUP[:20])}", "/statistics", "/live"):
            await stage.page.goto(stage.address + path)
            await stands(stage.page)
            assert await stage.page.evaluate("window.harmed") is None, path
            assert await stage.page.locator("img#x, main script").count() == 0, path
        await stage.open("/calls/last")
        await expect(stage.page.get_by_text(MARKUP[:12]).first).to_be_visible()

    play(scene)


@pytest.mark.parametrize(
    "following",
    [
        *("//evil.example/", "/\\evil.example", "/\t/evil.example/", "/\n/evil.example/"),
        *("https://evil.example/", "/.//evil.example/"),
    ],
)
def test_the_log_in_leads_nowhere_else(following: str) -> None:
    async def scene(stage: Stage) -> None:
        await stage.make_owner()
        await stage.page.goto("about:blank")  # a page that finds itself logged out goes to the log-in by itself
        await stage.page.context.clear_cookies()
        asked: list[str] = []
        stage.page.on("request", lambda request: asked.append(request.url))
        await stage.page.goto(f"{stage.address}/login?next={quote(following, safe='')}")
        await stage.page.get_by_label("Name").fill(OWNER)
        await stage.page.get_by_label("Password").fill(PASSWORD)
        await stage.page.get_by_role("button", name="Log in").click()
        await stage.page.wait_for_url(lambda url: "/login" not in url)
        assert stage.page.url.startswith(stage.address + "/")
        assert [url for url in asked if not url.startswith(stage.address)] == []

    play(scene)


def _call(at: int) -> CallRecord:
    invite = f'INVITE sip:100@127.0.0.1 SIP/2.0\r\nFrom: "{MARKUP}" <sip:1@h>;tag=a\r\nCSeq: 1 INVITE\r\n\r\n'
    busy = f"SIP/2.0 486 {MARKUP}\r\nCSeq: 1 INVITE\r\nReason: SIP;cause=486;text={MARKUP}\r\n\r\n"
    recipient = RecipientRecord(1, MARKUP, f"sip:{MARKUP}@192.0.2.50", RecipientOutcome.BUSY)
    recipient.invited_at, recipient.ended_at, recipient.reason = at, at + 1_000_000, MARKUP
    return CallRecord(
        id="abcdef0123456789",
        trunk="carrier",
        source="192.0.2.9:5060",
        caller=MARKUP,
        caller_name=MARKUP,
        dialled="100",
        number_name=MARKUP,
        sip_call_id=MARKUP,
        started_at=at,
        outcome=CallOutcome.BUSY,
        ended_at=at + 2_000_000,
        status=486,
        reason=MARKUP,
        recipients=[recipient],
        trace=[
            TraceEntry(at, 0, True, "UDP", "192.0.2.1:5060", "192.0.2.9:5060", invite.encode()),
            TraceEntry(at + 9, 1, True, "UDP", "192.0.2.1:5060", "192.0.2.50:5060", busy.encode()),
        ],
    )
