"""The pages as files: read once, kept with their tags (RFC 9110 §8.8.3), and asked for again at no cost."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path
from typing import Final, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

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


class Kept(NamedTuple):
    """A file as it was read at a time of it."""

    time: int
    body: bytes
    tag: str
    media_type: str


class Shelf:
    """Files below a directory; nothing outside of it, and no directory, is ever found."""

    def __init__(self, directory: Path = PAGES) -> None:
        self._directory = directory.resolve()
        self._kept: dict[Path, Kept] = {}

    def answer(self, request: Request, name: str, status: int = 200) -> Response | None:
        """The file of a name, as a response; None when there is none."""
        kept = self._file(name)
        if kept is None:
            return None
        # no-cache lets a browser keep it and ask whether it is still good: an update shows at once.
        headers = {"ETag": kept.tag, "Cache-Control": "no-cache"}
        if kept.tag in [each.strip() for each in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=headers)
        return Response(kept.body, status, headers, kept.media_type)

    def _file(self, name: str) -> Kept | None:
        try:
            path = (self._directory / name.lstrip("/")).resolve()
            if not path.is_relative_to(self._directory) or not path.is_file():
                return None
        except (OSError, ValueError):  # no name of a file: too long, or with a NUL in it
            return None
        time = path.stat().st_mtime_ns
        kept = self._kept.get(path)
        if kept is None or kept.time != time:
            body = path.read_bytes()
            tag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
            kept = self._kept[path] = Kept(time, body, tag, _kind(path))
        return kept


def _kind(path: Path) -> str:
    kind = _KINDS.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    return f"{kind}; charset=utf-8" if kind.startswith(_TEXTS) else kind
