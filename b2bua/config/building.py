"""From checked settings to the values that the service holds."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path

from b2bua.calls.recipient import Credentials, DialStep, EarlyMedia, HeaderRecipe, Recipient, SixXX
from b2bua.config import values
from b2bua.config.addresses import family, is_wildcard, listening, phone_number, sip_address
from b2bua.config.checks import Report
from b2bua.config.settings import File, NumberSettings, RecipientSettings, TrunkSettings

# sockaddr_un holds 108 octets with the closing NUL.
_SOCKET_PATH_LIMIT = 107
RouteSource = Callable[[int], str]


class Builder:
    """Builds the values of one file. What only the machine can tell (routes, files) is reported here too."""

    def __init__(
        self, file: File, path: Path, error: Report, warning: Report, route_source: RouteSource
    ) -> None:
        self.file = file
        self.directory = path.absolute().parent
        self.error = error
        self.warning = warning
        self.route_source = route_source

    def sip(self) -> values.SipSettings:
        sip = self.file.sip
        return values.SipSettings(
            listeners=tuple(self.listener(index, text) for index, text in enumerate(sip.listen)),
            user_agent=sip.user_agent,
            unknown_sources=sip.unknown_sources,
            t1=sip.t1,
            session_expires=sip.session_expires,
            min_se=sip.min_se,
        )

    def listener(self, index: int, text: str) -> values.Listener:
        place = listening(text)
        host = f"[{place.host}]" if ":" in place.host else place.host
        return values.Listener(
            name=f"{place.transport.lower()}:{host}:{place.port}",
            transport="UDP" if place.transport == "UDP" else "TCP",
            host=place.host,
            port=place.port,
            advertised=self.advertised(index, place.host),
        )

    def advertised(self, index: int, host: str) -> str:
        version = family(host)
        for written in self.file.sip.advertised:
            if family(written) == version and not ipaddress.ip_address(host).is_loopback:
                return written
        if not is_wildcard(host):
            return host
        found = self.route_source(version)
        path = ("sip", "listen", index)
        remedy = f'Add advertised = ["{found or "the address that peers reach you at"}"] to [sip].'
        if not found:
            problem = f"peers cannot send to {host}, and this machine has no IPv{version} route."
            self.error(path, problem, remedy)
        elif not any(listening(text).host == host for text in self.file.sip.listen[:index]):
            self.warning(path, f"peers are told {found}, the address of the default route.", remedy)
        return found or host

    def media(self, listeners: tuple[values.Listener, ...], control_socket: str) -> values.MediaSettings:
        media = self.file.media
        interfaces = tuple(
            values.Interface(each.name, each.address, each.advertised or each.address)
            for each in media.interfaces
        )
        first = listeners[0]
        own = not media.relay_socket
        beside = str(Path(control_socket).with_name("relay.sock"))
        return values.MediaSettings(
            interfaces=interfaces or (values.Interface("default", first.host, first.advertised),),
            ports=(media.ports[0], media.ports[1]),
            timeout=media.timeout,
            relay_socket=self.socket(("media", "relay_socket"), beside if own else media.relay_socket),
            starts_relay=own,
            late_offer_codecs=tuple(media.late_offer_codecs),
        )

    def limits(self) -> values.Limits:
        limits = self.file.limits
        return values.Limits(
            calls=limits.calls,
            calls_per_second=limits.calls_per_second,
            retry_after=limits.retry_after,
            recipients=limits.recipients,
            drain_seconds=limits.drain_seconds,
        )

    def records(self) -> values.RecordSettings:
        records = self.file.records
        database = records.database
        if "://" not in database:
            database = f"sqlite+aiosqlite:///{self.resolved(database)}"
        return values.RecordSettings(database, records.keep_days, records.trace, records.keep_traces)

    def service(self) -> values.ServiceSettings:
        service = self.file.service
        control = service.control_socket or self.beside_database()
        return values.ServiceSettings(
            control_socket=self.socket(("service", "control_socket"), control),
            log_level=service.log_level,
            mask_numbers=service.mask_numbers,
        )

    def beside_database(self) -> str:
        database = self.file.records.database
        scheme, found, place = database.partition(":///")
        if found and scheme.startswith("sqlite"):
            database = place
        elif "://" in database:
            database = "core.sock"  # no file to stand beside: this file's directory
        return str(Path(self.resolved(database)).with_name("core.sock"))

    def socket(self, path: tuple[str, str], place: str) -> str:
        place = self.resolved(place)
        if len(place.encode()) > _SOCKET_PATH_LIMIT:
            remedy = f"Name a shorter path; a Unix socket's is {_SOCKET_PATH_LIMIT} octets at most."
            self.error(path, f"{place} is too long.", remedy)
        return place

    def resolved(self, place: str) -> str:
        """A path as it is meant from this file's directory, with no ".." left in it."""
        return str((self.directory / place).resolve())

    def trunk(self, name: str, trunk: TrunkSettings) -> values.Trunk:
        return values.Trunk(
            name=name,
            sources=tuple(ipaddress.ip_network(text) for text in trunk.sources),
            address=trunk.address,
            credentials=self.credentials(name, trunk),
            recipe=_recipe(trunk),
            allowed_prefixes=tuple(trunk.allowed_prefixes),
            interface=trunk.interface,
            nat=trunk.nat,
            keep_call_id=trunk.keep_call_id,
        )

    def credentials(self, name: str, trunk: TrunkSettings) -> tuple[Credentials, ...]:
        if not trunk.username:
            return ()
        password = trunk.password
        if trunk.password_file:
            password = self.password(name, trunk.password_file)
        return (Credentials(trunk.username, password, trunk.realm),)

    def password(self, name: str, place: str) -> str:
        path = ("trunks", name, "password_file")
        try:
            text = Path(self.resolved(place)).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            self.error(path, f"cannot be read: {problem}.", "Make it readable to the service's user.")
            return ""
        return text.partition("\n")[0].rstrip("\r")

    def number(
        self, dialled: str, number: NumberSettings, trunks: dict[str, values.Trunk]
    ) -> values.DialledNumber:
        timeout = number.media_timeout
        step = DialStep(
            recipients=tuple(
                self.recipient(recipient, number, trunks.get(recipient.trunk))
                for recipient in number.recipients
                if recipient.enabled
            ),
            ring_time=number.ring_time,
            early_media=EarlyMedia(number.early_media),
            six_xx=SixXX(number.six_xx),
            timeout_status=number.timeout_status,
            media_timeout=self.file.media.timeout if timeout is None else timeout,
            duration_limit=number.duration_limit,
            answered_elsewhere=number.answered_elsewhere,
        )
        return values.DialledNumber(dialled, number.name, frozenset(number.trunks), step)

    def recipient(
        self, recipient: RecipientSettings, number: NumberSettings, trunk: values.Trunk | None
    ) -> Recipient:
        uri, route = _uri_and_route(recipient, trunk)
        own = Credentials(recipient.username, recipient.password)
        nat = recipient.nat
        if nat is None:
            nat = trunk.nat if trunk is not None else True
        return Recipient(
            name=recipient.name,
            uri=uri,
            route=route,
            start_after=recipient.start_after,
            stop_after=recipient.stop_after,
            unreachable_after=recipient.unreachable_after,
            follow_redirects=recipient.follow_redirects,
            credentials=(own,) if recipient.username else (trunk.credentials if trunk is not None else ()),
            recipe=_adapted(trunk.recipe if trunk is not None else HeaderRecipe(), number),
            media_interface=recipient.interface or (trunk.interface if trunk is not None else ""),
            nat=nat,
            keep_call_id=trunk is not None and trunk.keep_call_id,
        )


