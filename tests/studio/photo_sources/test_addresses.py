"""Photos of buckets, in fsspec's memory, and of the web, from a server of our own; with and without a network."""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image

from handlens.errors import Cancelled, CollectionError
from handlens.studio import Collection
from handlens.studio.photo_sources.addresses import scheme_of

Gather = Callable[..., Any]


def png(grey: int = 100) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", (16, 12), grey).save(buffer, "PNG")
    return buffer.getvalue()


class Bucket(MemoryFileSystem):
    """Files in memory at s3:// addresses."""

    protocol = "s3"
    store: dict[str, Any] = {}  # noqa: RUF012 - as in MemoryFileSystem
    pseudo_dirs = [""]  # noqa: RUF012
    broken = ""

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return super()._strip_protocol(path.removeprefix("s3://"))

    def unstrip_protocol(self, name: str) -> str:
        return f"s3://{name.lstrip('/')}"

    def _open(self, path: str, *args: Any, **options: Any) -> Any:
        if self.broken and path.endswith(self.broken):
            raise ConnectionError("the network is gone\nin two lines")
        return super()._open(path, *args, **options)


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """A bucket with two photos in it, a text and a zip; s3:// leads to it."""
    monkeypatch.setattr(Bucket, "store", {})
    monkeypatch.setattr(Bucket, "pseudo_dirs", [""])
    monkeypatch.setattr(fsspec, "filesystem", lambda scheme: {"s3": Bucket}[scheme]())
    files = Bucket()
    for name, content in {
        "photos/a/1.png": png(1),
        "photos/2.png": png(2),
        "photos/notes.txt": b"words",
        "photos/.hidden.png": png(3),
        "other/3.png": png(3),
    }.items():
        files.pipe(f"pets/{name}", content)
    return files


def test_all_below_an_address(gather: Gather, bucket: Bucket) -> None:
    found = gather("s3://pets/photos")
    assert found.files == ["2.png", "a/1.png"]
    assert (found.folder / "a/1.png").read_bytes() == png(1)
    assert found.left_out == {"notes.txt": "not a picture"}
    assert sorted(path.name for path in found.folder.iterdir()) == ["2.png", "a"]  # nothing of the run is left


def test_a_pattern_and_one_file(gather: Gather, bucket: Bucket) -> None:
    assert gather("s3://pets/*/*.png").files == ["other/3.png", "photos/2.png"]
    found = gather("s3://pets/photos/a/1.png")
    assert found.files == ["1.png", "other/3.png", "photos/2.png"]
    with pytest.raises(CollectionError, match="there is no photo to use in nothing"):
        gather("s3://pets/nothing")


def test_a_name_that_leads_out_stays_inside(gather: Gather, bucket: Bucket, tmp_path: Path) -> None:
    bucket.store["/pets/photos/x/../../../../out.png"] = bucket.store["/pets/photos/2.png"]
    assert gather("s3://pets/photos").files == ["2.png", "a/1.png"]
    assert not list(tmp_path.rglob("out.png"))


def test_a_connection_that_breaks_is_a_reason_and_tried_again(gather: Gather, bucket: Bucket) -> None:
    Bucket.broken = "1.png"
    try:
        found = gather("s3://pets/photos")
    finally:
        Bucket.broken = ""
    assert found.files == ["2.png"]
    assert found.left_out["a/1.png"] == "it could not be downloaded: the network is gone"
    found = gather("s3://pets/photos")
    assert (found.files, list(found.left_out)) == (["2.png", "a/1.png"], ["notes.txt"])


