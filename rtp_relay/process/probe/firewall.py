"""Asks the packet filters of this host what they let in; both that Linux has, where their programs are installed."""

from __future__ import annotations

import os
import shutil
import subprocess
from typing import Final, Literal

from rtp_relay import facts
from rtp_relay.process.probe import iptables, nftables
from rtp_relay.process.probe.filtering import Chain, obstacles

PATIENCE: Final = 10.0  # seconds; large sets take a while
SAVERS: Final = {4: "iptables-save", 6: "ip6tables-save"}
ADMIN_PATH: Final = "/usr/sbin:/sbin"  # of which others than root have none as a rule


def look(version: Literal[4, 6], span: tuple[int, int]) -> facts.Firewall:
    """What keeps packets of that IP version from the range of ports."""
    chains: dict[str, Chain] = {}
    asked, problems = [], []
    for name, arguments in (("nft", ("-j", "list", "ruleset")), (SAVERS[version], ())):
        program = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{ADMIN_PATH}")
        if program is None:
            continue
        try:
            said = _output_of(program, *arguments)
            chains |= nftables.chains_in(said, version) if name == "nft" else iptables.chains_in(said)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            problems.append(f"{name}: {_words_of(error)}")
        else:
            asked.append(name)
    if not asked and not problems:
        problems.append(f"neither nft nor {SAVERS[version]} is installed")
    return facts.Firewall(version, ", ".join(asked), obstacles(chains, span), "; ".join(problems))


def _output_of(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=True)
    return done.stdout


def _words_of(error: Exception) -> str:
    if isinstance(error, subprocess.CalledProcessError) and error.stderr:
        return str(error.stderr).strip().splitlines()[-1]
    return str(error)
