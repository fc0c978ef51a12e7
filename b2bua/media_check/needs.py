"""What a configuration asks of the host that it is to run on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from b2bua.config import Config
from b2bua.config.addresses import numeric, sip_address
from b2bua.config.values import DialledNumber
from rtp_relay.facts import MediaAddress, Wanted

FAR_ENDS: Final = 8  # that ways are looked up to
# Anybody: for the way that leads to everywhere else (RFC 5737, RFC 3849). Nothing is sent there.
ANYWHERE: Final = ("198.51.100.1", "2001:db8::1")
RINGING_LEGS: Final = 1  # the caller's, beside those of the recipients
TALKING_LEGS: Final = 2


@dataclass(frozen=True, slots=True)
class Needs:
    """ringing, talking: pairs of ports by interface, with as many calls as may be, all of the largest number.

    recipients: of the largest number. form: as configured.
    """

    interfaces: tuple[MediaAddress, ...]
    first_port: int
    last_port: int
    form: Literal["auto", "user", "tc", "xdp"]
    calls: int
    recipients: int
    ringing: Mapping[str, int] = field(default_factory=dict)
    talking: Mapping[str, int] = field(default_factory=dict)

    @property
    def hosts(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(interface.bind for interface in self.interfaces))

    @property
    def pairs(self) -> int:
        """That the range of ports holds, at each address."""
        return (self.last_port + 1 - self.first_port - (self.first_port & 1)) // 2

    @property
    def descriptors(self) -> int:
        """Of a relay that has opened the whole range at every address: two a pair."""
        return 2 * self.pairs * len(self.interfaces)


def needs_of(config: Config) -> Needs:
    media = config.media
    calls = config.limits.calls
    ringing, talking = Counter[str](), Counter[str]()
    for number in config.numbers.values():
        legs = _legs(config, number)
        callers = _callers(config, number)
        for name in {*legs, *callers}:
            ringing[name] = max(ringing[name], calls * (legs[name] + RINGING_LEGS * (name in callers)))
            sides = (name in callers) + (name in legs)
            talking[name] = max(talking[name], calls * sides if len(media.interfaces) > 1 else calls * TALKING_LEGS)
    return Needs(
        interfaces=tuple(MediaAddress(one.name, one.address, one.advertised) for one in media.interfaces),
        first_port=media.ports[0],
        last_port=media.ports[1],
        form=media.form,
        calls=calls,
        recipients=max((len(number.step.recipients) for number in config.numbers.values()), default=0),
        ringing=dict(ringing),
        talking=dict(talking),
    )


def wanted_of(config: Config, towards: Iterable[str] = ()) -> Wanted:
    """What the relay's package is to look at. towards: far ends that somebody asks about, before all others."""
    needs = needs_of(config)
    asked = (*towards, *_far_ends(config))
    return Wanted(
        needs.interfaces, needs.first_port, needs.last_port,
        (*dict.fromkeys(asked[:FAR_ENDS]), *ANYWHERE), config.media.relay_socket, config.media.kernel_pins,
    )  # fmt: skip


def _legs(config: Config, number: DialledNumber) -> Counter[str]:
    """How many recipients of a number are reached by each interface."""
    first = config.media.interfaces[0].name
    return Counter(recipient.media_interface or first for recipient in number.step.recipients)


def _callers(config: Config, number: DialledNumber) -> frozenset[str]:
    """The interfaces towards the trunks that may dial a number."""
    first = config.media.interfaces[0].name
    trunks = (trunk for trunk in config.trunks.values() if trunk.sources)
    return frozenset(
        trunk.interface or first for trunk in trunks if not number.trunks or trunk.name in number.trunks
    )


def _far_ends(config: Config) -> Iterable[str]:
    """Numeric addresses of trunks and recipients; media mostly comes from where the signalling does."""
    for trunk in config.trunks.values():
        if trunk.address and numeric(host := sip_address(trunk.address).host.strip("[]")):
            yield host
        yield from (str(network[0]) for network in trunk.sources if network.num_addresses == 1)
    for number in config.numbers.values():
        for recipient in number.step.recipients:
            try:
                host = sip_address(recipient.route or recipient.uri).host.strip("[]")
            except ValueError:
                continue
            if numeric(host):
                yield host
