"""``b2bua relay CONFIG``: becomes the RTP relay, with the settings of the file."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from b2bua.commands import Failure, Subparsers
from b2bua.config import EX_CONFIG, Config, ConfigError, load


def add(subparsers: Subparsers) -> None:
    parser = subparsers.add_parser(
        "relay",
        help="run the RTP relay only",
        description="Becomes `python -m rtp_relay` with interfaces, ports and socket of the configuration; or, with "
        "--load, does once what wants privileges, so that a relay without any can have the kernel forward.",
    )
    loading = parser.add_mutually_exclusive_group()
    loading.add_argument("--load", action="store_true", help="load, attach and pin the kernel's programs, and end")
    loading.add_argument("--unload", action="store_true", help="take away what --load has made, and end")
    parser.add_argument("config", metavar="CONFIG", help="configuration file")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    try:
        config = load(arguments.config)
    except ConfigError as problem:
        print(problem, file=sys.stderr)
        return EX_CONFIG
    if arguments.load or arguments.unload:
        chosen = [*options(config), *(["--remove"] if arguments.unload else [])]
        os.execv(sys.executable, [sys.executable, "-m", "rtp_relay.process.load", *chosen])
    # The unit says how much systemd keeps (FileDescriptorStoreMax=); where there is no systemd nobody keeps anything.
    hold = ["--hold", "systemd"] if "NOTIFY_SOCKET" in os.environ else []
    os.execv(sys.executable, [*command(config), *hold])
    raise AssertionError("execv does not return")


def command(config: Config) -> list[str]:
    """The relay's command line; the directory of its socket is there when this returns."""
    place = Path(config.media.relay_socket).parent
    try:
        place.mkdir(mode=0o750, parents=True, exist_ok=True)
    except OSError as problem:
        raise Failure(f"{place}, for the relay's socket, cannot be made: {problem.strerror}.") from problem
    return [sys.executable, "-m", "rtp_relay", *options(config)]


def options(config: Config) -> list[str]:
    media = config.media
    chosen = ["--socket", media.relay_socket, "--ports", f"{media.ports[0]}-{media.ports[1]}"]
    for interface in media.interfaces:
        addresses = interface.address
        if interface.advertised != interface.address:
            addresses += f"/{interface.advertised}"
        chosen += ["--interface", f"{interface.name}={addresses}"]
        if interface.xdp and media.form in ("auto", "tc"):
            chosen += ["--xdp", interface.name]
    chosen += ["--media-timeout", f"{media.timeout:g}", "--log-level", config.service.log_level]
    chosen += ["--form", media.form, *(["--pins", media.kernel_pins] if media.kernel_pins else [])]
    return chosen
