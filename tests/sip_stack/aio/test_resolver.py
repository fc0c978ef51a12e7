"""Names to flows (RFC 3263), asked of a small DNS server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace

import dns.asyncresolver
import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from sip_stack.aio import resolver as module
from sip_stack.aio.resolver import Resolver
from sip_stack.errors import LocalError
from sip_stack.flow import Flow

HOST = "127.0.0.1"
SOON = 60.0


class Zone(asyncio.DatagramProtocol):
    """Answers from a table of (name, type) to record texts; a name without any entry does not exist."""

    def __init__(self, records: dict[tuple[str, str], list[str]], ttl: int = 300) -> None:
        self.records = records
        self.ttl = ttl
        self.asked: list[tuple[str, str]] = []
        self.is_silent = False
        self.hold: asyncio.Event | None = None
        self.port = 0

    async def open(self) -> asyncio.DatagramTransport:
        transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
            lambda: self, local_addr=(HOST, 0)
        )
        self._transport = transport
        self.port = transport.get_extra_info("sockname")[1]
        return transport

    def datagram_received(self, data: bytes, address: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        assert isinstance(query, dns.message.QueryMessage)
        question = query.question[0]
        name, kind = question.name.to_text(omit_final_dot=True), dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        if not self.is_silent:
            self._transport.sendto(self._answer(query, name, kind).to_wire(), address)

    def _answer(self, query: dns.message.QueryMessage, name: str, kind: str) -> dns.message.Message:
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        texts = self.records.get((name, kind))
        if texts:
            answer.answer.append(dns.rrset.from_text_list(f"{name}.", self.ttl, "IN", kind, texts))
        elif not any(known == name for known, _ in self.records):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        return answer


class Scene:
    """A resolver that asks one zone, on a clock that is told."""

    def __init__(self, zone: Zone, monkeypatch: pytest.MonkeyPatch, fraction: float = 0.0) -> None:
        self.zone = zone
        self.now = 1000.0
        self.of_the_system: list[str] = []
        monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr(module, "_of_the_system", self._of_the_system)
        asking = dns.asyncresolver.Resolver(configure=False)
        asking.nameservers = [HOST]
        asking.port = zone.port
        self.resolver = Resolver(self._flow_to, lambda: fraction, asking)

    async def _of_the_system(self, host: str) -> list[str]:
        self.of_the_system.append(host)
        return ["127.0.0.1"] if host == "localhost" else []

    @staticmethod
    def _flow_to(transport: str, host: str, port: int) -> Flow:
        if ":" in host:
            raise LocalError("no IPv6 listener")
        return Flow(transport, "any", host, port)

    async def locate(self, uri: str) -> list[tuple[str, str, int]]:
        return [(flow.transport, flow.host, flow.port) for flow in await self.resolver.locate(uri)]


Act = Callable[[Scene], Awaitable[None]]


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def play(
        records: dict[tuple[str, str], list[str]], act: Act, *, fraction: float = 0.0, ttl: int = 300
    ) -> None:
        async def run() -> None:
            zone = Zone(records, ttl)
            transport = await zone.open()
            try:
                async with asyncio.timeout(SOON):
                    with monkeypatch.context() as patched:
                        await act(Scene(zone, patched, fraction))
            finally:
                transport.close()

        asyncio.run(run())

    return play


A = {("pbx.test", "A"): ["192.0.2.9", "192.0.2.10"], ("pbx.test", "AAAA"): ["2001:db8::9"]}
SRV = {
    ("_sip._udp.pbx.test", "SRV"): ["20 0 5060 c.pbx.test.", "10 60 5070 a.pbx.test.", "10 40 5080 b.pbx.test."],
    ("_sip._tcp.pbx.test", "SRV"): ["10 0 5061 t.pbx.test."],
    ("a.pbx.test", "A"): ["192.0.2.1"], ("b.pbx.test", "A"): ["192.0.2.2"], ("c.pbx.test", "A"): ["192.0.2.3"],
    ("t.pbx.test", "A"): ["192.0.2.4"], ("pbx.test", "A"): ["192.0.2.99"],
}  # fmt: skip


def test_a_port_means_addresses_alone_and_only_what_a_listener_reaches(play: Callable[..., None]) -> None:
    """RFC 3263 §4.2."""

    async def act(scene: Scene) -> None:
        located = sorted(await scene.locate("sip:bob@pbx.test:5090"))
        assert located == [("UDP", "192.0.2.10", 5090), ("UDP", "192.0.2.9", 5090)]
        assert {kind for _, kind in scene.zone.asked} == {"A", "AAAA"}

    play(A, act)


def test_without_srv_the_name_itself_is_asked_for(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        assert {host for _, host, _ in await scene.locate("sip:pbx.test")} == {"192.0.2.9", "192.0.2.10"}
        assert [question for question in scene.zone.asked if question[1] == "SRV"] == [
            ("_sip._udp.pbx.test", "SRV"), ("_sip._tcp.pbx.test", "SRV"),
        ]  # fmt: skip

    play(A, act)


@pytest.mark.parametrize(("fraction", "ports"), [(0.0, [5080, 5070, 5060]), (0.99, [5070, 5080, 5060])])
def test_srv_targets_are_tried_by_priority_and_weight(
    play: Callable[..., None], fraction: float, ports: list[int]
) -> None:
    async def act(scene: Scene) -> None:
        located = await scene.locate("sip:bob@pbx.test")
        by_port = {5070: "192.0.2.1", 5080: "192.0.2.2", 5060: "192.0.2.3"}
        assert sorted(located) == sorted(("UDP", by_port[port], port) for port in ports)
        assert located[-1][2] == 5060
        assert {located[0][2], located[1][2]} == {5070, 5080}

    play(SRV, act, fraction=fraction)


@pytest.mark.parametrize(("weights", "first"), [((60, 40), 5070), ((40, 60), 5080)])
def test_weights_decide_by_the_dice_that_are_handed_in(
    play: Callable[..., None], weights: tuple[int, int], first: int
) -> None:
    """Half of the sum falls to the heavier, in whichever order DNS has named the two."""
    texts = [f"10 {weights[0]} 5070 a.pbx.test.", f"10 {weights[1]} 5080 b.pbx.test."]

    async def act(scene: Scene) -> None:
        assert (await scene.locate("sip:bob@pbx.test"))[0][2] == first

    play({**SRV, ("_sip._udp.pbx.test", "SRV"): texts}, act, fraction=0.5)


def test_the_transport_of_the_uri_is_the_one_asked_for(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        assert await scene.locate("sip:bob@pbx.test;transport=tcp") == [("TCP", "192.0.2.4", 5061)]

    play(SRV, act)


def test_tcp_is_found_where_only_tcp_is_offered(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        assert await scene.locate("sip:bob@pbx.test") == [("TCP", "192.0.2.4", 5061)]

    play({key: value for key, value in SRV.items() if key[0] != "_sip._udp.pbx.test"}, act)


def test_an_srv_target_without_address_is_passed_over(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        assert [port for _, _, port in await scene.locate("sip:bob@pbx.test")] == [5080, 5060]

    play({key: value for key, value in SRV.items() if key[0] != "a.pbx.test"}, act)


def test_a_target_of_a_dot_means_that_there_is_no_such_service(play: Callable[..., None]) -> None:
    """RFC 2782: "decidedly not available at this domain": then addresses are not asked for either."""
    declined = {("_sip._udp.pbx.test", "SRV"): ["0 0 0 ."], ("_sip._tcp.pbx.test", "SRV"): ["0 0 0 ."], **A}

    async def act(scene: Scene) -> None:
        assert await scene.locate("sip:bob@pbx.test") == []
        assert ("pbx.test", "A") not in scene.zone.asked

    play(declined, act)


def test_what_does_not_exist_is_nowhere_and_that_is_believed_for_a_while(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        for _ in range(2):
            assert await scene.locate("sip:nobody.test") == []
        asked = len(scene.zone.asked)
        assert scene.of_the_system == ["nobody.test"]
        scene.now += module.KEPT_NOT_FOUND + 0.1
        await scene.locate("sip:nobody.test")
        assert len(scene.zone.asked) == 2 * asked

    play(A, act)


@pytest.mark.parametrize("uri", ["tel:+15550100", "", "sip:", "mailto:a@b.test"])
def test_what_is_no_sip_uri_is_nowhere_and_not_asked_for(play: Callable[..., None], uri: str) -> None:
    async def act(scene: Scene) -> None:
        assert await scene.locate(uri) == []
        assert scene.zone.asked == []

    play(A, act)


@pytest.mark.parametrize("name", ["a" * 64 + ".test", "a..test", ".".join(["abcdefgh"] * 40)])
def test_what_is_no_dns_name_is_nowhere(play: Callable[..., None], name: str) -> None:
    async def act(scene: Scene) -> None:
        assert await scene.locate(f"sip:{name}:5060") == []

    play(A, act)


@pytest.mark.parametrize(("ttl", "kept"), [(300, 300.0), (1, module.SHORTEST), (10**6, module.LONGEST)])
def test_answers_are_kept_as_long_as_dns_says_within_bounds(
    play: Callable[..., None], ttl: int, kept: float
) -> None:
    async def act(scene: Scene) -> None:
        await scene.locate("sip:pbx.test:5060")
        asked = len(scene.zone.asked)
        scene.now += kept - 0.1
        await scene.locate("sip:pbx.test:5060")
        assert len(scene.zone.asked) == asked
        scene.now += 0.2
        await scene.locate("sip:pbx.test:5060")
        assert len(scene.zone.asked) == 2 * asked

    play({("pbx.test", "A"): ["192.0.2.9"], ("pbx.test", "AAAA"): ["2001:db8::9"]}, act, ttl=ttl)


def test_many_who_ask_at_once_cost_one_question(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        answers = await asyncio.gather(*[scene.locate("sip:pbx.test:5060") for _ in range(50)])
        assert len({tuple(answer) for answer in answers}) == 1
        assert sorted(scene.zone.asked) == [("pbx.test", "A"), ("pbx.test", "AAAA")]

    play(A, act)


def test_one_who_gives_up_does_not_spoil_it_for_the_others(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        impatient, patient = [asyncio.ensure_future(scene.locate("sip:pbx.test:5060")) for _ in range(2)]
        await asyncio.wait([impatient], timeout=0)
        impatient.cancel()
        assert len(await patient) == 2
        assert impatient.cancelled()

    play(A, act)


def test_nothing_is_left_of_a_question_that_all_have_given_up(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        impatient = asyncio.ensure_future(scene.locate("sip:pbx.test:5060"))
        await asyncio.wait([impatient], timeout=0)
        (task,) = scene.resolver._asking.values()
        impatient.cancel()
        await asyncio.wait([task])
        assert scene.resolver._asking == {}
        scene.zone.records = {("pbx.test", "A"): ["192.0.2.77"], ("pbx.test", "AAAA"): ["2001:db8::9"]}
        scene.now += 400
        assert await scene.locate("sip:pbx.test:5060") == [("UDP", "192.0.2.77", 5060)]

    play(A, act)


def test_a_silent_server_is_not_waited_for_beyond_our_patience(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "PATIENCE", 0.1)

    async def act(scene: Scene) -> None:
        scene.zone.is_silent = True
        assert await scene.locate("sip:pbx.test:5060") == []

    play(A, act)


def test_what_only_the_system_knows_is_found_there(play: Callable[..., None]) -> None:
    async def act(scene: Scene) -> None:
        assert await scene.locate("sip:localhost:5066") == [("UDP", "127.0.0.1", 5066)]

    play(A, act)


def test_the_system_itself_knows_localhost() -> None:
    async def run() -> None:
        assert "127.0.0.1" in await module._of_the_system("localhost")
        assert await module._of_the_system("a" * 64) == []

    asyncio.run(run())


def test_no_more_names_are_kept_than_allowed(
    play: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 3)

    async def act(scene: Scene) -> None:
        for port in range(5060, 5070):
            await scene.locate(f"sip:pbx.test:{port}")
            assert len(scene.resolver._kept) <= 3

    play(A, act)
