"""Around every request: security headers, and bodies no longer and of no other kind than is wanted, and long ones only
of people who may send them: FastAPI reads a body before it asks who sends it.

Plain ASGI, so that it stands before anything is parsed, and so that live streams pass through it as they come.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from b2bua.console.answers import Json
from b2bua.console.refusal import Refusal

STRANGERS_LIMIT: Final = 16 << 10  # octets, of who is not known yet: a name and a password are shorter
BODY_LIMIT: Final = 1 << 20  # octets
UPLOAD_LIMIT: Final = 11 << 20  # of a file of 10 MB, with what stands around it
UPLOADS: Final = "/api/prompts"

POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; media-src 'self' blob:; manifest-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
_YEAR: Final = 31_536_000


class Gate:
    """Wraps an application. is_secret: browsers reach it by HTTPS, and are to do so from now on. knows: raises Refusal
    for a request of somebody who is not known."""

    def __init__(self, app: ASGIApp, is_secret: bool, knows: Callable[[Request], Awaitable[object]]) -> None:
        self._app = app
        self._knows = knows
        self._headers = dict(_HEADERS)
        if is_secret:
            self._headers["Strict-Transport-Security"] = f"max-age={_YEAR}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                if scope["path"].startswith("/api/"):
                    headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            _check_kind(scope)
            if _length(scope) > STRANGERS_LIMIT:
                await self._ask_for(scope)
            bounded = self._bounded(scope, receive)
        except Refusal as refusal:
            answer = Json(refusal.body, refusal.status, headers=refusal.headers)
            await answer(scope, receive, send_with_headers)
            return
        await self._app(scope, bounded, send_with_headers)

    async def _ask_for(self, scope: Scope) -> None:
        """Raises Refusal when nobody knows who sends this."""
        await self._knows(Request({**scope, "app": self._app}))

    def _bounded(self, scope: Scope, receive: Receive) -> Receive:
        limit = UPLOAD_LIMIT if _is_upload(scope) else BODY_LIMIT
        too_long = Refusal(413, f"Send at most {limit >> 20} MB.")
        if _length(scope) > limit:
            raise too_long
        received = 0
        is_known = _length(scope) > STRANGERS_LIMIT

        async def receive_bounded() -> Message:
            nonlocal received, is_known
            message = await receive()
            received += len(message.get("body", b""))
            if received > limit:
                raise too_long
            if received > STRANGERS_LIMIT and not is_known:  # of a length that was not said
                await self._ask_for(scope)
                is_known = True
            return message

        return receive_bounded


def _length(scope: Scope) -> int:
    """Octets of the body, as the request says; 0 where it does not."""
    said = Headers(scope=scope).get("content-length", "")
    return int(said) if said.isascii() and said.isdigit() else 0


def _is_upload(scope: Scope) -> bool:
    return bool(scope["path"] == UPLOADS and scope["method"] == "POST")


def _check_kind(scope: Scope) -> None:
    """A form on another site can send text and forms to us, but no JSON: whatever is not JSON is not heard."""
    headers = Headers(scope=scope)
    has_body = headers.get("content-length", "0") != "0" or "transfer-encoding" in headers
    if not has_body or not scope["path"].startswith("/api/"):
        return
    wanted = "multipart/form-data" if _is_upload(scope) else "application/json"
    if headers.get("content-type", "").partition(";")[0].strip().lower() != wanted:
        raise Refusal(415, f"Send Content-Type: {wanted}.")
