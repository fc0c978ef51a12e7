"""The relay's process: builds the rest, joins it to the loop, ends it in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from pathlib import Path
from typing import Final

import structlog

from rtp_relay.errors import StartError
from rtp_relay.forms.choice import choose
from rtp_relay.forms.kernel import KernelForm
from rtp_relay.forms.user import UserForm
from rtp_relay.process import logs, options, system
from rtp_relay.process.holding import Holder, holder
from rtp_relay.process.listener import Listener, listen
from rtp_relay.process.options import Options
from rtp_relay.process.workshop import Workshop
from rtp_relay.relay import Relay

LIFE: Final = 60.0  # seconds that the kernel goes on forwarding without a sign of life from the relay

log = structlog.get_logger("rtp_relay")


class Service:
    """One relay on the running loop."""

    def __init__(self, path: str, form: UserForm, relay: Relay, holder: Holder) -> None:
        self._loop = asyncio.get_running_loop()
        self._holder = holder
        self._form = form
        self._relay = relay
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at: float | None = None
        self._is_growing = False
        self._systemd = system.Systemd()
        self.listener = Listener(path, listen(path), relay, self._rearm)
        self._loop.add_reader(form.fileno(), self._forward)

    def close(self, for_good: bool) -> None:
        """Hang up, then let every port go. Not for good: ports and flows stay as they are, for the next relay."""
        self._systemd.tell("STOPPING=1")
        if self._timer is not None:
            self._timer.cancel()
        self.listener.close()
        self._loop.remove_reader(self._form.fileno())
        if not for_good:
            self._relay.leave()
            self._form.leave()
            return
        self._relay.close()
        self._form.shut()
        self._holder.end()

    def show_life(self) -> None:
        """Flows outlive this process by LIFE at most: one that is never started again leaves none for good."""
        self._form.live_until(time.monotonic() + LIFE)
        self._loop.call_later(LIFE / 3, self.show_life)

    def expect_heirs(self, seconds: float) -> None:
        """What an earlier relay has left waits so long for its calls."""
        self._loop.call_later(seconds, self._end_inheritance)

    def _end_inheritance(self) -> None:
        removed = self._form.end_inheritance()
        if removed:
            log.info("what an earlier relay left and no call has claimed is closed", sockets_and_flows=removed)

    def announce(self) -> None:
        """Say that the relay is ready, and go on showing that it lives."""
        self._systemd.tell("READY=1")
        if self._systemd.watchdog:
            self._show_life()

    def _show_life(self) -> None:
        self._systemd.tell("WATCHDOG=1")
        self._loop.call_later(self._systemd.watchdog, self._show_life)

    def _forward(self) -> None:
        """Forward what has come in, and tell what was heard in it."""
        self._form.turn()
        if self._relay.has_events:
            self.listener.deliver()

    def tell(self) -> None:
        """What was heard, or made ready in a thread: tell the core, and look at the time."""
        self.listener.deliver()
        self._rearm()

    def _rearm(self) -> None:
        """Wake at the relay's next deadline, and open more ports if few are left."""
        if self._relay.wants_growth and not self._is_growing:
            self._is_growing = True
            self._loop.call_soon(self._grow)
        due = self._relay.next_deadline()
        is_early = self._timer_at is not None and (due is None or self._timer_at <= due)
        if due == self._timer_at or is_early:
            return  # a timer that is early costs one waking; to move it for each call that ends costs more
        if self._timer is not None:
            self._timer.cancel()
        self._timer_at = due
        self._timer = None if due is None else self._loop.call_at(due, self._wake)

    def _wake(self) -> None:
        self._timer_at = None
        self._timer = None
        self._relay.handle_deadline(time.monotonic())
        self.listener.deliver()
        self._rearm()

    def _grow(self) -> None:
        self._relay.grow()
        self._is_growing = self._relay.wants_growth
        if self._is_growing:
            self._loop.call_soon(self._grow)
        else:
            self._holder.flush()


async def serve(chosen: Options, parent: int) -> None:
    """Run until SIGTERM or SIGINT; or SIGUSR1, which leaves flows and ports to the next relay. Raises StartError."""
    limit = system.raise_descriptor_limit()
    hosts = tuple(dict.fromkeys(interface.bind for interface in chosen.interfaces))
    ports = chosen.settings
    form = choose(
        chosen.form, hosts, ports.first_port, ports.last_port, chosen.dscp, chosen.pins, chosen.xdp
    )  # fmt: skip
    with contextlib.ExitStack() as undone:
        undone.callback(lambda: form.leave() if form.has_left else form.shut())
        service, workshop = _begin(chosen, parent, form)
        undone.pop_all()
    ended, left = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_report)
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)

    def leave() -> None:
        left.set()
        ended.set()

    loop.add_signal_handler(signal.SIGUSR1, leave)
    system.calm_collector()
    service.announce()
    log.info(
        "ready",
        socket=chosen.socket,
        form=form.name,
        reason=form.reason,
        interfaces=[" ".join(one) for one in chosen.interfaces],
        ports=f"{chosen.settings.first_port}-{chosen.settings.last_port}",
        descriptors=limit,
    )
    if isinstance(form, KernelForm) and form.hindrance:
        log.info("what the kernel forwards ends with this process", reason=form.hindrance)
    try:
        await ended.wait()
    finally:
        service.close(for_good=not left.is_set())
        workshop.close()
    log.info("left to the next relay" if left.is_set() else "stopped")


def _begin(chosen: Options, parent: int, form: UserForm) -> tuple[Service, Workshop]:
    """Open ports, give up what privileges there are, and listen for cores."""
    keeper = holder(chosen.hold)
    form.inherit(keeper.inherited())
    form.on_open = keeper.hold
    workshop = Workshop(Path(f"{chosen.socket}.speech"))
    relay = Relay(form, chosen.interfaces, chosen.settings, log.warning, workshop)
    relay.open(chosen.pool)
    keeper.flush()
    if chosen.user:
        if isinstance(form, KernelForm):
            form.loaded.give_to(*system.ids_of(chosen.user))
        system.become(chosen.user)
    if chosen.dies_with_parent and not system.die_with(parent):
        raise StartError("the process that started this one is gone")
    service = Service(chosen.socket, form, relay, keeper)
    service.show_life()
    service.expect_heirs(chosen.settings.orphan_time)
    workshop.on_told = service.tell
    return service, workshop


def _report(loop: asyncio.AbstractEventLoop, what: dict[str, object]) -> None:
    """A bug: the packet or the command that showed it is lost, the process lives."""
    log.error("bug", message=what.get("message"), exc_info=what.get("exception"))


def main() -> int:
    """The exit status: 0 after SIGTERM, 1 if the relay could not begin."""
    parent = os.getppid()
    chosen = options.read()
    logs.set_up(chosen.log_level)
    try:
        asyncio.run(serve(chosen, parent))
    except StartError as error:
        log.error("cannot begin", reason=str(error))
        return 1
    return 0
