"""What RFC 9110 (HTTP Semantics) asks of every server: HEAD, the methods of an address, and ranges."""

from __future__ import annotations

import json
import re
from contextlib import suppress

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.routing import Match, Mount
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_RANGES = 16
"""Ranges that one request may ask for; more are sent as the whole."""

_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
_SPEC = re.compile(r"(\d{1,18})-(\d{1,18})?|-(\d{1,18})")
_ENDLESS = "text/event-stream"


class _HeadSent(Exception):
    """All that HEAD asks for was sent, of an answer that does not end by itself."""


class Semantics:
    """ASGI middleware that answers HEAD as GET without the body, and drops each Range that is to be ignored."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        inner = dict(scope)
        ranges = Headers(scope=scope).getlist("range")
        if ranges and not (scope["method"] == "GET" and len(ranges) == 1 and _is_range(ranges[0])):
            inner["headers"] = [pair for pair in scope["headers"] if pair[0].lower() != b"range"]
        if scope["method"] != "HEAD":
            await self.app(inner, receive, _Explained(send))
            return
        inner["method"] = "GET"
        endless = False

        async def without_body(message: Message) -> None:
            nonlocal endless
            if message["type"] == "http.response.start":
                endless = MutableHeaders(scope=message).get("content-type", "").startswith(_ENDLESS)
                await send(message)
            elif endless or not message.get("more_body", False):
                await send({"type": "http.response.body"})
                if endless:
                    raise _HeadSent

        with suppress(_HeadSent):
            await self.app(inner, receive, without_body)


class _Explained:
    """Sends answers on, and those that no range of a request can be answered with as all other errors."""

    def __init__(self, send: Send) -> None:
        self._send, self._replaced = send, False

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start" and message["status"] == 416:
            headers = MutableHeaders(scope=message)
            size = headers.get("content-range", "").rpartition("/")[2]
            body = json.dumps({"error": f"Range must begin within the {size} bytes that there are."}).encode()
            headers["content-range"], headers["content-type"] = f"bytes */{size}", "application/json"
            headers["content-length"] = str(len(body))
            self._replaced = True
            await self._send(message)
            await self._send({"type": "http.response.body", "body": body})
        elif not self._replaced:
            await self._send(message)


def _is_range(header: str) -> bool:
    """Whether a Range asks for parts that a server could send: others must be ignored."""
    unit, _, specs = header.partition("=")
    parts = [part.strip() for part in specs.split(",")]
    found = [_SPEC.fullmatch(part) for part in parts if part]
    return (
        unit.strip().lower() == "bytes"
        and 0 < len(found) <= MOST_RANGES
        and all(one is not None and (one[2] is None or int(one[1]) <= int(one[2])) for one in found)
    )


def methods_at(app: FastAPI, scope: Scope) -> list[str]:
    """The methods that there are at the address of a request, as Allow names them."""
    path = {key: scope[key] for key in ("type", "path", "root_path", "headers") if key in scope}
    found = [
        method
        for method in _METHODS
        if any(
            route.matches({**path, "method": method})[0] is Match.FULL
            for route in app.router.routes
            if not isinstance(route, Mount)
        )
    ]
    return ["GET", "HEAD", *found[1:]] if "GET" in found else found
