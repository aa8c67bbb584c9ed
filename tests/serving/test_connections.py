"""Connections that are many, slow, silent or senseless: the server stays there for the others."""

from __future__ import annotations

import http.client
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send
from uvicorn.server import ServerState

from handlens.serving import bodies, connections
from handlens.serving.connections import Connection, Server, most_connections
from handlens.serving.listening import listen

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the length of the body, at /large with 16 MB, and at /photos with how many the body holds."""
    if scope["type"] != "http":
        return
    if scope["path"] == "/photos":
        try:
            async with bodies.Bodies().photos(Request(scope, receive)) as photos:
                answer = PlainTextResponse(str(len(photos)))
        except HTTPException as error:
            answer = PlainTextResponse(error.detail)
        await answer(scope, receive, send)
        return
    length, more = 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message["body"])
        more = message["more_body"]
    body = bytes(2**24) if scope["path"] == "/large" else str(length).encode()
    headers = [(b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Running:
    """A server in a thread of its own."""

    def __init__(self) -> None:
        self.server = Server(app)
        self.socket = listen("127.0.0.1", 0)
        self.port = self.socket.getsockname()[1]
        self.thread = threading.Thread(target=self.server.run, args=([self.socket],))
        self.thread.start()

    def connect(self, *parts: bytes) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.port), timeout=300)
        for part in parts:
            made.sendall(part)
        return made

    def ask(self, *parts: bytes) -> bytes:
        """The body of the answer on a connection of its own."""
        with self.connect(*parts) as made:
            return answered(made)

    def end(self) -> None:
        self.server.should_exit = True
        self.thread.join(300)
        self.socket.close()
        assert not self.thread.is_alive()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(connections, "_LOOK", 0.02)
    running = Running()
    yield running
    running.end()


def answered(made: socket.socket) -> bytes:
    """The body of the next answer on a connection."""
    answer = http.client.HTTPResponse(made)
    answer.begin()
    assert answer.status == 200
    return answer.read()


def closed(made: socket.socket) -> bool:
    """Whether the server ends the connection; waits for it."""
    try:
        while made.recv(2**16):
            pass
    except ConnectionError:
        pass  # ended in the middle
    return True


def test_s7_many_idle_connections_give_way_to_new_ones(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 20)
    with ExitStack() as idle:
        made = [idle.enter_context(server.connect()) for _ in range(100)]
        for _ in range(3):
            assert server.ask(GET) == b"0"
        assert closed(made[0])  # the first of them
        for one in made[:80]:
            assert closed(one)
        assert len(server.server.server_state.connections) <= 21


def test_s7_a_request_that_is_answered_is_not_cut_off_for_new_connections(
    server: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "most_connections", lambda: 3)
    with server.connect(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\nabc") as busy:
        for _ in range(20):
            assert server.ask(GET) == b"0"
        with ExitStack() as idle:
            for _ in range(20):
                idle.enter_context(server.connect())
            busy.sendall(b"def")
            assert answered(busy) == b"6"


@pytest.mark.parametrize(
    "parts", [[], [b"GET / HT"], [GET[:-2]], [GET[:-2] + b"A: b\r\n"] * 1, [b"\r\n" * 10]], ids=range(5)
)
def test_s7_a_head_that_never_ends_is_cut_off(
    server: Running, parts: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.1)
    with server.connect(*parts) as made:
        assert closed(made)


def test_s7_a_second_head_that_never_ends_is_cut_off(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "HEAD_SECONDS", 0.5)
    with server.connect(GET) as made:
        assert answered(made) == b"0"
        made.sendall(b"GET / ")  # which ends uvicorn's own count
        assert closed(made)


@pytest.mark.parametrize("kind", [b"Content-Length: 100000", b"Transfer-Encoding: chunked"])
def test_s7_a_body_that_never_ends_is_cut_off(server: Running, kind: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "BODY_SECONDS", 0.1)
    with server.connect(b"PUT / HTTP/1.1\r\nHost: x\r\n" + kind + b"\r\n\r\n5\r\nabc") as made:
        assert closed(made)


def test_s7_an_answer_that_is_never_taken_is_cut_off(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "ANSWER_SECONDS", 0.1)
    monkeypatch.setattr(connections, "HEAD_SECONDS", 1e9)
    with server.connect(GET.replace(b"/ ", b"/large ")):
        while not server.server.server_state.connections:
            time.sleep(0.01)
        while server.server.server_state.connections:
            time.sleep(0.01)


class Clock:
    """A loop whose time is set by hand, and a transport."""

    def __init__(self) -> None:
        self.now, self.buffer, self.aborted = 0.0, 0, False

    def time(self) -> float:
        return self.now

    def call_later(self, _seconds: float, _call: Callable[[], None], *_: Any) -> Any:
        return threading.Timer(0, lambda: None)  # has a `cancel`

    def create_task(self, task: Any, **_: Any) -> Any:
        task.close()
        return _Task()

    def abort(self) -> None:
        self.aborted = True

    def get_write_buffer_size(self) -> int:
        return self.buffer

    def get_extra_info(self, _name: str) -> None:
        return None

    def __getattr__(self, _name: str) -> Callable[..., Any]:
        return lambda *_: False


class _Task:
    def add_done_callback(self, _call: object) -> None:
        """Never done."""


@pytest.fixture
def made() -> tuple[Connection, Clock]:
    clock = Clock()
    config = Server(app).config
    config.load()
    connection = Connection(config=config, server_state=ServerState(), app_state={}, _loop=clock)  # type: ignore[arg-type]
    connection.connection_made(clock)  # type: ignore[arg-type]
    return connection, clock


def after(seconds: float, connection: Connection, clock: Clock) -> bool:
    """Whether the connection is cut off so many seconds later."""
    clock.now += seconds
    connection._look()
    return clock.aborted


def test_s7_the_seconds_of_a_head(made: tuple[Connection, Clock]) -> None:
    connection, clock = made
    connection.data_received(GET[:5])
    assert not after(9.9, connection, clock)
    connection.data_received(GET[5:9])  # a drop does not count
    assert after(0.2, connection, clock)


def test_s7_the_seconds_of_a_body(made: tuple[Connection, Clock]) -> None:
    connection, clock = made
    connection.data_received(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 4000\r\n\r\n")
    assert not after(9.9, connection, clock)
    assert not after(29.9, connection, clock)
    connection.data_received(bytes(1024))
    assert not after(5, connection, clock)
    connection.data_received(bytes(500))  # too little
    assert not after(29.9, connection, clock)
    assert after(0.2, connection, clock)


def test_s7_the_seconds_of_an_answer(made: tuple[Connection, Clock]) -> None:
    connection, clock = made
    connection.data_received(GET)
    assert not after(1e6, connection, clock)  # it is ours to answer
    clock.buffer = 70_000
    connection.pause_writing()
    assert not after(1, connection, clock)
    clock.buffer = 69_000
    assert not after(200, connection, clock)  # something was taken
    assert not after(119.9, connection, clock)
    assert after(0.2, connection, clock)


NONSENSE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS
    b"GET  / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"G\xffT / HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET /\xff HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA b: c\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"b" * 2_000_000 + b"\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 400_000 + b"\r\n",
    b"GET /" + b"a" * 2_000_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 1e3\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabc",
    b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n0\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nabc\r\n0\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffffffffff\r\nabc\r\n0\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabc\r\n0\r\n\r\n",
    b"PUT / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\nabc",
]


@pytest.mark.parametrize("data", NONSENSE, ids=range(len(NONSENSE)))
def test_s7_what_is_not_http_is_answered_400_and_the_server_stays(
    server: Running, data: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    with server.connect() as made:
        try:
            made.sendall(data)
            first = made.recv(2**16)
        except ConnectionError:
            first = b""  # it was refused before all was sent
        assert first == b"" or first.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
    assert server.ask(GET) == b"0"
    assert capfd.readouterr() == ("", "")


def test_s7_pipelined_requests_are_answered_in_order(server: Running) -> None:
    put = b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
    with server.connect(
        GET + put % (3, b"abc") + GET + put % (1, b"a") + GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    ) as made:
        found = b""
        while part := made.recv(2**16):
            found += part
    assert [answer.rpartition(b"\r\n\r\n")[2][:1] for answer in found.split(b"HTTP/1.1 200 OK")[1:]] == [
        b"0",
        b"3",
        b"0",
        b"1",
        b"0",
    ]


def test_s7_a_sender_that_has_ended_and_one_that_goes_away(server: Running) -> None:
    with server.connect(b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nabc") as made:
        made.shutdown(socket.SHUT_WR)
        assert closed(made)
    with server.connect(GET[:-4]) as made:
        made.shutdown(socket.SHUT_WR)
        assert closed(made)
    server.connect(GET.replace(b"/ ", b"/large ")).close()
    assert server.ask(GET) == b"0"


def test_s7_upgrades_are_not_taken_and_not_logged(server: Running, capfd: pytest.CaptureFixture[str]) -> None:
    found = server.ask(GET.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))
    assert found == b"0"
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(("files", "wanted"), [(256, 64), (1024, 448), (10**6, 512), (100, 16), (-1, 512)])
def test_s7_as_many_connections_as_leave_files_for_the_rest(
    files: int, wanted: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    resource = pytest.importorskip("resource")  # Windows has no such limit
    monkeypatch.setattr(resource, "getrlimit", lambda _: (files, files))
    assert most_connections() == wanted


def test_s7_that_no_more_files_can_be_opened_is_said_once_a_minute(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    only = connections._OnceAMinute()
    now = 0.0
    monkeypatch.setattr(connections.time, "monotonic", lambda: now)

    def passes(text: str) -> bool:
        return only.filter(logging.makeLogRecord({"msg": text}))

    message = "socket.accept() out of system resource"
    assert [passes(message), passes(message), passes("another")] == [True, False, True]
    now = 59.9
    assert not passes(message)
    now = 60.0
    assert [passes(message), passes(message)] == [True, False]


def test_a_client_that_sends_a_refused_body_whole_sees_why(server: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "LARGEST", 2**20)
    size = 2**25  # more than the buffers of the connection hold
    for head, error in (
        (b"Content-Type: image/jpeg", b"at most 1 MB"),
        (b"Content-Type: text/plain", b"must be a photo as it is"),
    ):
        start = b"POST /photos HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n%s\r\n\r\n" % (
            size,
            head,
        )
        assert error in server.ask(start, bytes(size))
