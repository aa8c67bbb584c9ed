from __future__ import annotations

import asyncio
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from handlens.serving import listening, running
from handlens.serving.listening import AddressError, accepted_hosts, address, listen
from handlens.studio.server import run


def test_a_given_port_must_be_free() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with pytest.raises(AddressError, match=f"{port}"):
            listen("127.0.0.1", port)


def test_without_a_port_the_next_free_one_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    with listen("127.0.0.1", 0) as first:
        taken = first.getsockname()[1]
        monkeypatch.setattr(listening, "DEFAULT_PORT", taken)
        with listen("127.0.0.1", None) as second:
            assert taken < second.getsockname()[1] < taken + 100
        monkeypatch.setattr(listening, "_TRIED", 1)
        with pytest.raises(AddressError, match="--port"):
            listen("127.0.0.1", None)


def test_the_default_is_this_machine_only() -> None:
    with listen("127.0.0.1", 0) as bound:
        assert bound.getsockname()[0] == "127.0.0.1"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0.0.0.0"])
def test_s1_an_answer_on_a_kept_connection_is_sent_at_once(host: str) -> None:
    if host == "::1":
        try:
            listen(host, 0).close()
        except AddressError:
            pytest.skip("this machine has no IPv6")

    async def delays() -> list[int]:
        """TCP_NODELAY of the server's side of a connection at each of three requests."""
        found = []

        async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            connection = writer.get_extra_info("socket")
            while await reader.readline():
                found.append(connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                writer.write(b"yes\n")
            writer.close()

        with listen(host, 0) as bound:
            async with await asyncio.start_server(answer, sock=bound):
                to = "127.0.0.1" if host == "0.0.0.0" else host
                reader, writer = await asyncio.open_connection(to, bound.getsockname()[1])
                for _ in range(3):
                    writer.write(b"and now?\n")
                    assert await reader.readline() == b"yes\n"
                writer.close()
                await writer.wait_closed()
        return found

    assert [bool(on) for on in asyncio.run(delays())] == [True, True, True]


@pytest.mark.parametrize(("host", "port"), [("no.such.host.invalid", 0), ("203.0.113.1", 0), ("127.0.0.1", 70_000)])
def test_an_address_of_no_use_is_said(host: str, port: int) -> None:
    with pytest.raises(AddressError):
        listen(host, port)


def test_the_hosts_that_mean_this_server() -> None:
    local = ["127.0.0.1:8600", "localhost:8600", "[::1]:8600"]
    assert accepted_hosts("127.0.0.1", 8600) == local
    assert accepted_hosts("localhost", 8600) == local
    assert accepted_hosts("10.1.2.3", 8600) == [*local, "10.1.2.3:8600"]
    assert accepted_hosts("fe80::1", 8600) == [*local, "[fe80::1]:8600"]
    everywhere = accepted_hosts("0.0.0.0", 8600)
    assert f"{socket.gethostname()}:8600" in everywhere
    assert "*:8600" in everywhere


def test_the_address_to_open() -> None:
    assert address("127.0.0.1", 8600, "/c/x", None) == "http://127.0.0.1:8600/c/x"
    assert address("localhost", 8600, "/", None) == "http://127.0.0.1:8600/"
    assert address("::1", 8600, "/", None) == "http://[::1]:8600/"
    assert address("0.0.0.0", 8600, "/", "t") == f"http://{socket.gethostname()}:8600/?token=t"


class Process:
    """`handlens studio …` as a person starts it."""

    def __init__(self, home: Path, *options: str) -> None:
        environment = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error::ResourceWarning", "-m", "handlens", "studio", "--port", "0", *options],
            env=environment | {"HANDLENS_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        line = self.process.stdout.readline()
        if not line.startswith("handlens Studio: http://"):
            self.process.kill()
            raise AssertionError(line + "".join(self.process.communicate()))
        self.url = line.split()[-1]
        self.netloc, _, self.path = self.url.removeprefix("http://").partition("/")
        self.port = int(self.netloc.rpartition(":")[2])

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=300)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        return answer.status, data

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=300)
        # PyTorch remarks on processors that it cannot use all of.
        return self.process.returncode, "\n".join(e for e in errors.splitlines() if not e.startswith("[W"))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    started: list[Process] = []

    def begin(*options: str) -> Process:
        started.append(Process(tmp_path / "home", *options))
        return started[-1]

    yield begin
    for one in started:
        if one.process.poll() is None:
            one.process.kill()
            one.process.communicate()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_answers_and_ends_cleanly_with_a_tab_open(start: Callable[..., Process], drawn: Path, number: int) -> None:
    studio = start(str(drawn))
    assert studio.netloc.startswith("127.0.0.1:")
    assert studio.path.startswith("c/drawn")
    status, body = studio.get(f"/api/collections/{studio.path.removeprefix('c/')}")
    assert status == 200
    assert json.loads(body)["count"] == 40
    tab = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=300)
    tab.request("GET", f"/api/collections/{studio.path.removeprefix('c/')}/events")
    assert tab.getresponse().readline().startswith(b"data: ")
    code, errors = studio.end(number)
    tab.close()
    assert (code, errors) == (0, "")


