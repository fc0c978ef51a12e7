"""The log of calls and a call's page, as different people get to see them."""

from __future__ import annotations

import asyncio
import csv
import io
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from b2bua.calls.record import CallOutcome, TraceEntry
from tests.b2bua.console.stage import Stage, call, on_stage

_C = CallOutcome


async def ids(client: httpx.AsyncClient, query: str = "") -> list[int]:
    """The calls that a filter finds, by the index that they were made with."""
    answer = await client.get(f"/api/calls?{query}")
    assert answer.status_code == 200, answer.text
    return [int(each["id"][:6], 16) for each in answer.json()["calls"]]


async def filled(stage: Stage) -> None:
    await stage.write(
        [
            call(1),
            call(2, _C.ABANDONED),
            call(3, _C.NO_ANSWER, number_name="", dialled="+15550101"),
            call(4, _C.BUSY, caller="+15559999999", caller_name="Acme"),
            call(5, _C.FAILED),
            call(6, dialled="+15550199", number_name="Main line"),
        ]
    )


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", [1, 2, 3, 4, 5, 6]),
        ("outcome=answered", [1, 6]),
        ("outcome=missed", [3, 4]),
        ("outcome=abandoned,problem", [2, 5]),
        ("outcome=busy", [4]),
        ("number=Main+line", [1, 2, 4, 5, 6]),
        ("number=%2B15550101", [3]),
        ("number=Main+line&outcome=missed", [4]),
        ("answered_by=Ana", [1, 6]),
        ("caller=%2B15559999999", [4]),
        ("q=acme", [4]),
        ("q=5550199", [6]),
        ("q=%25", []),
        ("q=nobody", []),
        ("since=1789999998000000", [1, 2]),
        ("until=1789999996000000", [5, 6]),
    ],
)
def test_calls_are_found(tmp_path: Path, query: str, found: list[int]) -> None:
    async def play(stage: Stage) -> None:
        await filled(stage)
        assert await ids(await stage.logged_in("editor"), query) == found

    on_stage(tmp_path, play)


def test_calls_that_run_are_found(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(1), call(2, None, ended_at=None)])
        client = await stage.logged_in("viewer")
        assert await ids(client, "outcome=running") == [2]

    on_stage(tmp_path, play)


def test_what_is_known_of_a_running_call_is_the_cores(tmp_path: Path) -> None:
    """The database has its beginning only. Without a core that is shown, and so is a call that has just ended."""
    begun, over = call(1, None, ended_at=None, answered_by=None), call(2, None, ended_at=None, answered_by=None)
    first = TraceEntry(5, 0, True, "udp", "a:1", "b:2", b"INVITE sip:x SIP/2.0")
    now = replace(begun, answered_by="Ana", trace=[first])

    async def play(stage: Stage) -> None:
        await stage.write([begun, over])
        client = await stage.logged_in("viewer")

        async def sentences() -> list[str]:
            listed = (await client.get("/api/calls")).json()["calls"]
            pages = [(await client.get(f"/api/calls/{each['id']}")).json() for each in listed]
            assert [each["sentence"] for each in listed] == [each["sentence"] for each in pages]
            return [each["sentence"] for each in listed]

        before = await sentences()
        assert before == ["Just begun", "Just begun"]
        stage.core_answers = {"records": {"records": {begun.id: now}}}
        await stage.core()
        assert await sentences() == ["Talking to Ana", before[1]]
        assert stage.asked[0] == {"command": "records", "calls": [begun.id, over.id], "messages": False}
        page = (await client.get(f"/api/calls/{begun.id}")).json()
        assert [each["name"] for each in page["messages"]] == ["INVITE"]
        stage.core_answers = {"records": {"records": {begun.id: {"id": 5}}}}  # a core of another version
        assert await sentences() == before

    on_stage(tmp_path, play)