def _uri_and_route(recipient: RecipientSettings, trunk: values.Trunk | None) -> tuple[str, str]:
    if trunk is None:
        return recipient.destination, ""
    if recipient.type == "phone":
        address = sip_address(trunk.address)
        return f"sip:{phone_number(recipient.destination)}@{address.hostport}{address.parameters}", ""
    # RFC 3261 §8.1.2: an outbound proxy is a pre-loaded route set of one loose router.
    is_loose = ";lr" in trunk.address.lower()
    return recipient.destination, trunk.address if is_loose else f"{trunk.address};lr"


def _recipe(trunk: TrunkSettings) -> HeaderRecipe:
    headers = trunk.headers
    return HeaderRecipe(
        from_user=_shown_number(trunk.caller_id) or "caller",
        from_host=headers.from_host,
        asserted_identity=headers.asserted_identity,
        diversion=headers.diversion,
        display_prefix=headers.display_prefix,
        pass_headers=tuple(name.lower() for name in headers.pass_headers),
        add=tuple(headers.add.items()),
    )


def _adapted(recipe: HeaderRecipe, number: NumberSettings) -> HeaderRecipe:
    """The trunk's recipe with what the number says otherwise."""
    return HeaderRecipe(
        from_user=_shown_number(number.caller_id) or recipe.from_user,
        from_host=recipe.from_host,
        asserted_identity=recipe.asserted_identity,
        diversion=recipe.diversion,
        display_prefix=number.display_prefix or recipe.display_prefix,
        pass_headers=recipe.pass_headers,
        add=recipe.add,
    )


def _shown_number(caller_id: str) -> str:
    return caller_id if caller_id in ("", "caller", "dialled") else phone_number(caller_id)