def test_a_port_of_another_address_is_not_open(start: Callable[..., Process]) -> None:
    studio = start()
    others = {"127.0.0.2"}
    with suppress(socket.gaierror):  # not every machine knows its own name
        others |= {info[4][0] for info in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)}
    for other in others - {"127.0.0.1"}:
        with pytest.raises(OSError, match="refused"):
            socket.create_connection((other, studio.port), timeout=10)
    assert studio.get("/api/studio", Host="evil.example")[0] == 403


def test_beyond_this_machine_a_token_is_asked_for(start: Callable[..., Process]) -> None:
    studio = start("--host", "127.0.0.2")
    assert "?token=" in studio.url
    token = studio.url.partition("?token=")[2]
    assert len(token) >= 32
    connection = http.client.HTTPConnection("127.0.0.2", studio.port, timeout=300)
    seen = []
    for headers in ({}, {"Authorization": f"Bearer {token}"}):
        connection.request("GET", "/api/openapi.json", headers=headers)
        answer = connection.getresponse()
        answer.read()
        seen.append(answer.status)
    connection.close()
    assert seen == [401, 200]


def test_labels_survive_kill_9(start: Callable[..., Process], drawn: Path) -> None:
    studio = start(str(drawn))
    path = f"/api/collections/{studio.path.removeprefix('c/')}"
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=300)
    body = json.dumps({"selection": "BQAAAAA=", "name": "kept"})
    connection.request("POST", f"{path}/labels/assign", body, {"Content-Type": "application/json"})
    assert connection.getresponse().status == 200
    studio.process.kill()
    studio.process.communicate()
    connection.close()
    again = start(str(drawn))
    names = json.loads(again.get(f"{path}/labels")[1])["names"]
    assert [(label["name"], label["count"]) for label in names] == [("kept", 2)]
    assert again.end()[0] == 0


def test_a_sender_that_goes_away_leaves_nothing(
    start: Callable[..., Process], tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    studio = start()
    connection = http.client.HTTPConnection("127.0.0.1", studio.port, timeout=300)
    connection.request("POST", "/api/uploads")
    upload = json.loads(connection.getresponse().read())["upload"]
    connection.close()

    def partial() -> list[Path]:
        return list((tmp_path / "home").rglob("*.part"))

    with socket.create_connection(("127.0.0.1", studio.port), timeout=300) as sender:
        head = f"PUT /api/uploads/{upload}/zip HTTP/1.1\r\nHost: {studio.netloc}\r\nContent-Length: 9000000\r\n\r\n"
        sender.sendall(head.encode() + bytes(3_000_000))
        wait_until(lambda: bool(partial()))
    wait_until(lambda: not partial())
    assert studio.get("/api/studio")[0] == 200
    assert studio.end() == (0, "")
    assert list((tmp_path / "home" / "scratch").iterdir()) == []


def test_what_cannot_be_opened_is_said_in_the_terminal_and_the_page(
    start: Callable[..., Process], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    studio = start(str(tmp_path / "empty"))
    status, body = studio.get(f"/api/collections/{studio.path.removeprefix('c/')}")
    assert status in (400, 404)
    assert json.loads(body)["error"]
    code, errors = studio.end()
    assert code == 0
    assert "no photo" in errors
    assert "Traceback" not in errors


def test_the_server_is_there_before_pytorch() -> None:
    code = "import sys, handlens.cli, handlens.studio.server.app; print('torch' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "False"


def test_s1_answers_come_first_while_studio_serves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    monkeypatch.setattr(running.signal, "signal", lambda *_: None)
    monkeypatch.setattr(run.os, "_exit", lambda _: None)
    monkeypatch.setattr(running._Server, "run", lambda *_, **__: found.append(sys.getswitchinterval()))
    run.serve(tmp_path / "home", port=0, browser=False)
    assert found == [0.0005]
    assert sys.getswitchinterval() != 0.0005
