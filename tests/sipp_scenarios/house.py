"""A service to be played around: its ports, its numbers, and where those whom it rings are."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from tests.sipp_scenarios import ports
from tests.sipp_scenarios.flows import flows_for
from tests.sipp_scenarios.service import MEDIA_PORTS, Service, configuration, number, recipient
from tests.sipp_scenarios.stage import NAMES

LOAD_PORTS: Final = 5000  # a hundred calls a second give back some 400 pairs, which rest for seconds
HALF_OF_SHORTEST: Final = 45.0  # seconds: half of the shortest session interval there is (RFC 4028 §4)
PARTIES: Final = 8  # ports for callees and callers


class House:
    """A running service and the ports of those around it."""

    def __init__(self, service: Service, first_party: int) -> None:
        self.service = service
        self.first_party = first_party


def build(directory: Path, *, media_ports: int = MEDIA_PORTS, **settings: object) -> House:
    """A service at free ports, not started, whose numbers are numbers_for()."""
    port = ports.free_ports(media_ports + PARTIES + 2)
    media = (port + 2, port + 1 + media_ports)
    parties = port + 2 + media_ports
    text = configuration(port, media, numbers_for(parties), **settings)  # type: ignore[arg-type]
    return House(Service(directory, text, port), parties)


def numbers_for(first_port: int) -> str:
    """The numbers that every test service knows; "everyone" is Ana, Ben and Carl, who listen from first_port on."""
    four = {name: f"sip:{name.lower()}@127.0.0.1:{first_port + at}" for at, name in enumerate(NAMES)}
    six = {name: f"sip:{name.lower()}@[::1]:{first_port + at}" for at, name in enumerate(NAMES)}
    everyone = [recipient(name, uri) for name, uri in four.items()]
    ana = four["Ana"]
    phones = f"""
[trunks.phones]
address = "sip:127.0.0.1:{first_port}"
username = "ana"
password = "example"
"""
    return "\n".join(
        [
            phones,
            number("everyone", everyone),
            number("ana", everyone[:1]),
            number("ana-and-ben", everyone[:2]),
            number("one-second", everyone, "ring_time = 1"),
            number("ana-heard-early", everyone[:1], 'early_media = "single"'),
            number("ana-with-password", [recipient("Ana", ana, 'username = "ana"\npassword = "example"')]),
            number("ana-by-trunk", [recipient("Ana", "sip:ana@phones.example", 'trunk = "phones"')]),
            number("ana-may-forward", [recipient("Ana", ana, "follow_redirects = 1")]),
            number("everyone-tcp", [recipient(name, f"{uri};transport=tcp") for name, uri in four.items()]),
            number("everyone-six", [recipient(name, uri, 'interface = "six"') for name, uri in six.items()]),
            flows_for(four, f"127.0.0.1:{first_port}", datetime.now(UTC)),
        ]
    )