def test_pages_hold_every_call_once_even_those_of_the_same_moment(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(index, started_at=1_790_000_000_000_000 - index // 4) for index in range(30)])
        client = await stage.logged_in("viewer")
        seen, cursor = [], ""
        while True:
            answer = (await client.get(f"/api/calls?limit=7&cursor={cursor}")).json()
            seen += [each["id"] for each in answer["calls"]]
            if answer["next"] is None:
                break
            cursor = answer["next"]
        assert len(seen) == len(set(seen)) == 30

    on_stage(tmp_path, play)


def test_a_search_stops_in_time_and_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("b2bua.console.call_list.SLICE", 3)
    monkeypatch.setattr("b2bua.console.call_list.SEARCH_TIME", -1.0)

    async def play(stage: Stage) -> None:
        await stage.write([call(index, caller_name="Jo" if index == 8 else "") for index in range(10)])
        client = await stage.logged_in("editor")
        first = (await client.get("/api/calls?q=jo")).json()
        assert first["calls"] == []
        assert first["searched_back_to"] == 1_790_000_000_000_000 - 2_000_000
        seen, cursor = [], first["next"]
        while cursor is not None:
            answer = (await client.get(f"/api/calls?q=jo&cursor={cursor}")).json()
            seen += answer["calls"]
            cursor = answer["next"]
        assert [each["caller_name"] for each in seen] == ["Jo"]

    on_stage(tmp_path, play)


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("outcome=great", "outcome"),
        ("cursor=x", "cursor"),
        ("cursor=1-99999999999999999999999", "cursor"),
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("since=-1", "since"),
        ("nothing=1", "nothing"),
        ("q=" + "x" * 101, "q"),
    ],
)
def test_a_filter_that_cannot_be_is_refused_with_its_field(tmp_path: Path, query: str, field: str) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("editor")
        answer = await client.get(f"/api/calls?{query}")
        assert answer.status_code == 422
        (error,) = answer.json()["errors"]
        assert error["field"] == field and error["reason"]

    on_stage(tmp_path, play)


def test_one_call_has_its_recipients_sentences_and_messages(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(1)])
        client = await stage.logged_in("editor")
        told = (await client.get("/api/calls/000001")).json()
        assert told["sentence"] == "Ana answered after 6.2 s; talked 54 s"
        assert told["recipients"][0]["sentence"] == "Answered after 6.2 s"
        assert [each["name"] for each in told["messages"]] == ["INVITE", "100 Trying"]
        assert told["messages"][0]["text"].startswith("INVITE sip:+15550100@")
        assert told["downloads"]["pcap"] == f"/api/calls/{told['id']}/pcap"
        assert (await client.get("/api/calls/last")).json()["id"] == told["id"]

    on_stage(tmp_path, play)


def test_a_call_that_is_not_there_and_one_that_is_not_named_enough(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(0x10), call(0x11)])
        client = await stage.logged_in("viewer")
        assert (await client.get("/api/calls/ffff")).status_code == 404
        answer = await client.get("/api/calls/00001")
        assert answer.status_code == 409
        assert "write more of it" in answer.json()["errors"][0]["reason"]

    on_stage(tmp_path, play)


# What viewers see.


def test_viewers_see_no_number_of_anybody_else(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(1, reason="Forwarded to sip:+15557654321@192.0.2.9")])
        client = await stage.logged_in("viewer")
        for path in ("/api/calls", "/api/calls/last", "/api/calls.csv"):
            text = (await client.get(path)).text
            for private in ("5557001234", "5550102", "7654321", "Jo Doe"):
                assert private not in text, (path, private)
            assert "+15550100" in text  # our own
            assert "…234" in text

    on_stage(tmp_path, play)


def test_viewers_get_no_sip_no_pcap_and_no_scenario(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(1)])
        client = await stage.logged_in("viewer")
        told = (await client.get("/api/calls/last")).json()
        assert {each["text"] for each in told["messages"]} == {None}
        assert told["downloads"] == {}
        assert (await client.get("/api/calls/last/pcap")).status_code == 403
        assert (await client.get("/api/calls/last/scenario")).status_code == 403

    on_stage(tmp_path, play)


def test_viewers_cannot_find_out_a_number_by_looking_for_it(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(1)])
        client = await stage.logged_in("viewer")
        assert (await client.get("/api/calls?caller=%2B15557001234")).status_code == 403
        assert await ids(client, "q=7001234") == []
        assert await ids(client, "q=Doe") == []
        assert await ids(client, "q=Ana") == [1]
        assert (await client.get("/api/calls.csv?q=7001234")).text.count("\n") == 1

    on_stage(tmp_path, play)