def test_cancelled_while_it_downloads(gather: Gather, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    cancel = threading.Event()
    opened = Bucket._open

    def opening(self: Bucket, path: str, *args: Any, **options: Any) -> Any:
        cancel.set()
        return opened(self, path, *args, **options)

    monkeypatch.setattr(Bucket, "_open", opening)
    with pytest.raises(Cancelled):
        gather("s3://pets/photos", cancel=cancel)


def test_addresses_in_lists_are_refused_unless_asked_for(
    gather: Gather, bucket: Bucket, photo: Callable[..., Path], tmp_path: Path
) -> None:
    (tmp_path / "list.txt").write_text("s3://pets/photos/2.png\na.png\n", encoding="utf-8")
    photo(tmp_path / "a.png")
    found = gather(tmp_path / "list.txt")
    assert found.files == ["a.png"]
    assert found.left_out == {
        "s3://pets/photos/2.png": "s3://pets/photos/2.png is an address, and nothing is downloaded unless it is asked "
        "for, by PhotoSource(…, urls=True) or --urls"
    }
    found = gather(tmp_path / "list.txt", urls=True)
    assert (found.files, found.left_out) == (["2.png", "a.png"], {})


def test_the_library_of_a_cloud_that_is_missing(gather: Gather, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(scheme: str) -> None:
        raise ImportError("Install gcsfs")

    monkeypatch.setattr(fsspec, "filesystem", missing)
    with pytest.raises(CollectionError, match=r"gs://b/c needs a library .*: pip install 'handlens\[cloud\]'\."):
        gather("gs://b/c")


def test_a_service_that_cannot_be_listed(gather: Gather, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(self: Bucket, path: str) -> bool:
        raise PermissionError(13, "Access denied")

    monkeypatch.setattr(Bucket, "isfile", denied)
    with pytest.raises(CollectionError, match=r"s3://pets/photos cannot be listed \(Access denied\)\. Check the addre"):
        gather("s3://pets/photos")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (PermissionError(13, "Forbidden"), "access to the bucket pets is refused"),
        (FileNotFoundError("Not Found"), "there is no bucket pets"),
    ],
)
def test_a_bucket_that_is_not_there_is_not_one_without_photos(
    gather: Gather, bucket: Bucket, monkeypatch: pytest.MonkeyPatch, error: OSError, said: str
) -> None:
    def info(self: Bucket, path: str) -> None:
        raise error

    monkeypatch.setattr(Bucket, "isfile", lambda _self, _path: False)
    monkeypatch.setattr(Bucket, "find", lambda _self, _path: [])
    monkeypatch.setattr(Bucket, "info", info)
    with pytest.raises(CollectionError, match=rf"s3://pets/photos cannot be listed \({said}\)\. Check the addre"):
        gather("s3://pets/photos")


@pytest.mark.parametrize("address", ["ftp://host/a.png", "file:///etc/passwd", "memory://a"])
def test_other_addresses(tmp_path: Path, address: str) -> None:
    with pytest.raises(CollectionError, match="must begin with one of s3://, gs://, http://, https://"):
        Collection.create(tmp_path / "own", images=address)
    assert not (tmp_path / "own").exists()


def test_schemes() -> None:
    assert [scheme_of(text) for text in ("S3://b", "gs://b/c", "c:\\a", "C://a", "a/b", "")] == [
        *("s3", "gs"),
        *[None] * 4,
    ]


# --- http and https ----------------------------------------------------------------------------


@pytest.fixture
def web(tmp_path: Path, photo: Callable[..., Path]) -> Iterator[str]:
    """The address of a server that has a.png."""
    photo(tmp_path / "web" / "a.png")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: Any) -> None:
            """Print nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "web"))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_the_web_only_if_it_is_asked_for(gather: Gather, web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for key in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(key, raising=False)
    with pytest.raises(CollectionError, match="nothing is downloaded unless it is asked for"):
        gather(f"{web}/a.png")
    found = gather([f"{web}/a.png", f"{web}/gone.png"], urls=True)
    assert found.files == ["a.png"]
    (reason,) = found.left_out.values()
    assert "the server answered 404" in reason


def test_without_a_network(
    gather: Gather, photo: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError("the network is refused")

    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    found = gather([photo(tmp_path / "a.png"), "https://example.org/b.png"], urls=True)
    assert found.files == ["a.png"]
    (reason,) = found.left_out.values()
    assert reason.startswith("https://example.org/b.png could not be downloaded: there is no connection to example.org")


def test_nothing_is_asked_of_the_network_for_files(
    gather: Gather, photo: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert gather([photo(tmp_path / "a.png")]).files == ["a.png"]
