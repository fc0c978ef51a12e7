"""python -m rtp_relay.process.load: does once what wants privileges, so that the relay needs none.

The command line is the relay's own. Run with CAP_BPF and CAP_NET_ADMIN it loads the programs of the tc form (or of
xdp), attaches them and pins everything; run again, it replaces programs that an upgrade has changed, in one step, under
a relay that is running. With --remove it takes all of it away. The pins belong to who ran this, or to --user.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Literal

import structlog

from rtp_relay.bpf import loader
from rtp_relay.errors import StartError
from rtp_relay.forms import opening
from rtp_relay.process import logs, options, system
from rtp_relay.process.options import Options

log = structlog.get_logger("rtp_relay.load")
REMOVE = "--remove"


def load(chosen: Options) -> None:
    """Raises OSError, with what was not allowed in its text; StartError for a user that is not there."""
    ports = chosen.settings
    hosts = tuple(dict.fromkeys(interface.bind for interface in chosen.interfaces))
    name: Literal["tc", "xdp"] = "xdp" if chosen.form == "xdp" else "tc"
    loaded = opening.load_for_good(
        name, hosts, ports.first_port, ports.last_port, chosen.dscp, chosen.pins, chosen.xdp
    )  # fmt: skip
    try:
        if chosen.user:
            loaded.give_to(*system.ids_of(chosen.user))
        log.info("loaded", form=name, pins=chosen.pins, replaced=sorted(loaded.instructions), kept=loaded.kept)
    finally:
        loaded.leave()


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 done, or nothing to be done; 1 if it may not be done."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    is_removal = REMOVE in given
    chosen = options.read([word for word in given if word != REMOVE])
    logs.set_up(chosen.log_level)
    try:
        if is_removal or chosen.form == "user":
            loader.remove(chosen.pins)
            log.info("removed", pins=chosen.pins)
        else:
            load(chosen)
    except (OSError, StartError) as error:
        log.error("cannot load" if not is_removal else "cannot remove", reason=str(error))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
