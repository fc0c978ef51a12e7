"""What a type cannot say about the settings: each check reports all that it finds."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

from b2bua.config.addresses import (
    SipAddress,
    capture_server,
    family,
    is_loopback,
    is_wildcard,
    listening,
    numeric,
    phone_number,
    sip_address,
)
from b2bua.config.engine import check_engine
from b2bua.config.findings import KeyPath
from b2bua.config.settings import File, NumberSettings, RecipientSettings, TrunkSettings, WebhookSettings

_VISIBLE = re.compile(r"[\x21-\x7e]+")
_HEADER_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
Report = Callable[[KeyPath, str, str], None]
Network = ipaddress.IPv4Network | ipaddress.IPv6Network

# A header whose value this service must own, or the message would no longer be its own.
_OWN_HEADERS = frozenset(
    {"via", "v", "from", "f", "to", "t", "call-id", "i", "cseq", "contact", "m", "max-forwards"}
    | {"route", "record-route", "content-length", "l", "content-type", "c", "authorization"}
    | {"proxy-authorization", "require", "supported", "k", "session-expires", "x", "min-se", "rseq", "rack"}
)
_BESIDE_A_FLOW = frozenset({"flow", "name", "trunks", "media_timeout", "duration_limit"})
SIP_PORT = 5060
# RFC 2104 §3: a key shorter than the hash's output weakens HMAC; sixteen characters are what a person will write.
SECRET_LENGTH = 16
SECRET_REMEDY = f"Write at least {SECRET_LENGTH} random characters: `openssl rand -hex 32` makes some."
_NUMERIC = "Write a numeric address."


class Checks:
    """All checks of one file. error and warning take a key path, the problem and the remedy."""

    def __init__(self, file: File, error: Report, warning: Report) -> None:
        self.file = file
        self.error = error
        self.warning = warning
        self._trunk_by_network: dict[Network, str] = {}

    def run(self) -> None:
        self.listeners()
        self.media()
        check_engine(self.file, self.error, self.warning)
        for name, trunk in self.file.trunks.items():
            self.trunk(name, trunk)
        for dialled, number in self.file.numbers.items():
            self.number(dialled, number)
        self.records()
        self.webhooks()

    def listeners(self) -> None:
        seen: set[tuple[str, str, int]] = set()
        for index, text in enumerate(self.file.sip.listen):
            path = ("sip", "listen", index)
            try:
                place = listening(text)
            except ValueError as problem:
                remedy = 'Write it like "udp:192.0.2.1:5060" or "tcp:[2001:db8::1]:5060".'
                self.error(path, str(problem), remedy)
                continue
            if place in seen and place.port:
                self.error(path, f"{text} is listed twice.", "Remove one.")
            seen.add(place)
        self.advertised()

    def advertised(self) -> None:
        families: set[int] = set()
        for index, text in enumerate(self.file.sip.advertised):
            path = ("sip", "advertised", index)
            if not numeric(text) or is_wildcard(text):
                self.error(path, f'"{text}" is not an address that a peer can send to.', _NUMERIC)
            elif family(text) in families:
                self.error(
                    path, f"a second IPv{family(text)} address.", "Keep one for each of IPv4 and IPv6."
                )
            else:
                families.add(family(text))

    def media(self) -> None:
        media = self.file.media
        if len(media.ports) == 2 and media.ports[1] - media.ports[0] < 7:
            self.error(
                ("media", "ports"),
                f"from {media.ports[0]} to {media.ports[1]} is room for not even one call.",
                "Write [first, last], with some 8 ports for each call at a time: [20000, 29999].",
            )
        if media.kernel_pins and not media.kernel_pins.startswith("/"):
            self.error(("media", "kernel_pins"), "is no absolute path.", "Write one, under /sys/fs/bpf as a rule.")
        if media.form in ("tc", "xdp") and any(is_wildcard(one.address) for one in media.interfaces):
            self.error(
                ("media", "form"),
                f"{media.form} wants to know the media addresses, and an interface has a wildcard.",
                'Write the addresses themselves in [[media.interfaces]], or form = "auto".',
            )
        names: set[str] = set()
        for index, interface in enumerate(media.interfaces):
            path: KeyPath = ("media", "interfaces", index)
            if interface.name in names:
                self.error(
                    (*path, "name"), f'a second interface "{interface.name}".', "Give it another name."
                )
            names.add(interface.name)
            if not numeric(interface.address):
                self.error((*path, "address"), f'"{interface.address}" is not numeric.', _NUMERIC)
            elif interface.advertised and not numeric(interface.advertised):
                self.error((*path, "advertised"), f'"{interface.advertised}" is not numeric.', _NUMERIC)
            elif is_wildcard(interface.advertised or interface.address):
                self.error(
                    (*path, "address"),
                    "peers cannot send RTP to a wildcard.",
                    'Add advertised = "the address that peers reach us at".',
                )

    def interface(self, path: KeyPath, name: str) -> None:
        names = [interface.name for interface in self.file.media.interfaces] or ["default"]
        if name and name not in names:
            self.error(path, f'there is no interface "{name}".', f"Known: {', '.join(names)}.")

    def trunk(self, name: str, trunk: TrunkSettings) -> None:
        path: KeyPath = ("trunks", name)
        for index, text in enumerate(trunk.sources):
            self.source((*path, "sources", index), name, text)
        if trunk.address:
            self.trunk_address((*path, "address"), trunk.address)
        if not (trunk.sources or trunk.address):
            self.warning(path, "has neither sources nor address: it does nothing.", "Add one of them.")
        if trunk.password and trunk.password_file:
            self.error((*path, "password"), "and password_file are both written.", "Keep password_file.")
        if (trunk.password or trunk.password_file) and not trunk.username:
            self.error(path, "has a password but no username.", 'Add username = "…".')
        self.caller_id((*path, "caller_id"), trunk.caller_id)
        self.interface((*path, "interface"), trunk.interface)
        self.headers((*path, "headers"), trunk)

    def source(self, path: KeyPath, trunk: str, text: str) -> None:
        try:
            network = ipaddress.ip_network(text)
        except ValueError:
            remedy = 'Write "192.0.2.7" or "192.0.2.0/24", with no bits set behind the prefix.'
            self.error(path, f'"{text}" is not an address or network.', remedy)
            return
        other = self._trunk_by_network.setdefault(network, trunk)
        if other != trunk:
            self.warning(
                path, f"{text} is a source of {other} too, which gets its calls.", "Remove it from one."
            )
        if network.prefixlen == 0:
            remedy = "List the trunk's own addresses; it publishes them."
            self.warning(path, "the whole Internet may call in, and scanners will.", remedy)

    def trunk_address(self, path: KeyPath, text: str) -> None:
        try:
            address = sip_address(text)
        except ValueError as problem:
            self.error(path, str(problem), 'Write it like "sip:trunk.example.com:5060;transport=udp".')
            return
        if address.user:
            self.error(path, "names a user.", 'Write the host only: "sip:trunk.example.com".')

    def caller_id(self, path: KeyPath, text: str) -> None:
        if text in ("", "caller", "dialled"):
            return
        try:
            phone_number(text)
        except ValueError:
            self.error(path, f'"{text}" cannot be shown.', 'Write "caller", "dialled" or a number.')

    def headers(self, path: KeyPath, trunk: TrunkSettings) -> None:
        for name in trunk.headers.add:
            self.header_name((*path, "add", name), name)
        for index, name in enumerate(trunk.headers.pass_headers):
            self.header_name((*path, "pass_headers", index), name)

    def header_name(self, path: KeyPath, name: str) -> None:
        if not _HEADER_NAME.fullmatch(name):
            self.error(path, f'"{name}" is not a header name.', "Use letters, digits and -.")
        elif name.lower() in _OWN_HEADERS:
            self.error(path, f"{name} is written by the service itself.", "Remove it.")

    def number(self, dialled: str, number: NumberSettings) -> None:
        path: KeyPath = ("numbers", dialled)
        for index, name in enumerate(number.trunks):
            if name not in self.file.trunks:
                self.error((*path, "trunks", index), f'there is no trunk "{name}".', self._known_trunks())
        self.caller_id((*path, "caller_id"), number.caller_id)
        if number.ring_time < 5:
            self.warning(
                (*path, "ring_time"),
                f"nobody answers within {number.ring_time:g} s.",
                "Write 5 to 300 seconds.",
            )
        if number.flow:
            self.number_with_flow(path, number)
            return
        enabled = [recipient for recipient in number.recipients if recipient.enabled]
        if not number.recipients:
            remedy = 'Add recipients = [{ name = "…", destination = "…" }], or flow = "…".'
            self.error(path, "has neither recipients nor a flow.", remedy)
        elif not enabled:
            self.error((*path, "recipients"), "nobody is enabled.", "Enable one, or remove the number.")
        if len(enabled) > self.file.limits.recipients:
            self.warning(
                (*path, "recipients"),
                f"{len(enabled)} recipients; limits.recipients is {self.file.limits.recipients}.",
                "Raise the limit if that is meant.",
            )
        self.duplicates(path, number)
        for index, recipient in enumerate(number.recipients):
            self.recipient((*path, "recipients", index), dialled, number, recipient)

    def number_with_flow(self, path: KeyPath, number: NumberSettings) -> None:
        for name in sorted(number.model_fields_set - _BESIDE_A_FLOW):
            remedy = f'Write it in a dial step of the flow "{number.flow}", or remove flow.'
            self.error((*path, name), "stands beside a flow, which says that itself.", remedy)
        if self.file.flows and number.flow not in self.file.flows:
            remedy = f"In this file: {', '.join(self.file.flows)}."
            problem = f'"{number.flow}" is not in this file: it must be published in the database.'
            self.warning((*path, "flow"), problem, remedy)

    def duplicates(self, path: KeyPath, number: NumberSettings) -> None:
        by_destination: dict[tuple[str, str], str] = {}
        for index, recipient in enumerate(number.recipients):
            if not recipient.enabled:
                continue
            key = (recipient.destination.replace(" ", "").lower(), recipient.trunk)
            if key in by_destination:
                self.warning(
                    (*path, "recipients", index),
                    f"{recipient.name} has the destination of {by_destination[key]}: that phone rings twice.",
                    "Remove one of the two.",
                )
            by_destination.setdefault(key, recipient.name)

    def recipient(
        self, path: KeyPath, dialled: str, number: NumberSettings, recipient: RecipientSettings
    ) -> None:
        self.interface((*path, "interface"), recipient.interface)
        if recipient.password and not recipient.username:
            self.error((*path, "password"), "stands without a username.", 'Add username = "…".')
        if recipient.start_after >= number.ring_time:
            self.error(
                (*path, "start_after"),
                f"{recipient.start_after:g} s is not before the end of ring_time ({number.ring_time:g} s).",
                "Lower it, or raise ring_time.",
            )
        if 0 < recipient.stop_after <= recipient.start_after:
            self.error(
                (*path, "stop_after"), "is not after start_after.", "Raise it, or write 0 for the end."
            )
        if recipient.trunk and recipient.trunk not in self.file.trunks:
            self.error((*path, "trunk"), f'there is no trunk "{recipient.trunk}".', self._known_trunks())
        elif recipient.trunk and not self.file.trunks[recipient.trunk].address:
            remedy = f"Add address to [trunks.{recipient.trunk}]."
            self.error(
                (*path, "trunk"), f'trunk "{recipient.trunk}" has no address to send calls to.', remedy
            )
        elif recipient.type == "phone":
            self.phone(path, dialled, recipient)
        else:
            self.sip(path, dialled, recipient)

    def phone(self, path: KeyPath, dialled: str, recipient: RecipientSettings) -> None:
        try:
            number = phone_number(recipient.destination)
        except ValueError as problem:
            self.error((*path, "destination"), str(problem), 'Write it like "+15550102".')
            return
        if not recipient.trunk:
            self.error(path, "a phone is reached through a trunk.", self._known_trunks("trunk"))
            return
        self.emergency((*path, "destination"), number)
        prefixes = self.file.trunks[recipient.trunk].allowed_prefixes
        if not any(number.startswith(prefix) for prefix in prefixes):
            allowed = ", ".join(prefixes) or "none"
            self.error(
                (*path, "destination"),
                f"{number} may not be dialled through {recipient.trunk} (allowed prefixes: {allowed}).",
                f"Add its prefix to allowed_prefixes of [trunks.{recipient.trunk}].",
            )
        if number == dialled:
            self.error((*path, "destination"), "the number would ring itself.", "Write another destination.")
        elif number in self.file.numbers:
            remedy = "List that number's recipients here instead."
            self.warning((*path, "destination"), f"{number} is one of your own dialled numbers.", remedy)

    def sip(self, path: KeyPath, dialled: str, recipient: RecipientSettings) -> None:
        try:
            address = sip_address(recipient.destination)
        except ValueError as problem:
            remedy = 'Write it like "sip:ana@192.0.2.7:5060", or add type = "phone".'
            self.error((*path, "destination"), str(problem), remedy)
            return
        self.emergency((*path, "destination"), address.user)
        if recipient.trunk or not self.is_ours(address):
            return
        if address.user == dialled or (address.user not in self.file.numbers and "*" in self.file.numbers):
            self.error(
                (*path, "destination"),
                "is this service: the call would ring itself.",
                "Write the phone's address.",
            )
        else:
            remedy = "List that number's recipients here instead."
            self.warning((*path, "destination"), "is this service itself.", remedy)

    def records(self) -> None:
        try:
            if self.file.records.hep:
                capture_server(self.file.records.hep)
        except ValueError as problem:
            self.error(("records", "hep"), str(problem), 'Write it like "udp:homer.example.com:9060".')

    def webhooks(self) -> None:
        names: set[str] = set()
        for index, webhook in enumerate(self.file.webhooks):
            path: KeyPath = ("webhooks", index)
            if webhook.name in names:
                self.error((*path, "name"), f'a second webhook "{webhook.name}".', "Give it another name.")
            names.add(webhook.name)
            self.webhook_url((*path, "url"), webhook)
            if webhook.secret and webhook.secret_file:
                self.error((*path, "secret"), "and secret_file are both written.", "Keep secret_file.")
            elif not webhook.secret_file and len(webhook.secret) < SECRET_LENGTH:
                self.error((*path, "secret"), "is missing or too short.", SECRET_REMEDY)

    def webhook_url(self, path: KeyPath, webhook: WebhookSettings) -> None:
        remedy = 'Write it like "https://crm.example.com/calls".'
        try:
            parts = urlsplit(webhook.url)
            host = parts.hostname or ""
            port = parts.port  # ValueError beyond 65535
        except ValueError as problem:
            self.error(path, f"is no URL: {problem}.", remedy)
            return
        if (
            parts.scheme not in ("https", "http")
            or not host
            or port == 0
            or not _VISIBLE.fullmatch(webhook.url)
        ):
            self.error(path, f'"{webhook.url}" is no URL of a web server.', remedy)
        elif parts.username is not None or parts.fragment:
            self.error(path, "holds a user or a fragment.", "Remove it; events are signed with the secret.")
        elif parts.scheme == "http" and not (webhook.allow_http or is_loopback(host)):
            self.error(path, "is not https: what callers say of themselves would be in the open.", remedy)

    def emergency(self, path: KeyPath, number: str) -> None:
        if number.lstrip("+") in self.file.limits.emergency_numbers:
            remedy = "Remove it; if it is an extension, take it off limits.emergency_numbers."
            self.error(path, f"{number} is an emergency number.", remedy)

    def is_ours(self, address: SipAddress) -> bool:
        host = address.host.strip("[]")
        if not numeric(host):
            return False
        return any(
            (address.port or SIP_PORT) == port and ipaddress.ip_address(host) == ipaddress.ip_address(ours)
            for ours, port in self._own_addresses()
        )

    def _own_addresses(self) -> Iterator[tuple[str, int]]:
        for text in self.file.sip.listen:
            try:
                place = listening(text)
            except ValueError:
                continue
            yield place.host, place.port
            loopback = "127.0.0.1" if family(place.host) == 4 else "::1"
            if is_wildcard(place.host):
                yield loopback, place.port
            for advertised in self.file.sip.advertised:
                if numeric(advertised):
                    yield advertised, place.port

    def _known_trunks(self, setting: str = "") -> str:
        known = ", ".join(self.file.trunks)
        return f'Add {setting} = "…", one of: {known}.' if setting else f"Known: {known}."
