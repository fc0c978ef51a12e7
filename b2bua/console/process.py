"""The console's process: sockets, signals, the database's readiness, and the link for the first owner.

Calls do not need it. What keeps it from starting is said, and ends it alone; it reads the database by itself, and
the core by its control socket, so that each may come and go.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from typing import Any, Final

import structlog
import uvicorn
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from b2bua import logs
from b2bua.config import EX_CONFIG, Config, ConfigError, Console, load
from b2bua.console.application import application, warm_up
from b2bua.console.call_list import Wanted, read_page
from b2bua.console.database import open_database
from b2bua.console.desk import Desk
from b2bua.console.gate import Gate
from b2bua.console.patience import Fair, Patient
from b2bua.notify import Notifier
from b2bua.store import StoreError

EXIT_FAILURE: Final = 1
GRACE: Final = 2  # seconds for answers that are under way when the process is to end
HEARTBEAT: Final = 3.0  # seconds between signs of life to systemd
CONNECTIONS: Final = 500  # at the same time; live streams included
_BACKLOG: Final = 128

log = structlog.get_logger("console")


class ListenError(Exception):
    """The address cannot be listened on, or its certificate not be used. The text is for a person."""


def run(path: str) -> int:
    """Run the console until SIGTERM; gives the exit status."""
    try:
        config = load(path)
    except ConfigError as problem:
        print(problem, file=sys.stderr)
        return EX_CONFIG
    logs.set_up(config.service.log_level, config.service.mask_numbers)
    if not config.console.is_on:
        log.error("console.enabled is false: there is nothing to run")
        return EX_CONFIG
    return asyncio.run(_run(config))


async def _run(config: Config) -> int:
    try:
        listening = listen(config.console)
    except ListenError as problem:
        log.error("cannot start", problem=str(problem))
        return EXIT_FAILURE
    with listening:
        try:
            desk = Desk(config, await open_database(config.records.database))
        except StoreError as problem:
            log.error("cannot start", problem=str(problem))
            return EXIT_FAILURE
        try:
            await _serve(desk, listening)
        finally:
            await desk.close()
    log.info("stopped")
    return 0


async def _serve(desk: Desk, listening: socket.socket) -> None:
    notifier = Notifier()
    app = application(desk)
    await warm_up(app)
    await read_page(desk.engine, Wanted())  # as with the routes: whoever comes first need not wait for it
    server = Server(desk, _settings(desk, app))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, server.end)
    loop.add_signal_handler(signal.SIGHUP, lambda: None)  # the file is looked at anyway
    place = place_of(desk.config.console, listening)
    log.info("the console is there", at=place)
    if await desk.people.are_none():
        code = await desk.people.first_code()
        log.warning("nobody can log in yet: make the first owner there, once", link=first_link(place, code))
    notifier.ready(f"console at {place}")
    beside = [
        loop.create_task(_beat(notifier), name="beat"),
        loop.create_task(desk.figures.keep_up(), name="figures"),
    ]
    try:
        await server.serve([listening])
    finally:
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        notifier.close()


async def _beat(notifier: Notifier) -> None:
    while True:
        notifier.watchdog()
        await asyncio.sleep(HEARTBEAT)


def place_of(console: Console, listening: socket.socket | None = None) -> str:
    """The address that a browser on this machine opens."""
    port = console.port if listening is None else listening.getsockname()[1]
    host = f"[{console.host}]" if ":" in console.host else console.host
    return f"{'https' if console.certificate else 'http'}://{host}:{port}"


def first_link(place: str, code: str) -> str:
    """Where the first owner is made. The code is behind #, which no browser sends and no proxy writes down."""
    return f"{place}/setup#code={code}"


def listen(console: Console) -> socket.socket:
    """Raises ListenError."""
    if console.certificate:
        _check_certificate(console)
    family = socket.AF_INET6 if ":" in console.host else socket.AF_INET
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((console.host, console.port))
        opened.listen(_BACKLOG)
    except OSError as problem:
        opened.close()
        place = f"{console.host} port {console.port}"
        text = f"{place} cannot be listened on: {problem.strerror}. Write another console.listen."
        raise ListenError(text) from problem
    opened.setblocking(False)
    return opened


def _check_certificate(console: Console) -> None:
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(console.certificate, console.key)
    except (OSError, ssl.SSLError) as problem:
        text = f"console.tls_certificate and tls_key cannot be used: {problem}."
        raise ListenError(text) from problem


def _settings(desk: Desk, gate: Gate) -> uvicorn.Config:
    console = desk.config.console
    app: Any = gate  # Starlette and uvicorn have types of their own for the same thing
    if console.is_behind_proxy:
        app = ProxyHeadersMiddleware(app, list(console.trusted_proxies))
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # what it says of its start is said by us
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=Patient if console.is_behind_proxy else Fair,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ssl_certfile=console.certificate or None,
        ssl_keyfile=console.key or None,
        ssl_ciphers="ECDHE+AESGCM:ECDHE+CHACHA20",  # of TLS 1.2: with forward secrecy only
        limit_concurrency=CONNECTIONS,
        timeout_graceful_shutdown=GRACE,
        h11_max_incomplete_event_size=32_768,
    )


class Server(uvicorn.Server):
    """uvicorn's, with signals of our own: live streams, which never end by themselves, are ended first."""

    def __init__(self, desk: Desk, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._desk = desk

    def end(self) -> None:
        self._desk.live.close()
        self.should_exit = True

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield
