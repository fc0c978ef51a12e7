"""From checked settings to the values that the service holds."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from b2bua.calls.flow import DialRecipient, Flow, RecipientType
from b2bua.calls.recipient import Credentials, DialStep, EarlyMedia, HeaderRecipe, Recipient, SixXX
from b2bua.config import values
from b2bua.config.addresses import capture_server, family, is_loopback, is_wildcard, listening, phone_number
from b2bua.config.checks import SECRET_LENGTH, SECRET_REMEDY, Report
from b2bua.config.console import console_of, place_of
from b2bua.config.engine import nodes_of
from b2bua.config.findings import KeyPath
from b2bua.config.flow_building import build
from b2bua.config.flow_settings import FlowSettings
from b2bua.config.reaching import first_dial_step, flow_of, second_recipe, uri_and_route
from b2bua.config.settings import File, NumberSettings, RecipientSettings, TrunkSettings, WebhookSettings

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
            values.Interface(each.name, each.address, each.advertised or each.address, each.xdp)
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
            starts_relay=own and media.engine == "own",
            late_offer_codecs=tuple(media.late_offer_codecs),
            form=media.form,
            kernel_pins=media.kernel_pins,
            tones=media.tones,
            nodes=nodes_of(self.file),
        )

    def limits(self) -> values.Limits:
        limits = self.file.limits
        return values.Limits(
            calls=limits.calls,
            calls_per_second=limits.calls_per_second,
            retry_after=limits.retry_after,
            recipients=limits.recipients,
            drain_seconds=limits.drain_seconds,
            emergency_numbers=frozenset(limits.emergency_numbers),
        )

    def records(self) -> values.RecordSettings:
        records = self.file.records
        database = records.database
        if "://" not in database:
            database = f"sqlite+aiosqlite:///{self.resolved(database)}"
        messages = self.resolved(records.messages) if records.messages else self.beside_database("messages")
        hep = None
        if records.hep:
            host, port = capture_server(records.hep)
            hep = values.CaptureServer(host, port, records.hep_capture_id, records.hep_password)
        return values.RecordSettings(
            database, records.keep_days, records.trace, records.keep_traces, str(messages), hep
        )

    def service(self) -> values.ServiceSettings:
        service = self.file.service
        control = service.control_socket or self.beside_database()
        return values.ServiceSettings(
            control_socket=self.socket(("service", "control_socket"), control),
            log_level=service.log_level,
            mask_numbers=service.mask_numbers,
            metrics=self.metrics(service.metrics),
        )

    def metrics(self, text: str) -> tuple[str, int] | None:
        """Where metrics are served; None for nowhere."""
        if not text:
            return None
        try:
            place = place_of(text)
        except ValueError as problem:
            self.error(("service", "metrics"), str(problem), 'Write it like "127.0.0.1:9464".')
            return None
        if not is_loopback(place.host):
            said = "is open to whoever reaches this address."
            self.warning(("service", "metrics"), said, "Let a firewall admit Prometheus only, or use 127.0.0.1.")
        return place.host, place.port

    def console(self) -> values.Console:
        console = self.file.console
        prompts = self.resolved(console.prompts) if console.prompts else self.beside_database("prompts")
        return console_of(console, self.resolved, prompts, self.error, self.warning)

    def beside_database(self, name: str = "core.sock") -> str:
        database = self.file.records.database
        scheme, found, place = database.partition(":///")
        if found and scheme.startswith("sqlite"):
            database = place
        elif "://" in database:
            database = name  # no file to stand beside: this file's directory
        return str(Path(self.resolved(database)).with_name(name))

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
            own_numbers_only=trunk.own_numbers_only,
            caller_id_refusals=tuple(trunk.caller_id_refusals),
            answer_limit=trunk.answer_limit,
        )

    def flow(self, name: str, settings: FlowSettings) -> Flow:
        return build(name, settings, ("flows", name), self.error)

    def credentials(self, name: str, trunk: TrunkSettings) -> tuple[Credentials, ...]:
        if not trunk.username:
            return ()
        password = trunk.password
        if trunk.password_file:
            password = self.first_line(("trunks", name, "password_file"), trunk.password_file) or ""
        return (Credentials(trunk.username, password, trunk.realm),)

    def webhook(self, index: int, webhook: WebhookSettings) -> values.Webhook:
        path = ("webhooks", index, "secret_file")
        secret = self.first_line(path, webhook.secret_file) if webhook.secret_file else webhook.secret
        if secret is not None and len(secret) < SECRET_LENGTH:
            self.error(path, "holds a secret that is too short.", SECRET_REMEDY)
        return values.Webhook(
            name=webhook.name,
            url=webhook.url,
            secret=(secret or "").encode(),
            events=frozenset(webhook.events),
            timeout=webhook.timeout,
            retry_limit=webhook.retry_limit,
        )

    def first_line(self, path: KeyPath, place: str) -> str | None:
        """The secret that a file holds; None, and an error in the report, when it cannot be read."""
        try:
            text = Path(self.resolved(place)).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as problem:
            self.error(path, f"cannot be read: {problem}.", "Make it readable to the service's user.")
            return None
        return text.partition("\n")[0].rstrip("\r")

    def number(
        self,
        dialled: str,
        number: NumberSettings,
        trunks: dict[str, values.Trunk],
        flows: Mapping[str, Flow],
    ) -> values.DialledNumber:
        timeout = self.file.media.timeout if number.media_timeout is None else number.media_timeout
        if number.flow:
            flow = flows.get(number.flow)
            step = first_dial_step(flow, timeout, number.duration_limit)
        else:
            step = self.dial_step(number, trunks, timeout)
            off = tuple(_off(each) for each in number.recipients if not each.enabled)
            flow = flow_of(dialled, step, off)
        return values.DialledNumber(
            dialled,
            number.name,
            frozenset(number.trunks),
            step,
            flow=flow,
            flow_name=number.flow,
            media_timeout=timeout,
            duration_limit=number.duration_limit,
        )

    def dial_step(
        self, number: NumberSettings, trunks: dict[str, values.Trunk], media_timeout: float
    ) -> DialStep:
        return DialStep(
            recipients=tuple(
                self.recipient(recipient, number, trunks.get(recipient.trunk))
                for recipient in number.recipients
                if recipient.enabled
            ),
            ring_time=number.ring_time,
            early_media=EarlyMedia(number.early_media),
            six_xx=SixXX(number.six_xx),
            timeout_status=number.timeout_status,
            media_timeout=media_timeout,
            duration_limit=number.duration_limit,
            answered_elsewhere=number.answered_elsewhere,
        )

    def recipient(
        self, recipient: RecipientSettings, number: NumberSettings, trunk: values.Trunk | None
    ) -> Recipient:
        address = trunk.address if trunk is not None else ""
        uri, route = uri_and_route(recipient.type == "phone", recipient.destination, address)
        own = Credentials(recipient.username, recipient.password)
        recipe = _adapted(trunk.recipe if trunk is not None else HeaderRecipe(), number)
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
            recipe=recipe,
            caller_id_refusals=trunk.caller_id_refusals if trunk is not None else (),
            second_recipe=second_recipe(recipe, trunk),
            media_interface=recipient.interface or (trunk.interface if trunk is not None else ""),
            nat=nat,
            keep_call_id=trunk is not None and trunk.keep_call_id,
            trunk=trunk.name if trunk is not None else "",
        )


def _off(recipient: RecipientSettings) -> DialRecipient:
    return DialRecipient(recipient.name, recipient.destination, RecipientType(recipient.type), is_on=False)


def _recipe(trunk: TrunkSettings) -> HeaderRecipe:
    headers = trunk.headers
    return HeaderRecipe(
        from_user=_shown_number(trunk.caller_id) or "caller",
        from_host=headers.from_host,
        asserted_identity=headers.asserted_identity,
        private_identity=headers.private_identity,
        diversion=headers.diversion,
        display_prefix=headers.display_prefix,
        pass_headers=tuple(name.lower() for name in headers.pass_headers),
        add=tuple(headers.add.items()),
    )


def _adapted(recipe: HeaderRecipe, number: NumberSettings) -> HeaderRecipe:
    """The trunk's recipe with what the number says otherwise."""
    return replace(
        recipe,
        from_user=_shown_number(number.caller_id) or recipe.from_user,
        display_prefix=number.display_prefix or recipe.display_prefix,
    )


def _shown_number(caller_id: str) -> str:
    return caller_id if caller_id in ("", "caller", "dialled") else phone_number(caller_id)
