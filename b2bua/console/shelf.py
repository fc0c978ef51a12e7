"""The pages as files, so that a browser need not ask for a file twice, and for no file late.

A page's head, as it stands in pages/, names its style sheets and its first module. What is sent names them by the
edition, a digest of all files: a path with the edition in it may be kept for ever, since another version has other
paths. Its style sheets are sent as one, and every module that the page will import is named beforehand, so that
they come at once and not one after the other. Paths without an edition are good as well, and asked for again each time
(their tags, RFC 9110 §8.8.3, make that cheap).
"""

from __future__ import annotations

import hashlib
import math
import mimetypes
import posixpath
import re
import time
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

PAGES: Final = Path(__file__).with_name("pages")
_KINDS: Final = {  # what the machine's own list may not know, or know otherwise
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".html": "text/html",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
}
_TEXTS: Final = ("text/", "application/json", "image/svg")
_EDITION: Final = "v-"  # begins the paths that have the edition
_SHEETS: Final = "sheets/"  # the style sheets of a page, as one
_ASK_AGAIN: Final = (
    "no-cache"  # lets a browser keep it and ask whether it is still good: an update shows at once
)
_LOOK_INTERVAL: Final = 1.0  # seconds between looks at whether a file is another one
_FOR_EVER: Final = "public, max-age=31536000, immutable"

_SHEET: Final = re.compile(r'[ ]*<link rel="stylesheet" href="/([^"]+)">\n')
_OWN: Final = re.compile(r'(href|src)="/((?:scripts|style)/[^"]+)"')
_IMPORT: Final = re.compile(r'^(?:import|export|\}) [^;"]*?from "([^"]+)";', re.MULTILINE)
_CONTENT: Final = '<meta name="who" content="">'
_MODULE: Final = re.compile(r'<script type="module" src="/([^"]+)">')


class Kept(NamedTuple):
    """A file as it was read at a time of it."""

    time: int
    body: bytes
    tag: str
    media_type: str


class Shelved:
    """Wraps an application: what a browser may keep for ever is given without asking it, at a tenth of the cost."""

    def __init__(self, app: ASGIApp, shelf: Shelf) -> None:
        self._app = app
        self._shelf = shelf

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        answer = None
        if scope["type"] == "http" and scope["path"].startswith(f"/{_EDITION}") and scope["method"] == "GET":
            answer = self._shelf.answer(Request(scope), scope["path"])
        await (answer or self._app)(scope, receive, send)


class Shelf:
    """Files below a directory; nothing outside of it, and no directory, is ever found."""

    def __init__(self, directory: Path = PAGES) -> None:
        self._directory = directory.resolve()
        self._kept: dict[Path, Kept] = {}
        self._times: tuple[int, ...] = ()
        self._edition = ""
        self._looked_at = -math.inf
        self._made: dict[
            tuple[str, str], str
        ] = {}  # heads of this edition, by page and first module of its own

    def answer(self, request: Request, name: str) -> Response | None:
        """The file of a name, as a response; None when there is none."""
        name = name.lstrip("/")
        caching = _ASK_AGAIN
        if name.startswith(_EDITION):
            edition, _, name = name.removeprefix(_EDITION).partition("/")
            if edition == self.edition():  # one from before an update gets what there is now
                caching = _FOR_EVER
        kept = self._sheets(name) if name.startswith(_SHEETS) else self._file(name)
        if kept is None:
            return None
        headers = {"ETag": kept.tag, "Cache-Control": caching}
        if kept.tag in [each.strip() for each in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=headers)
        return Response(kept.body, 200, headers, kept.media_type)

    def page(self, name: str, module: str = "", content: str = "") -> Response:
        """A page with the paths of this edition. module: what it will import when it has begun, "" for nothing more.

        content: JSON for the element that the page has for it; nobody then keeps the page.
        """
        edition = self.edition()
        text = self._made.get((name, module))
        if text is None:
            text = self._made[name, module] = self._with_paths(name, module, edition)
        if content:
            text = text.replace(_CONTENT, f'<meta name="who" content="{escape(content)}">', 1)
        return Response(
            text, 200, {"Cache-Control": "no-store" if content else _ASK_AGAIN}, _kind(Path(name))
        )

    def edition(self) -> str:
        """A digest of all files as they are now, or were a second ago."""
        now = time.monotonic()
        if now - self._looked_at < _LOOK_INTERVAL:
            return self._edition
        self._looked_at = now
        files = sorted(path for path in self._directory.rglob("*") if path.is_file())
        times = tuple(path.stat().st_mtime_ns for path in files)
        if times != self._times:
            digest = hashlib.sha256()
            for path in files:
                name = path.relative_to(self._directory)
                digest.update(b"%s\0%s\0" % (str(name).encode(), hashlib.sha256(path.read_bytes()).digest()))
            self._edition = digest.hexdigest()[:12]
            self._times = times
            self._made.clear()
        return self._edition

    def _with_paths(self, name: str, module: str, edition: str) -> str:
        text = self._text(name)
        first = _MODULE.search(text)
        modules = self._imported([each for each in (first and first[1], module) if each])
        place = f"/{_EDITION}{edition}/"
        links = [f'<link rel="stylesheet" href="{place}{_SHEETS}{name}.css">']
        links += [f'<link rel="modulepreload" href="{place}{each}">' for each in modules]
        text = _SHEET.sub("", text).replace("</title>", "\n    ".join(["</title>", *links]), 1)
        return _OWN.sub(rf'\1="{place}\2"', text)

    def _imported(self, modules: Sequence[str]) -> list[str]:
        """Modules, and all that they import and those import."""
        found: dict[str, None] = {}
        waiting = list(modules)
        while waiting:
            module = waiting.pop(0)
            if module not in found:
                found[module] = None
                beside = posixpath.dirname(module)
                imports = _IMPORT.findall(self._text(module))
                waiting += [posixpath.normpath(posixpath.join(beside, each)) for each in imports]
        return list(found)

    def _sheets(self, name: str) -> Kept | None:
        """All style sheets of a page in their order, by its name with .css after it."""
        page = self._file(name.removeprefix(_SHEETS).removesuffix(".css"))
        if page is None or page.media_type != _kind(Path("x.html")):
            return None
        sheets = [self._file(each) for each in _SHEET.findall(page.body.decode())]
        body = b"\n".join(each.body for each in sheets if each is not None)
        return Kept(page.time, body, _tag(body), _kind(Path("x.css")))

    def _text(self, name: str) -> str:
        kept = self._file(name)
        assert kept is not None, f"{name} is missing among the pages"
        return kept.body.decode()

    def _file(self, name: str) -> Kept | None:
        try:
            path = (self._directory / name).resolve()
            if not path.is_relative_to(self._directory) or not path.is_file():
                return None
        except (OSError, ValueError):  # no name of a file: too long, or with a NUL in it
            return None
        changed = path.stat().st_mtime_ns
        kept = self._kept.get(path)
        if kept is None or kept.time != changed:
            body = path.read_bytes()
            kept = self._kept[path] = Kept(changed, body, _tag(body), _kind(path))
        return kept


def _tag(body: bytes) -> str:
    return f'"{hashlib.sha256(body).hexdigest()[:20]}"'


def _kind(path: Path) -> str:
    kind = _KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith(_TEXTS) else kind
