"""What the loader needs, and what it says when it does not get it."""

from __future__ import annotations

import shutil
import subprocess
import sys

import pytest

from bench import namespaces
from rtp_relay.bpf.loader import Loaded, Place, Plan
from tests.rtp_relay.conformance.rig import hindrance, the_wire

LOAD = """
from rtp_relay.forms import choice
form = choice.choose({form!r}, ({host!r},), 20000, 20099, 46)
print(form.name, form.reason)
form.shut()
"""


def load_with(form: str, *capabilities: str) -> str:
    """What a process of nobody with those capabilities alone makes of it, in the relay's namespace."""
    if hindrance("tc on a wire"):
        pytest.skip(hindrance("tc on a wire"))
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    wanted = ",".join(["-all", *(f"+{name}" for name in capabilities)])
    command = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups", f"--inh-caps={wanted}",
               f"--bounding-set={wanted}", f"--ambient-caps={wanted}"]  # fmt: skip
    command += [sys.executable, "-c", LOAD.format(form=form, host=namespaces.RELAY[False])]
    with the_wire().inside(the_wire().relay):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


@pytest.mark.parametrize("form", ["tc", "xdp"])
def test_two_capabilities_are_enough(form: str) -> None:
    """CAP_PERFMON would let the verifier overlook what it must not."""
    said = load_with(form, "bpf", "net_admin")
    assert said == f"{form} as asked for (tc at lo, {form} at {namespaces.RELAY_LINK})\n"


@pytest.mark.parametrize("capabilities", [(), ("net_admin",), ("bpf",)])
def test_one_of_them_is_not(capabilities: tuple[str, ...]) -> None:
    said = load_with("auto", *capabilities)
    assert said.startswith("user no faster form can be had: ")
    assert "not permitted" in said
    assert "StartError: the tc form cannot be had" in load_with("tc", *capabilities)


def test_the_error_names_the_interface_and_nothing_stays_attached() -> None:
    if hindrance("tc"):
        pytest.skip(hindrance("tc"))
    nowhere = Place(999_999, "nowhere0", "tc", False, ("127.0.0.1",))
    with pytest.raises(OSError, match="tc at nowhere0: No such device"):
        Loaded(Plan(("127.0.0.1",), 20000, 10, 0xB8), (nowhere,))