def test_an_owner_may_let_viewers_see_numbers(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(1)])
        owner, viewer = await stage.logged_in("owner"), await stage.logged_in("viewer")
        await owner.put("/api/settings", json={"mask_for_viewers": False})
        assert "+15557001234" in (await viewer.get("/api/calls")).text
        assert (await viewer.get("/api/calls/last/pcap")).status_code == 403

    on_stage(tmp_path, play)


# What can be taken away.


def rows(text: str) -> list[dict[str, Any]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_an_export_has_every_call_of_the_filter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("b2bua.console.routes.calls.EXPORT_PAGE", 3)

    async def play(stage: Stage) -> None:
        await stage.write([call(index) for index in range(8)])
        client = await stage.logged_in("editor")
        answer = await client.get("/api/calls.csv?outcome=answered")
        assert answer.headers["content-disposition"] == 'attachment; filename="calls.csv"'
        found = rows(answer.text)
        assert len(found) == 8
        assert found[0]["caller"] == "+15557001234"
        assert found[0]["talked (s)"] == "53.800"
        assert "calls.export" in await stage.actions()

    on_stage(tmp_path, play)


def test_no_caller_writes_a_formula_into_a_spreadsheet(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(1, caller_name='=HYPERLINK("http://evil.example")', caller="@SUM(1)")])
        (row,) = rows((await (await stage.logged_in("editor")).get("/api/calls.csv")).text)
        assert row["caller name"].startswith("'=")
        assert row["caller"].startswith("'@")

    on_stage(tmp_path, play)


def test_messages_are_taken_away_as_pcap_and_scenario(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        await stage.write([call(1), call(2, trace=[])])
        client = await stage.logged_in("editor")
        capture = await client.get("/api/calls/000001/pcap")
        assert capture.headers["content-type"] == "application/vnd.tcpdump.pcap"
        assert capture.content[:4] == b"\xa1\xb2\xc3\xd4"
        assert (await client.get("/api/calls/000001/scenario?leg=0")).text.lstrip().startswith("<?xml")
        assert (await client.get("/api/calls/000001/scenario?leg=7")).status_code == 404
        assert (await client.get("/api/calls/000002/pcap")).status_code == 404

    on_stage(tmp_path, play)


def test_a_message_is_heard_by_those_who_see_numbers(tmp_path: Path) -> None:
    async def play(stage: Stage) -> None:
        kept = Path(stage.desk.config.records.messages) / "sales" / "1.wav"
        await asyncio.to_thread(put, kept, b"RIFF of a message")
        elsewhere = tmp_path / "multiring.toml"
        left = {"mailbox": "sales", "voicemail_seconds": 4.5}
        await stage.write(
            [
                call(1, _C.VOICEMAIL, voicemail=str(kept), **left),
                call(2, _C.VOICEMAIL, voicemail=str(elsewhere)),
                call(3),
            ]
        )
        editor, viewer = await stage.logged_in("editor"), await stage.logged_in("viewer")
        told = (await editor.get("/api/calls/000001")).json()
        (recording,) = told["downloads"]["recordings"]
        assert (recording["name"], recording["seconds"], told["voicemail"]) == ("sales", 4.5, True)
        answer = await editor.get(recording["url"])
        assert (answer.content, answer.headers["content-type"]) == (b"RIFF of a message", "audio/wav")
        part = await editor.get(recording["url"], headers={"Range": "bytes=0-3"})
        assert (part.status_code, part.content) == (206, b"RIFF")
        assert (await editor.get("/api/calls/000002/voicemail")).status_code == 404
        assert (await editor.get("/api/calls/000003/voicemail")).status_code == 404
        assert (await viewer.get(recording["url"])).status_code == 403
        assert (await viewer.get("/api/calls/000001")).json()["downloads"] == {}
        assert await ids(viewer, "outcome=voicemail") == [1, 2]
        assert str(tmp_path) not in (await editor.get("/api/calls/000001")).text

    on_stage(tmp_path, play)


def put(file: Path, content: bytes) -> None:
    file.parent.mkdir(parents=True)
    file.write_bytes(content)
