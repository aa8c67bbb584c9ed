"""Data sets over a network that breaks: downloaded, resumed, checked and unpacked, or refused in plain words."""

from __future__ import annotations

import contextlib
import hashlib
import io
import socket
import tarfile
import threading
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from handlens.errors import DownloadError, StorageError
from handlens.io import download
from handlens.io.datasets import KNOWN, URLs, datasets_folder, untar_data


@dataclass
class Server:
    """A server of one file, with faults to be switched on."""

    body: bytes = b""
    tag: str = '"1"'
    cut: list[int] = field(default_factory=list)  # bytes after which the connections end, one after another
    status: int = 200
    ranges: bool = True
    asked: list[str | None] = field(default_factory=list)  # the Range of each request
    port: int = 0

    def url(self, name: str = "pets.tgz") -> str:
        return f"http://127.0.0.1:{self.port}/some/{name}"


def _handler(server: Server) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range")
            server.asked.append(wanted)
            if server.status != 200:
                self.send_error(server.status)
                return
            start = 0
            if server.ranges and wanted and self.headers.get("If-Range") == server.tag:
                start = int(wanted.removeprefix("bytes=").removesuffix("-"))
                if start >= len(server.body):
                    self.send_error(416)
                    return
                self.send_response(206)
                self.send_header("Content-Range", f"bytes {start}-{len(server.body) - 1}/{len(server.body)}")
            else:
                self.send_response(200)
            body = server.body[start:]
            self.send_header("Content-Length", str(len(body)))
            if server.tag:
                self.send_header("ETag", server.tag)
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body[: server.cut.pop(0)] if server.cut else body)

        def log_message(self, *_: object) -> None:
            pass

    return Handler


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setattr("time.sleep", lambda _: None)
    for name in ("HF_HUB_OFFLINE", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    about = Server(packed({"pets/images/pug_1.jpg": b"pug" * 100, "pets/readme.txt": b"dogs"}))
    with ThreadingHTTPServer(("127.0.0.1", 0), _handler(about)) as running:
        about.port = running.server_address[1]
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield about
        running.shutdown()
        thread.join()


def packed(files: dict[str, bytes], *, odd: tarfile.TarInfo | None = None, mode: str = "w:gz") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        if odd is not None:
            tar.addfile(odd, io.BytesIO(b"x" * odd.size))
    return buffer.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, *, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    info.size = 1 if kind == tarfile.REGTYPE else 0
    return info


def left(folder: Path) -> list[str]:
    """What lies in a folder, but for locks."""
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_a_data_set_is_downloaded_once(server: Server, tmp_path: Path) -> None:
    found = untar_data(server.url(), folder=tmp_path)
    assert found == tmp_path / "pets"
    assert (found / "images/pug_1.jpg").read_bytes() == b"pug" * 100
    assert left(tmp_path) == ["pets"]
    assert untar_data(server.url(), folder=tmp_path) == found
    assert server.asked == [None]


@pytest.mark.parametrize(
    ("name", "mode"), [("a.tar", "w"), ("a.tar.gz", "w:gz"), ("a.tar.bz2", "w:bz2"), ("a.tar.xz", "w:xz")]
)
def test_every_kind_of_tar(server: Server, tmp_path: Path, name: str, mode: str) -> None:
    server.body = packed({"x.txt": b"1", "y.txt": b"2"}, mode=mode)
    assert left(untar_data(server.url(name), folder=tmp_path)) == ["x.txt", "y.txt"]


def test_a_folder_of_another_name_gets_that_of_the_archive(server: Server, tmp_path: Path) -> None:
    server.body = packed({"inside/x.txt": b"1"})
    assert left(untar_data(server.url("cars.tgz"), folder=tmp_path)) == ["x.txt"]


def test_a_download_that_breaks_off_is_taken_up(server: Server, tmp_path: Path) -> None:
    server.cut = [50, 30]
    untar_data(server.url(), folder=tmp_path)
    assert server.asked == [None, "bytes=50-", "bytes=80-"]


def test_the_next_call_goes_on_where_the_last_gave_up(server: Server, tmp_path: Path) -> None:
    server.cut = [50, 0, 0, 0]
    with pytest.raises(DownloadError, match=r"ended after 50 of .* are kept: call again to go on"):
        untar_data(server.url(), folder=tmp_path)
    assert len(server.asked) == download.ATTEMPTS
    assert not (tmp_path / "pets").exists()
    untar_data(server.url(), folder=tmp_path)
    assert server.asked[-1] == "bytes=50-"
    assert left(tmp_path) == ["pets"]


def test_a_file_that_changed_meanwhile_is_downloaded_anew(server: Server, tmp_path: Path) -> None:
    server.cut = [50, 0, 0, 0]
    with pytest.raises(DownloadError):
        untar_data(server.url(), folder=tmp_path)
    server.body, server.tag = packed({"pets/new.txt": b"new"}), '"2"'
    assert left(untar_data(server.url(), folder=tmp_path)) == ["new.txt"]


@pytest.mark.parametrize("fault", [{"tag": ""}, {"tag": 'W/"1"'}, {"ranges": False}])
def test_servers_that_cannot_resume_send_all_again(server: Server, tmp_path: Path, fault: dict[str, object]) -> None:
    for name, value in fault.items():
        setattr(server, name, value)
    server.cut = [50]
    assert left(untar_data(server.url(), folder=tmp_path)) == ["images", "readme.txt"]
    assert len(server.asked) == 2


@pytest.mark.parametrize(("status", "times"), [(404, 1), (403, 1), (503, download.ATTEMPTS)])
def test_a_server_that_says_no(server: Server, tmp_path: Path, status: int, times: int) -> None:
    server.status = status
    with pytest.raises(DownloadError, match=rf"the server answered {status} .* put the archive at .*pets\.tgz"):
        untar_data(server.url(), folder=tmp_path)
    assert len(server.asked) == times


def test_offline_by_choice(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(DownloadError, match=r"HF_HUB_OFFLINE forbids .* Without a network, put the archive at"):
        untar_data(server.url(), folder=tmp_path)
    assert server.asked == []


def test_a_folder_that_holds_one_of_its_own_name(server: Server, tmp_path: Path) -> None:
    server.body = packed({"pets/pets/x.txt": b"1", "pets/y.txt": b"2"})
    assert left(untar_data(server.url(), folder=tmp_path)) == ["pets", "y.txt"]
    assert (tmp_path / "pets/pets/x.txt").read_bytes() == b"1"


def test_no_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(DownloadError, match=rf"no connection to 127.0.0.1:{port} .* Without a network, put"):
            untar_data(f"http://127.0.0.1:{port}/pets.tgz", folder=tmp_path)


def test_a_server_that_falls_silent(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "STALL", 0.05)
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(DownloadError, match="nothing arrived for"):
        untar_data(f"http://127.0.0.1:{silent.getsockname()[1]}/pets.tgz", folder=tmp_path)


def test_an_archive_put_there_by_hand(tmp_path: Path) -> None:
    (tmp_path / "pets.tgz").write_bytes(packed({"pets/x.txt": b"1"}))
    assert left(untar_data("http://nowhere.invalid/pets.tgz", folder=tmp_path)) == ["x.txt"]


def test_hashes_are_checked(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DownloadError, match=r"its SHA-256 should be 00ff; it is [0-9a-f]{64}\. It was removed"):
        untar_data(server.url(), folder=tmp_path, sha256="00FF")
    assert left(tmp_path) == []
    right = hashlib.md5(server.body[: 2**20]).hexdigest()
    for size, md5 in ((len(server.body) + 1, right), (len(server.body), "0" * 32)):
        monkeypatch.setitem(KNOWN, server.url(), (size, md5))
        with pytest.raises(DownloadError, match="it should have"):
            untar_data(server.url(), folder=tmp_path)
    monkeypatch.setitem(KNOWN, server.url(), (len(server.body), right))
    assert untar_data(server.url(), folder=tmp_path, sha256=hashlib.sha256(server.body).hexdigest()).is_dir()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body[: len(body) // 2],
        lambda body: body[:-8] + bytes(8),  # the checksum and the length at the end
        lambda _: b"<html>not found</html>",
        lambda _: packed({}),
    ],
)
def test_damaged_archives(server: Server, tmp_path: Path, spoil: Callable[[bytes], bytes]) -> None:
    server.body = spoil(server.body)
    with pytest.raises(DownloadError, match="is damaged and was removed"):
        untar_data(server.url(), folder=tmp_path)
    assert left(tmp_path) == []


OUTSIDE = f"out-{uuid.uuid4()}.txt"
"""A name that no other file of the root folder has."""


@pytest.mark.parametrize(
    ("odd", "what"),
    [
        (entry("../out.txt"), "a path outside"),
        (entry("pets/../../out.txt"), "a path outside"),
        (entry("..\\out.txt"), "a path outside"),
        (entry(f"/{OUTSIDE}"), "a path outside"),
        (entry("C:/out.txt"), "a path outside"),
        (entry("pets/link", tarfile.SYMTYPE, link="/etc"), "a link"),
        (entry("pets/link", tarfile.SYMTYPE, link="readme.txt"), "a link"),
        (entry("pets/link", tarfile.LNKTYPE, link="pets/readme.txt"), "a link"),
        (entry("pets/disk", tarfile.BLKTYPE), "a device"),
        (entry("pets/zero", tarfile.CHRTYPE), "a device"),
        (entry("pets/pipe", tarfile.FIFOTYPE), "a device"),
    ],
)
def test_archives_that_reach_out_of_their_folder(
    server: Server, tmp_path: Path, odd: tarfile.TarInfo, what: str
) -> None:
    server.body = packed({"pets/readme.txt": b"1"}, odd=odd)
    home = tmp_path / "deep" / "home"
    with pytest.raises(DownloadError, match=f"is refused: .* is {what}"):
        untar_data(server.url(), folder=home)
    assert left(home) == ["pets.tgz"]
    assert left(tmp_path) == ["deep"]
    assert not Path("/", OUTSIDE).exists()


@pytest.mark.parametrize("url", ["file:///etc/pets.tgz", "ftp://x/pets.tgz", "pets.tgz"])
def test_addresses_of_another_kind(url: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="starts with http"):
        untar_data(url, folder=tmp_path)


@pytest.mark.parametrize("name", ["", "pets", "pets.zip", "..%2Fpets.tgz", ".tgz", "%2e%2e.tgz"])
def test_addresses_of_no_archive(name: str, tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match="address of a tar archive"):
        untar_data(f"http://127.0.0.1/{name}", folder=tmp_path)


def test_a_place_that_cannot_be_written(server: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="could not be written"):
        untar_data(server.url(), folder=tmp_path / "file")


def test_several_at_once_download_once(server: Server, tmp_path: Path) -> None:
    threads = [threading.Thread(target=untar_data, args=(server.url(),), kwargs={"folder": tmp_path}) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert server.asked == [None]
    assert left(tmp_path) == ["pets"]


def test_where_data_sets_are_kept(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HANDLENS_HOME", str(tmp_path))
    assert datasets_folder() == tmp_path / "datasets"
    monkeypatch.delenv("HANDLENS_HOME")
    assert datasets_folder().name == "datasets"


def test_the_addresses() -> None:
    addresses = {value for name, value in vars(URLs).items() if not name.startswith("_")}
    assert URLs.PETS == "https://s3.amazonaws.com/fast-ai-imageclas/oxford-iiit-pet.tgz"
    assert set(KNOWN) == addresses
    assert all(url.startswith("https://") and url.endswith(".tgz") for url in addresses)
    assert all(size > 0 and len(md5) == 32 for size, md5 in KNOWN.values())
