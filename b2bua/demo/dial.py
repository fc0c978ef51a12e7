"""`python -m b2bua.demo.dial FILE`: what to type into a softphone to try a configuration on this machine."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any, Final

PHONE: Final = ".venv/bin/python -m b2bua.phone --console"


def instructions(settings: dict[str, Any]) -> str:
    """In words: which phones ring, how to start them, what to dial. `settings` is the parsed file."""
    host, port = _listener(settings)
    lines = []
    for number, written in settings["numbers"].items():
        lines.append(f"Dial   sip:{number}@{host}:{port}   to ring {written.get('name') or number}:")
        lines += [f"         {each['name']:<8}{each['destination']}" for each in written["recipients"]]
    first = next(iter(settings["numbers"]))
    phones = [each for each in settings["numbers"][first]["recipients"] if each.get("type", "sip") == "sip"]
    lines += [
        "",
        "Set any softphone to one of these ports, without registration; or, each in a terminal of its own:",
        *(f"  {_phone(each)}" for each in phones),
        "and then the caller:",
        f"  {PHONE} --name Dana --tone 440 --listen 710 --call sip:{first}@{host}:{port}",
        "",
        "Ctrl-C ends the service.",
    ]
    return "\n".join(lines)


def main(arguments: list[str]) -> int:
    """Prints the instructions for the file that is named first."""
    print(instructions(tomllib.loads(Path(arguments[0]).read_text(encoding="utf-8"))) + "\n", flush=True)
    return 0


def _listener(settings: dict[str, Any]) -> tuple[str, int]:
    _, _, place = settings["sip"]["listen"][0].partition(":")
    host, _, port = place.rpartition(":")
    return ("127.0.0.1" if host == "0.0.0.0" else host), int(port)


def _phone(recipient: dict[str, Any]) -> str:
    port = recipient["destination"].partition(";")[0].rpartition(":")[2]
    return f"{PHONE} --name {recipient['name']} --port {port} --tone 710 --listen 440"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
