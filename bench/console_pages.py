"""How long the console's pages take in a browser, and what an open wallboard costs the core.

The service is the real one, with a log of so many calls; the browser is Debian's chromium, headless. A page stands when
its heading is there, nothing in it is loading any more, and the browser has painted it: the page itself notes when, so
that nothing of the measuring is in it. "First" is a browser that has kept nothing of the console.

Of the wallboard: SIPp places calls to three recipients, in turn with a wallboard open and without one. A lamp's delay
is from the moment that the core notes with its event to the picture that shows it.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import httpx
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from bench.load import SCENARIOS, Sipp
from bench.service import TICKS, free_ports

CHROMIUM: Final = "/usr/bin/chromium"
ARGUMENTS: Final = (
    "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE: Final = 60.0  # seconds for anything to come about
ROUNDS: Final = 20
OWNER: Final = {"name": "ana", "password": "bench bench bench"}
RATE: Final = 100  # calls a second, of the wallboard
SECONDS: Final = 15
TURNS: Final = 2
RECIPIENTS: Final = 3
PATHS: Final = (
    ("calls", "/calls"),
    ("calls, missed", "/calls?outcome=missed"),
    ("calls, problem", "/calls?outcome=problem"),
    ("calls, a text that is nowhere", "/calls?q=nowhere+at+all"),
    ("calls, missed with that text", "/calls?outcome=missed&q=nowhere+at+all"),
    ("calls, answered by Emil with a text", "/calls?answered_by=Emil&q=Acme"),
    ("a call", "/calls/last"),
    ("live", "/live"),
    ("call flows", "/flows"),
    ("a flow in the editor", "/flows/main-line"),
    ("statistics, 24 hours", "/statistics?days=1"),
    ("statistics, 7 days", "/statistics?days=7"),
    ("statistics, 30 days", "/statistics?days=30"),
    ("statistics, 90 days", "/statistics?days=90"),
    ("numbers", "/numbers"),
    ("trunks and health", "/trunks"),
    ("people", "/people"),
    ("settings", "/settings"),
)
FLOW: Final = {
    "first": "team",
    "dial": {
        "team": {
            "nobody_answered": "end",
            "recipients": [
                {"name": name, "destination": f"sip:{name.lower()}@127.0.0.1"} for name in ("Ana", "Ben")
            ],
        }
    },
    "hang_up": {"end": {}},
}
# Notes in stood, in milliseconds from the beginning of the navigation, when the page stood, and was painted so.
WATCH: Final = """
window.stood = 0;
let stands = false;
const look = () => {
  const now = Boolean(document.querySelector("h1")) && !document.querySelector("[aria-busy=true]");
  if (now && !stands) requestAnimationFrame(() => setTimeout(() => { window.stood = performance.now(); }));
  stands = now;
  if (!now) window.stood = 0;
};
new MutationObserver(look).observe(document, {
  childList: true, subtree: true, attributes: true, attributeFilter: ["aria-busy"],
});
"""
# When a page stands and has gone on standing.
STOOD: Final = """async () => {
  while (!(window.stood > 0 && performance.now() - window.stood > 150))
    await new Promise((resolve) => setTimeout(resolve, 20));
  return window.stood;
}"""
# Notes when each lamp is painted, after the moment of its event, in milliseconds.
WATCH_LAMPS: Final = """async (place) => {
  const { live } = await import(place);
  window.delays = [];
  const painted = () => performance.timeOrigin + performance.now();
  live.watch((_, event) => {
    if (!event?.event.startsWith("recipient.")) return;
    requestAnimationFrame(() => window.delays.push(painted() - event.at / 1000));
  });
}"""
MODULES: Final = "[...document.querySelectorAll('link[rel=modulepreload]')].map((link) => link.href)"


class Taken(NamedTuple):
    """Milliseconds until a page stood: in a browser that was never here, then of many loads."""

    first: float
    median: float
    p95: float


class Site:
    """A service with a console, in a directory that may have a log of calls already."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.port, self.sip_port, *self.phone_ports = free_ports(2 + RECIPIENTS)
        self.address = f"http://127.0.0.1:{self.port}"
        self.log = directory / "service.log"
        self.file = directory / "service.toml"
        phones = ", ".join(
            f'{{ name = "Phone {number}", destination = "sip:phone{number}@127.0.0.1:{port}" }}'
            for number, port in enumerate(self.phone_ports)
        )
        self.file.write_text(f"""
[sip]
listen = ["udp:127.0.0.1:{self.sip_port}"]
[media]
interfaces = [{{ name = "here", address = "127.0.0.1" }}]
ports = [20000, 29999]
[trunks.bench]
sources = ["127.0.0.0/8"]
[numbers."100"]
name = "Main line"
recipients = [{phones}]
[limits]
calls = 2000
calls_per_second = 0
[records]
database = "calls.sqlite"
keep_days = 0
[console]
listen = "127.0.0.1:{self.port}"
[service]
control_socket = "core.sock"
""")

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        command = [sys.executable, "-m", "b2bua", "run", str(self.file)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log)
        self._pid = process.pid
        try:
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    async def is_there(self) -> None:
        """Returns as soon as the console answers."""
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient() as client:
            while True:
                try:
                    if (await client.get(f"{self.address}/healthz")).status_code == 200:
                        return
                except httpx.TransportError:
                    await asyncio.sleep(0.02)

    async def make_owner(self) -> None:
        """By the link of the first start; and a flow, which is published."""
        async with asyncio.timeout(PATIENCE):
            while not (code := re.search(r"#code=([\w-]+)", self.log.read_text())):  # noqa: ASYNC110 (a log tells nobody that it has grown)
                await asyncio.sleep(0.02)
        async with httpx.AsyncClient(base_url=self.address) as client:
            told = (
                (await client.post("/api/setup", json={"code": code[1], **OWNER})).raise_for_status().json()
            )
            client.headers["X-CSRF-Token"] = told["csrf"]
            for step, body in (("draft", {"flow": FLOW}), ("publish", {})):
                method = "PUT" if step == "draft" else "POST"
                (await client.request(method, f"/api/flows/main-line/{step}", json=body)).raise_for_status()

    async def counted(self) -> float:
        """Seconds until the console has summed up the log."""
        began = time.monotonic()
        async with asyncio.timeout(PATIENCE), httpx.AsyncClient(base_url=self.address) as client:
            (await client.post("/api/session", json=OWNER)).raise_for_status()
            while (await client.get("/api/statistics")).status_code != 200:  # noqa: ASYNC110 (it is to be asked again)
                await asyncio.sleep(0.02)
        return time.monotonic() - began

    def core_cpu(self) -> float:
        """Seconds of CPU that the core has used."""
        children = Path(f"/proc/{self._pid}/task/{self._pid}/children").read_text().split()
        for pid in children:
            command = Path(f"/proc/{pid}/cmdline").read_text()
            if "rtp_relay" not in command and "\0console\0" not in command:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                return (int(fields[11]) + int(fields[12])) / TICKS
        raise RuntimeError("there is no core")


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=list(ARGUMENTS))
        try:
            yield browser
        finally:
            await browser.close()


