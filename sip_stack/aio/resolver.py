"""Names to flows by DNS (RFC 3263): SRV, then A and AAAA, kept for as long as DNS says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import dns.asyncresolver
import dns.exception
import dns.resolver

from sip_stack.errors import LocalError, RemoteError
from sip_stack.flow import Flow
from sip_stack.server_location import Service, enquiry, order

PATIENCE = 3.0  # seconds for one question, retries included
SHORTEST, LONGEST = 5.0, 3600.0  # seconds that an answer is kept, whatever its TTL says
KEPT_NOT_FOUND = 5.0  # seconds that "no such name" is believed
MOST_KEPT = 10_000

FlowTo = Callable[[str, str, int], Flow]  # transport, numeric host, port


@dataclass(frozen=True, slots=True)
class _Kept:
    until: float
    targets: tuple[tuple[str, str, int], ...]


class Resolver:
    """Answers where a URI's server is. One question for a name is asked at a time, however many calls wait for it."""

    def __init__(
        self,
        flow_to: FlowTo,
        fraction: Callable[[], float],
        resolver: dns.asyncresolver.Resolver | None = None,
    ) -> None:
        self._flow_to = flow_to
        self._fraction = fraction
        self._resolver = resolver
        self._kept: dict[str, _Kept] = {}
        self._asking: dict[str, asyncio.Task[_Kept]] = {}

    async def locate(self, uri: str) -> list[Flow]:
        """The flows to try for a URI, best first; empty when there is no such name or no listener fits."""
        kept = self._kept.get(uri)
        if kept is None or kept.until < time.monotonic():
            task = self._asking.get(uri)
            if task is None:
                task = self._asking[uri] = asyncio.create_task(self._ask(uri))
                task.add_done_callback(lambda _: self._asking.pop(uri, None))
            kept = await asyncio.shield(task)
        flows = []
        for transport, host, port in kept.targets:
            try:
                flows.append(self._flow_to(transport, host, port))
            except LocalError:
                continue
        return flows

    async def _ask(self, uri: str) -> _Kept:
        try:
            wanted = enquiry(uri)
        except RemoteError:
            return _Kept(time.monotonic() + KEPT_NOT_FOUND, ())
        # RFC 3263 §4.2: only "if no SRV records were found" is the name itself looked up for addresses.
        hosts = [(wanted.host, wanted.port, wanted.transport)]
        ttl = LONGEST
        for name, transport in wanted.services:
            found, seconds = await self._services(name)
            ttl = min(ttl, seconds)
            if found is not None:
                hosts = [(each.target, each.port, transport) for each in order(found, self._fraction)]
            if found:
                break
        targets: list[tuple[str, str, int]] = []
        for host, port, transport in hosts:
            addresses, seconds = await self._addresses(host)
            targets += [(transport, address, port) for address in addresses]
            ttl = min(ttl, seconds)
        seconds = max(ttl, SHORTEST) if targets else KEPT_NOT_FOUND
        kept = _Kept(time.monotonic() + seconds, tuple(targets))
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        self._kept[uri] = kept
        return kept

    async def _services(self, name: str) -> tuple[list[Service] | None, float]:
        """The SRV records of a name and their TTL; None where it has none.

        RFC 2782: a target of "." "means that the service is decidedly not available at this domain".
        """
        answer = await self._query(name, "SRV")
        if answer is None or answer.rrset is None:
            return None, LONGEST
        services = [
            Service(record.priority, record.weight, str(record.target).rstrip("."), record.port)
            for record in answer
        ]
        return [service for service in services if service.target], answer.rrset.ttl

    async def _addresses(self, host: str) -> tuple[list[str], float]:
        found, ttl = [], LONGEST
        for kind, answer in zip(
            ("A", "AAAA"),
            await asyncio.gather(self._query(host, "A"), self._query(host, "AAAA")),
            strict=True,
        ):
            if answer is not None and answer.rrset is not None:
                found += [str(record.address) for record in answer]
                ttl = min(ttl, answer.rrset.ttl)
            elif not found and kind == "AAAA":
                found += await _of_the_system(host)
                ttl = min(ttl, 60.0)
        return found, ttl

    async def _query(self, name: str, kind: str) -> dns.resolver.Answer | None:
        if self._resolver is None:
            try:
                self._resolver = dns.asyncresolver.Resolver()
            except dns.resolver.NoResolverConfiguration:
                return None
        try:
            return await self._resolver.resolve(name, kind, lifetime=PATIENCE, search=False)
        except (dns.exception.DNSException, OSError, UnicodeError):
            return None


async def _of_the_system(host: str) -> list[str]:
    """What /etc/hosts and the like know ("localhost"): in a thread, for it may wait."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(PATIENCE):
            found = await loop.getaddrinfo(host, None, type=1)
    except (OSError, TimeoutError, UnicodeError):
        return []
    return list(dict.fromkeys([str(each[4][0]) for each in found]))
