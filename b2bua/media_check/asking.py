"""Has the relay's package look at this host, in a process of its own: what that does is gone with it."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

import msgspec

from rtp_relay.facts import Facts, Wanted

PATIENCE: Final = 120.0  # seconds; two are usual


class AskingError(Exception):
    """The self-test did not come to its end. The text is for a person."""


def ask(wanted: Wanted) -> Facts:
    """What was seen. Raises AskingError."""
    command = [sys.executable, "-m", "rtp_relay.process.probe"]
    try:
        done = subprocess.run(
            command, input=msgspec.json.encode(wanted), capture_output=True, timeout=PATIENCE, check=True
        )
        return msgspec.json.decode(done.stdout, type=Facts)
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode(errors="replace").strip()
        raise AskingError(f"The self-test failed (exit status {error.returncode}):\n{said}") from error
    except subprocess.TimeoutExpired as error:
        raise AskingError(f"The self-test was not done within {PATIENCE:g} s.") from error
    except (OSError, msgspec.MsgspecError) as error:
        raise AskingError(f"The self-test could not be run: {error}") from error
