"""Checks that every request passes before a handler sees it, and headers that every reply gets."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ebb.serving.replies import Refused, refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Only files of the server itself; no script or style inside a page."""

SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=(), payment=()",
    "X-Robots-Tag": "noindex",
}

_READING = ("GET", "HEAD")
_METHODS = (*_READING, "POST", "DELETE")
_MAX_TARGET = 2048


@dataclass(frozen=True, kw_only=True)
class GuardLimits:
    """What a request may be.

    Attributes:
        names: Names of the server that the header ``Host`` may give, without port; None: any. A page of
            another site whose name is made to point at this machine has another one.
        max_body: Largest number of bytes of a body.
        max_seconds: Longest time in which a body must have arrived.
    """

    names: frozenset[str] | None = field(default=None)
    max_body: int = 16_384
    max_seconds: float = 10.0


class Guard:
    """Checks requests before they reach an application, and adds headers to its replies.

    Requests that may change something must come from pages of the server itself, so that no other site can
    send them from a visitor's browser.

    Args:
        app: The application.
        limits: What a request may be.
    """

    def __init__(self, app: ASGIApp, limits: GuardLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection, as ASGI defines it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] == "http":
            await self._serve(scope, receive, _with_headers(send))
        else:
            await send({"type": "websocket.close", "code": 1008})

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            headers = _single_headers(scope)
            self._check(scope, headers)
            body = await self._body(headers, receive)
        except Refused as error:
            error.headers["Connection"] = "close"  # the rest of the body is not read
            await refusal(error)(scope, receive, send)
            return
        await self._app(scope, _replay(body, receive), send)

    def _check(self, scope: Scope, headers: Mapping[str, str]) -> None:
        if scope["method"] not in _METHODS:
            raise Refused(405, "this method is not used here")
        if len(scope["path"]) + len(scope["query_string"]) > _MAX_TARGET:
            raise Refused(414, "the address is too long")
        host = headers.get("host", "")
        if self._limits.names is not None and _without_port(host) not in self._limits.names:
            raise Refused(421, "this server is not addressed by that name")
        if scope["method"] not in _READING:
            _check_origin(headers, host)

    async def _body(self, headers: Mapping[str, str], receive: Receive) -> bytes:
        """The whole body, within the limits."""
        claimed = headers.get("content-length", "0")
        if not claimed.isdecimal() or int(claimed) > self._limits.max_body:
            raise Refused(413, f"the body has more than {self._limits.max_body} bytes")
        try:
            async with asyncio.timeout(self._limits.max_seconds):
                return await self._received(receive)
        except TimeoutError as error:
            raise Refused(408, "the body did not arrive in time") from error

    async def _received(self, receive: Receive) -> bytes:
        parts, size, more = [], 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                raise Refused(400, "the connection ended")
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > self._limits.max_body:
                raise Refused(413, f"the body has more than {self._limits.max_body} bytes")
            more = message.get("more_body", False)
        return b"".join(parts)


def _single_headers(scope: Scope) -> dict[str, str]:
    """Headers by name; those on which checks depend must not come twice."""
    found: dict[str, str] = {}
    for raw_name, raw_value in scope["headers"]:
        name = raw_name.decode("latin-1").lower()
        if name in found and name in ("host", "origin", "content-length", "authorization"):
            raise Refused(400, f"the header {name} comes twice")
        found[name] = raw_value.decode("latin-1")
    return found


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return (name if colon and port.isdecimal() else host).lower()


def _check_origin(headers: Mapping[str, str], host: str) -> None:
    """Refuse requests that a browser sends for a page of another site."""
    origin = headers.get("origin")
    is_foreign = origin is not None and urlsplit_netloc(origin) != host.lower()
    if is_foreign or headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Refused(403, "requests of pages of other sites are refused")


def urlsplit_netloc(address: str) -> str:
    """Host and port of an address, in lower case; empty if it has none."""
    try:
        return urlsplit(address).netloc.lower()
    except ValueError:
        return ""


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            added = {**SECURITY_HEADERS, "Cache-Control": "no-store"}
            message["headers"] = [
                *message["headers"],
                *(
                    (name.lower().encode(), value.encode())
                    for name, value in added.items()
                    if name.lower().encode() not in present
                ),
            ]
        await send(message)

    return sending


def _replay(body: bytes, receive: Receive) -> Receive:
    """Give a body that has been read once more, then whatever follows it."""
    parts = [body]

    async def receiving() -> Message:
        if parts:
            return {"type": "http.request", "body": parts.pop(), "more_body": False}
        return await receive()

    return receiving
