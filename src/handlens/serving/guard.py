"""Who may ask the server what: checked for every request before anything else sees it."""

from __future__ import annotations

import hashlib
import hmac
import html
import ipaddress
import json
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_LIMIT = 4 * 2**20
"""Bytes of a request's body; uploads, which stream to disk, have limits of their own."""

HEADERS = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; "
        "form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_READING = {"GET", "HEAD"}


class Refused(Exception):
    """A request that goes no further."""

    def __init__(self, status: int, error: str) -> None:
        super().__init__(error)
        self.status, self.error = status, error


class Guard:
    """ASGI middleware that lets through only requests meant for this server by someone who may ask.

    A site that the person visits can make the browser ask this machine: its own name may be pointed
    here (DNS rebinding, seen in Host), and its pages may post here (seen in Origin). `hosts` are the
    accepted Host headers, each "name:port"; "*:port" stands for any numeric address, which nobody
    can rebind. With a `token`, a request has to carry it: once in the address (?token=), afterwards
    in a cookie, or as "Authorization: Bearer". A link on another site may lead a person to a page, but
    not to what is below `private`; below `uploads` a body may be of any length.
    """

    def __init__(
        self, app: ASGIApp, *, hosts: Iterable[str], token: str | None, private: str = "/", uploads: str | None = None
    ) -> None:
        self.app = app
        self.hosts = {host.lower() for host in hosts}
        self.token = token
        self.private, self.uploads = private, uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        if scope["type"] != "http":
            return  # there are no WebSockets here: the connection is closed unanswered

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                answer = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    answer[name] = value
                answer.setdefault("Cache-Control", "no-store")
            await send(message)

        headers = Headers(scope=scope)
        path = str(scope["path"])
        try:
            self._check_host(headers)
            self._check_origin(scope["method"], headers, path)
            if self.token is not None and not self._known(headers):
                await self._admit(scope, headers, guarded)
                return
            if self.uploads is None or not path.startswith(self.uploads):
                receive = _limited(headers, receive)
        except Refused as refused:
            await _refuse(guarded, refused, page="text/html" in headers.get("accept", ""))
            return
        await self.app(scope, receive, guarded)

    def _check_host(self, headers: Headers) -> None:
        hosts = headers.getlist("host")
        host = hosts[0].lower() if len(hosts) == 1 else ""
        if host in self.hosts or f"{host}:80" in self.hosts:
            return
        name, _, port = host.rpartition(":")
        if f"*:{port}" in self.hosts and _is_address(name):
            return
        raise Refused(
            403,
            "The Host of the request must be the address that handlens printed when it started; "
            f"{host[:100] or 'none'} arrived. Open the printed address.",
        )

    def _check_origin(self, method: str, headers: Headers, path: str) -> None:
        """Refuse what another site's page sends: changes by their Origin, reading by what the browser says of it."""
        site = headers.get("sec-fetch-site", "same-origin")
        foreign = site not in ("same-origin", "none")
        if method in _READING:
            followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
            if foreign and not (followed and not path.startswith(self.private)):
                raise Refused(
                    403, f"Another site's page asked for this ({site[:40]}). Only this server's own page may."
                )
            return
        origin = headers.get("origin")
        if foreign or (origin is not None and origin.lower() != f"http://{headers.get('host', '').lower()}"):
            raise Refused(
                403, f"The Origin of a change must be this server's own address; {(origin or site)[:100]} arrived."
            )

    def _known(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), self.token or ""):
            return True
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        name = _cookie_name(headers)
        return name in cookies and _same(cookies[name].value, self._cookie_value())

    async def _admit(self, scope: Scope, headers: Headers, send: Send) -> None:
        """Take the token in the address for a cookie, and the address without it; refuse any other."""
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = next((value for name, value in query if name == "token"), None)
        if scope["method"] not in _READING or given is None or not _same(given, self.token or ""):
            raise Refused(
                401,
                "This server asks for a token. Open the address that handlens printed when it started: "
                "it ends in ?token=…",
            )
        rest = urlencode([pair for pair in query if pair[0] != "token"])
        # A path that begins with two slashes would be another server's address.
        path = "/" + scope.get("raw_path", b"/").decode("latin-1").partition("?")[0].lstrip("/\\")
        target = html.escape(path + (f"?{rest}" if rest else ""))
        # A page that moves on by itself and not a redirect: a Strict cookie is not sent along a redirect
        # that began with a link on another site.
        page = f'<!doctype html><meta charset=utf-8><meta http-equiv=refresh content="0; url={target}">'
        cookie = f"{_cookie_name(headers)}={self._cookie_value()}; Path=/; HttpOnly; SameSite=Strict"
        await _respond(send, 200, "text/html; charset=utf-8", page, (b"set-cookie", cookie.encode("latin-1")))

    def _cookie_value(self) -> str:
        return hmac.new((self.token or "").encode(), b"handlens cookie", hashlib.sha256).hexdigest()


def _cookie_name(headers: Headers) -> str:
    # Cookies do not tell ports apart, so two servers on one machine need two names.
    port = headers.get("host", "").rpartition(":")[2]
    return f"handlens-{port if port.isdecimal() else 80}"


def _same(given: str, wanted: str) -> bool:
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _limited(headers: Headers, receive: Receive) -> Receive:
    """The body of a request up to BODY_LIMIT; answers 413 beyond."""
    too_large = f"A request's body must be at most {BODY_LIMIT // 2**20} MB."
    length = headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > BODY_LIMIT:
        raise Refused(413, too_large)
    received = 0

    async def counting() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > BODY_LIMIT:
            raise HTTPException(413, too_large)
        return message

    return counting


async def _refuse(send: Send, refused: Refused, *, page: bool) -> None:
    if page:
        text = f"<!doctype html><meta charset=utf-8><title>handlens</title><p>{html.escape(refused.error)}</p>"
        await _respond(send, refused.status, "text/html; charset=utf-8", text)
    else:
        await _respond(send, refused.status, "application/json", json.dumps({"error": refused.error}))


async def _respond(send: Send, status: int, kind: str, text: str, *headers: tuple[bytes, bytes]) -> None:
    body = text.encode()
    own = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": [*own, *headers]})
    await send({"type": "http.response.body", "body": body})