@contextlib.asynccontextmanager
async def logged_in(browser: Browser, site: Site) -> AsyncIterator[BrowserContext]:
    """A browser that was never here, but for its cookie."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    await context.add_init_script(WATCH)
    await context.request.post(f"{site.address}/api/session", data=OWNER)
    try:
        yield context
    finally:
        await context.close()


async def load(page: Page, address: str) -> float:
    """Milliseconds until a page stands."""
    await page.goto(address, wait_until="commit")
    return float(await page.evaluate(STOOD))


async def measure_page(browser: Browser, site: Site, path: str, rounds: int) -> Taken:
    async with logged_in(browser, site) as context:
        page = await context.new_page()
        await page.goto(f"{site.address}/healthz")  # a new process of the browser's is not the page's
        first = await load(page, site.address + path)
        taken = sorted([await load(page, site.address + path) for _ in range(rounds)])
    return Taken(first, statistics.median(taken), taken[-(-len(taken) * 95 // 100) - 1])


async def measure(directory: Path, rounds: int, only: str = "") -> None:
    """Prints what every page takes. directory: has the log, as calls.sqlite."""
    site = Site(directory)
    with site.running():
        await site.is_there()
        await site.make_owner()
        seconds = await site.counted()
        print(f"the console had summed up a log that it had never seen {seconds:.1f} s after its start")
    with site.running():
        await site.is_there()
        async with chromium() as browser:
            print("milliseconds until a page stands, right after a start:  first   median      p95")
            for name, path in PATHS:
                if only in name:
                    taken = await measure_page(browser, site, path, rounds)
                    print(f"{name:52} {taken.first:8.0f} {taken.median:8.0f} {taken.p95:8.0f}", flush=True)


async def wallboard(directory: Path, rate: int = RATE, seconds: int = SECONDS) -> None:
    """Prints what a wallboard costs the core, and how soon its lamps change."""
    site = Site(directory)
    with site.running():
        await site.is_there()
        async with chromium() as browser, logged_in(browser, site) as context:
            for turn in range(2 * TURNS):
                is_open = turn % 2 == 1
                page = await context.new_page()
                if is_open:
                    await load(page, f"{site.address}/live")
                    modules: Sequence[str] = await page.evaluate(MODULES)
                    await page.evaluate(
                        WATCH_LAMPS, next(m for m in modules if m.endswith("scripts/live.js"))
                    )
                before = site.core_cpu()
                calls = await asyncio.to_thread(_place_calls, site, turn, rate, seconds)
                cost = site.core_cpu() - before
                said = f"{cost / calls * 1000:.2f} ms of the core a call, {cost / seconds:.1%} of a processor"
                if is_open:
                    delays = sorted(await page.evaluate("window.delays"))
                    p95 = delays[-(-len(delays) * 95 // 100) - 1]
                    said += (
                        f"; {len(delays)} lamps, median {statistics.median(delays):.0f} ms, p95 {p95:.0f} ms"
                    )
                print(f"{calls} calls, wallboard {'open' if is_open else 'shut'}: {said}", flush=True)
                await page.close()


def _place_calls(site: Site, turn: int, rate: int, seconds: int) -> int:
    directory = site.directory / f"sipp{turn}"
    directory.mkdir()
    calls = rate * seconds
    ends = ("-timeout", str(seconds + 30))
    phones = [
        Sipp(
            directory,
            f"phone{number}",
            *("-sf", str(SCENARIOS / ("answers.xml" if number == 0 else "rings_until_cancelled.xml"))),
            *("-p", str(port), "-m", str(calls), *ends),
        )
        for number, port in enumerate(site.phone_ports)
    ]
    caller = Sipp(
        directory,
        "caller",
        f"127.0.0.1:{site.sip_port}",
        *("-sf", str(SCENARIOS / "caller.xml"), "-s", "100", "-p", str(free_ports(1)[0])),
        *("-r", str(rate), "-m", str(calls), "-l", str(calls), "-d", "1000", *ends),
    )
    caller.wait(seconds + 60)
    for phone in phones:
        phone.wait(45)
    return caller.count("SuccessfulCall(C)")


def keep_calls_only(database: Path) -> None:
    """As a database is that an older version has written, and that no console has seen."""
    with contextlib.closing(sqlite3.connect(database)) as connection, connection:
        for table in ("tally", "tally_mark", "console_token", "console_session", "console_user"):
            connection.execute(f"DELETE FROM {table}")


def is_possible() -> bool:
    return Path(CHROMIUM).exists()
