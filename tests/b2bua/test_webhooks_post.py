"""The HTTP client against a real server on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from b2bua.webhooks.post import ANSWER_LIMIT, Post
from tests.b2bua.receiver import LIMIT, Receiver

Ask = Callable[..., Awaitable[str]]


def play(scene: Callable[[Receiver, Ask], Awaitable[None]], connections: int = 4) -> Receiver:
    receivers: list[Receiver] = []

    async def run() -> None:
        receiver = Receiver()
        receivers.append(receiver)
        await receiver.start()
        post = Post(connections)

        async def ask(url: str = "", patience: float = LIMIT) -> str:
            return await post(url or receiver.url, b"{}", {"X-Test": "1"}, patience)

        try:
            await scene(receiver, ask)
        finally:
            await post.close()
            await receiver.stop()

    asyncio.run(run())
    return receivers[0]


@pytest.mark.parametrize(("answer", "problem"), [
    ("200 OK", ""),
    ("204 No Content", ""),
    ("299 Odd", ""),
    ("400 Bad Request", "400 Bad Request"),
    ("410 Gone", "410 Gone"),
    ("500 ", "500"),
    ("503 Busy\r\nRetry-After: 9", "503 Busy"),
    ("200 OK\n\nthanks", ""),
])  # fmt: skip
def test_what_an_answer_means(answer: str, problem: str) -> None:
    async def scene(receiver: Receiver, ask: Ask) -> None:
        receiver.answer = lambda _: answer
        assert await ask() == problem

    receiver = play(scene)
    assert receiver.told[0].headers["x-test"] == "1"
    assert receiver.told[0].body == b"{}"


def test_a_redirect_is_not_followed() -> None:
    async def scene(receiver: Receiver, ask: Ask) -> None:
        receiver.answer = lambda _: f"307 Temporary Redirect\r\nLocation: {receiver.url}/elsewhere"
        assert await ask() == "307 Temporary Redirect"

    assert len(play(scene).told) == 1


def test_nobody_there() -> None:
    async def scene(receiver: Receiver, ask: Ask) -> None:
        await receiver.stop()
        assert "127.0.0.1" in await ask()
        await receiver.start()

    play(scene)


def test_a_server_that_does_not_answer() -> None:
    async def scene(receiver: Receiver, ask: Ask) -> None:
        receiver.may_answer.clear()
        assert await ask(patience=0.05) == "no answer within 0.05 s"
        receiver.may_answer.set()
        assert await ask() == ""

    play(scene)


def test_a_server_that_hangs_up() -> None:
    async def scene(receiver: Receiver, ask: Ask) -> None:
        receiver.may_answer.clear()
        asking = asyncio.ensure_future(ask())
        await receiver.until(1)
        await receiver.stop()
        receiver.may_answer.set()
        assert await asking
        await receiver.start()

    play(scene)


def test_what_is_no_http() -> None:
    async def scene(receiver: Receiver, ask: Ask) -> None:
        receiver.answer = lambda _: "nonsense\r\nno header"
        assert await ask()

    play(scene)


def test_connections_are_used_again_and_few() -> None:
    async def scene(receiver: Receiver, ask: Ask) -> None:
        for _ in range(3):
            assert await ask() == ""
        assert receiver.connections == 1
        await asyncio.gather(*(ask() for _ in range(20)))
        assert receiver.connections == 2

    play(scene, connections=2)


def test_a_long_answer_is_not_read_to_its_end() -> None:
    async def scene(receiver: Receiver, ask: Ask) -> None:
        receiver.answer = lambda _: "200 OK\n\n" + "x" * (ANSWER_LIMIT * 100)
        assert await ask() == ""

    play(scene)


def test_a_cookie_is_not_kept() -> None:
    async def scene(receiver: Receiver, ask: Ask) -> None:
        receiver.answer = lambda _: "200 OK\r\nSet-Cookie: a=b"
        await ask()
        await ask()

    assert "cookie" not in play(scene).told[1].headers


def test_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")

    async def scene(_: Receiver, ask: Ask) -> None:
        assert await ask() == ""

    play(scene)
