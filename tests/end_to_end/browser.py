"""A browser before the console of a real service: Debian's chromium, headless, driven by Playwright.

    play(scene)                a service with nothing in it, and a page of which nobody is logged in
    play(scene, phones=True)   with a caller and three recipients

Screenshots go to the directory that MULTIRING_SCREENSHOTS names, var/screenshots without it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from playwright.async_api import Browser, ConsoleMessage, Page, Response, async_playwright, expect

from b2bua.demo.installation import Destination, Installation, free_ports
from b2bua.phone.client import Phone

CHROMIUM: Final = "/usr/bin/chromium"
ARGUMENTS: Final = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
SCREENSHOTS: Final = Path(os.environ.get("MULTIRING_SCREENSHOTS", "var/screenshots"))
PATIENCE: Final = 40.0  # seconds that anything in a page may take on a busy machine
OWNER: Final = "olga"
PASSWORD: Final = "correct horse battery"
HEIGHTS: Final = {1280: 900, 390: 844}  # of a screen, by its width
FLOW_NUMBER: Final = "200"  # leads to the flow "main-line", which is yet to be made
REFUSALS: Final = (409, 422)  # of what a person wrote: the page says it beside the field
_LINK: Final = r'"link": "(http[^"]+)"'
_TALLEST: Final = 9_000  # pixels of a screenshot

Scheme = Literal["light", "dark"]


@dataclass
class Stage:
    """A service with its console, phones if there are any, and a page of a browser.

    complaints: what the browser wrote into its console, what the policy refused included.
    """

    service: Installation
    address: str
    browser: Browser
    page: Page
    phones: Sequence[Phone] = ()
    complaints: list[str] = field(default_factory=list)

    @property
    def caller(self) -> Phone:
        return self.phones[0]

    @property
    def recipients(self) -> Sequence[Phone]:
        return self.phones[1:]

    async def new_page(self, width: int, scheme: Scheme) -> Page:
        """Another page, of whoever is logged in."""
        cookies = await self.page.context.cookies()
        page = await _page(self.browser, self.complaints, width, scheme)
        await page.context.add_cookies([{**each} for each in cookies])  # type: ignore[typeddict-item]
        return page

    async def open(self, path: str, page: Page | None = None) -> Page:
        """Shows a page of the console; returns when it stands."""
        page = page or self.page
        await page.goto(self.address + path)
        await stands(page)
        return page

    async def make_owner(self) -> None:
        """Follows the link of the first start, makes the owner, and is logged in."""
        link = (await self.service.logged(_LINK, PATIENCE))[1]
        await self.page.goto(link)
        await self.page.get_by_label("Name").fill(OWNER)
        await self.page.get_by_label("Password").fill(PASSWORD)
        await self.page.get_by_role("button", name="Make owner").click()
        await expect(self.page.get_by_role("heading", name="Calls", level=1)).to_be_visible()


def script(name: str) -> str:
    """A function of JavaScript that stands beside this file, for `Page.evaluate`."""
    return Path(__file__).with_name(name).read_text(encoding="utf-8").rstrip("\n;")


async def stands(page: Page) -> None:
    """Returns when a page has its heading and nothing in it is still loading."""
    await page.locator("h1").first.wait_for()
    await expect(page.locator("[aria-busy=true]")).to_have_count(0)


async def shoot(page: Page, name: str) -> Path:
    """A picture of the whole page, as on a screen that is high enough for it."""
    size = page.viewport_size
    assert size is not None
    scheme = await page.evaluate("document.documentElement.dataset.scheme")
    height = await page.evaluate("document.documentElement.scrollHeight")
    await page.set_viewport_size(
        {"width": size["width"], "height": min(max(height, size["height"]), _TALLEST)}
    )
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    file = SCREENSHOTS / f"{name}-{size['width']}-{scheme}.png"
    await page.screenshot(path=file, animations="disabled")
    await page.set_viewport_size(size)
    return file


def play(
    scene: Callable[[Stage], Awaitable[None]],
    *,
    phones: bool = False,
    tables: Callable[[Sequence[Phone]], str] = lambda phones: "",
) -> None:
    """Plays a scene. After it the service must end in peace, and the browser have complained of nothing.

    tables: further tables of the configuration, for a caller and three recipients.
    """

    async def run() -> None:
        async with _stage(phones, tables) as stage:
            try:
                await scene(stage)
            except BaseException as error:
                error.add_note(f"end of the service's log:\n{stage.service.log_tail()}")
                with contextlib.suppress(Exception):
                    error.add_note(f"the page then: {await shoot(stage.page, 'failed')}")
                raise
            assert stage.complaints == []
            ending = await stage.service.stop()
            assert (ending.status, ending.left) == (0, []), stage.service.log_tail()

    asyncio.run(run())


@contextlib.asynccontextmanager
async def _stage(with_phones: bool, tables: Callable[[Sequence[Phone]], str]) -> AsyncIterator[Stage]:
    async with contextlib.AsyncExitStack() as stack:
        phones = await _phones(stack) if with_phones else []
        port = free_ports(2)
        recipients = [Destination(each.name, each.uri) for each in phones[1:]]
        service = await stack.enter_async_context(
            await Installation.start(
                recipients or [Destination("Ana", "sip:ana@127.0.0.1:9")],
                tables=f'[console]\nlisten = "127.0.0.1:{port}"\n'
                f'[numbers."{FLOW_NUMBER}"]\nname = "Main line"\nflow = "main-line"\n' + tables(phones),
            )
        )
        await service.logged("the console is there", PATIENCE)
        playwright = await stack.enter_async_context(async_playwright())
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        stack.push_async_callback(browser.close)
        expect.set_options(timeout=PATIENCE * 1000)
        complaints: list[str] = []
        page = await _page(browser, complaints, 1280, "light")
        yield Stage(service, f"http://127.0.0.1:{port}", browser, page, phones, complaints)


async def _phones(stack: contextlib.AsyncExitStack) -> list[Phone]:
    started = await asyncio.gather(
        Phone.start("Dana", user="+15550123", tone=440),
        *(Phone.start(name, tone=710) for name in ("Ana", "Ben", "Carl")),
    )
    return [await stack.enter_async_context(phone) for phone in started]


async def _page(browser: Browser, complaints: list[str], width: int, scheme: Scheme) -> Page:
    size = {"width": width, "height": HEIGHTS[width]}
    context = await browser.new_context(viewport=size, color_scheme=scheme, locale="en-GB")  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE * 1000)
    page = await context.new_page()

    def said(message: ConsoleMessage) -> None:
        # What the server refused is said twice: here without its status, below with it.
        if message.type in ("error", "warning") and not message.text.startswith("Failed to load resource"):
            complaints.append(message.text)

    def answered(response: Response) -> None:
        if response.status >= 400 and response.status not in REFUSALS:
            complaints.append(f"{response.status} {response.request.method} {response.url}")

    page.on("console", said)
    page.on("response", answered)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page
