"""The pages as files: what a browser may keep, and that a page names everything that it needs."""

from __future__ import annotations

import json
import os
import re
from html import unescape
from pathlib import Path

import pytest
from starlette.requests import Request

from b2bua.console import shelf
from b2bua.console.shelf import Shelf
from tests.b2bua.console.stage import Stage, on_stage

PAGE = """<!doctype html>
<html>
  <head>
    <meta name="who" content="">
    <title>Page</title>
    <link rel="stylesheet" href="/style/one.css">
    <link rel="stylesheet" href="/style/two.css">
    <script type="module" src="/scripts/main.js"></script>
  </head>
  <body></body>
</html>
"""
FILES = {
    "page.html": PAGE,
    "style/one.css": "a { color: red }",
    "style/two.css": "a { color: blue }",
    "scripts/main.js": 'import { a } from "./a.js";\n',
    "scripts/a.js": 'import {\n  b,\n  c,\n} from "./parts/b.js";\nexport const a = b;\n',
    "scripts/parts/b.js": 'import { a } from "../a.js";\nexport const b = 1, c = () => import("./late.js");\n',
    "scripts/parts/late.js": "",
    "scripts/other.js": 'export { b } from "./parts/b.js";\n',
}


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        file = tmp_path / "pages" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return tmp_path / "pages"


def asked(**headers: str) -> Request:
    return Request({
        "type": "http", "headers": [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()],
    })  # fmt: skip


def text_of(kept: Shelf, name: str) -> str:
    answer = kept.answer(asked(), name)
    assert answer is not None
    return bytes(answer.body).decode()


def test_a_page_names_its_style_sheets_as_one_and_all_its_modules(pages: Path) -> None:
    kept = Shelf(pages)
    page = bytes(kept.page("page.html", "scripts/other.js").body).decode()
    edition = kept.edition()
    assert re.findall(r'modulepreload" href="/v-\w+/([^"]+)', page) == [
        "scripts/main.js", "scripts/other.js", "scripts/a.js", "scripts/parts/b.js",
    ]  # fmt: skip
    (sheet,) = re.findall(r'stylesheet" href="([^"]+)"', page)
    assert text_of(kept, sheet) == "a { color: red }\na { color: blue }"
    assert f'src="/v-{edition}/scripts/main.js"' in page


def test_what_has_the_edition_in_its_path_is_kept_for_ever(pages: Path) -> None:
    kept = Shelf(pages)
    for path, caching in (
        (f"/v-{kept.edition()}/scripts/a.js", "immutable"),
        ("/v-000000000000/scripts/a.js", "no-cache"),
        ("/scripts/a.js", "no-cache"),
    ):
        answer = kept.answer(asked(), path)
        assert answer is not None and caching in answer.headers["cache-control"]


def test_another_file_is_another_edition(pages: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_LOOK_INTERVAL", 0.0)
    kept = Shelf(pages)
    before = kept.edition()
    assert kept.edition() == before
    file = pages / "scripts/a.js"
    file.write_text("export const a = 2;\n")
    os.utime(file, ns=(1, 1))
    assert kept.edition() != before
    assert "parts/b.js" not in bytes(kept.page("page.html").body).decode()


def test_nothing_outside_is_found(pages: Path) -> None:
    (pages.parent / "secret.css").write_text("")
    kept = Shelf(pages)
    edition = kept.edition()
    outside = ("../secret.css", f"v-{edition}/../../secret.css", "sheets/../../secret.css")
    no_page = (
        "scripts",
        "\0",
        "x" * 999,
        "sheets/scripts/a.js.css",
        "sheets/none.html.css",
        "v-",
        f"v-{edition}/",
    )
    for name in (*outside, *no_page):
        assert kept.answer(asked(), name) is None, name


def test_who_is_there_stands_in_the_page_and_ends_nothing_in_it(pages: Path) -> None:
    answer = Shelf(pages).page("page.html", "", '{"name": "\'><b>&"}')
    assert answer.headers["cache-control"] == "no-store"
    (content,) = re.findall(r'<meta name="who" content="([^"]*)">', bytes(answer.body).decode())
    assert "<" not in content and "'" not in content
    assert json.loads(unescape(content)) == {"name": "'><b>&"}


@pytest.mark.parametrize(("path", "module"), [
    ("/calls", "pages/calls.js"), ("/calls/last", "pages/call.js"), ("/flows/main", "pages/flow.js"),
    ("/", "pages/calls.js"), ("/statistics?days=1", "pages/statistics.js"), ("/nowhere", "main.js"),
])  # fmt: skip
def test_every_page_names_the_module_that_it_is(tmp_path: Path, path: str, module: str) -> None:
    async def play(stage: Stage) -> None:
        client = await stage.logged_in("viewer")
        page = await client.get(path)
        assert f'scripts/{module}">' in page.text
        assert (
            "&quot;name&quot;: &quot;viewer&quot;" in page.text
            and page.headers["cache-control"] == "no-store"
        )
        for named in re.findall(r'(?:href|src)="(/v-[^"]+)"', page.text):
            answer = await client.get(named)
            assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
            assert "content-security-policy" in answer.headers

    on_stage(tmp_path, play)
