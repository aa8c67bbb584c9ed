from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from handlens.serving.webpage import Page
from handlens.studio.server.app import SCREENS, create_app

SCRIPT = "export const a = 1;\n" * 500


@pytest.fixture
def built(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<title>Studio</title>")
    (folder / "assets" / "index-abc.js").write_text(SCRIPT)
    (folder / "assets" / "photo.png").write_bytes(b"\x89PNG")
    (folder / ".secret").write_text("x")
    (folder / "page.py").write_text("x")
    (tmp_path / "outside.js").write_text("outside")
    (folder / "assets" / "link.js").symlink_to(tmp_path / "outside.js")
    return folder


@pytest.fixture
def client(home: Path, built: Path) -> TestClient:
    return TestClient(create_app(home, page=Page(SCREENS, built)), base_url="http://127.0.0.1:8600")


@pytest.mark.parametrize(
    "path", ["/", "/c/holiday-0123456789", "/c/holiday-0123456789/", "/kernel?photo=3", "/index.html"]
)
def test_the_page_is_the_same_at_every_address(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.text == "<title>Studio</title>"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    # It is sent every time: packages may give every file the same date, and with it one ETag to pages of one size.
    assert answer.headers["cache-control"] == "no-store"
    head = client.head(path)
    assert (head.status_code, head.content) == (200, b"")


def test_scripts_are_sent_compressed_to_who_takes_that(client: TestClient) -> None:
    with client.stream("GET", "/assets/index-abc.js", headers={"accept-encoding": "gzip"}) as packed:
        raw = b"".join(packed.iter_raw())
    assert packed.headers["content-encoding"] == "gzip"
    assert len(raw) < len(SCRIPT) / 10
    assert gzip.decompress(raw).decode() == SCRIPT
    plain = client.get("/assets/index-abc.js", headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.text == SCRIPT
    for answer in (packed, plain):
        assert answer.headers["content-type"].startswith("text/javascript")
        assert "immutable" in answer.headers["cache-control"]
        assert answer.headers["vary"] == "Accept-Encoding"


def test_what_has_not_changed_is_not_sent_again(client: TestClient) -> None:
    tag = client.get("/assets/index-abc.js").headers["etag"]
    again = client.get("/assets/index-abc.js", headers={"if-none-match": tag})
    assert (again.status_code, again.content) == (304, b"")
    assert "immutable" in again.headers["cache-control"]


def test_a_new_build_is_found(client: TestClient, built: Path) -> None:
    assert client.get("/assets/new.js").status_code == 404
    (built / "assets" / "new.js").write_text("new")
    (built / "assets" / "index-abc.js").unlink()
    (built / "index.html").write_text("<title>Studio 2</title>")
    assert client.get("/assets/new.js").text == "new"
    assert client.get("/assets/index-abc.js").status_code == 404
    assert client.get("/").text == "<title>Studio 2</title>"


@pytest.mark.parametrize(
    "path",
    [
        *("/.secret", "/page.py", "/assets/link.js", "/assets", "/assets/", "/outside.js", "/../outside.js"),
        *("/%2e%2e/outside.js", "/..%2foutside.js", "/assets/..%5c..%5coutside.js", "/a%00.js", "/c/", "/c/a/b"),
        "/" + "a" * 5000 + ".js",
    ],
)
def test_nothing_else_is_served(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json() == {"error": "There is nothing at this address."}
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_page_cannot_be_changed(client: TestClient) -> None:
    answer = client.post("/", headers={"origin": "http://127.0.0.1:8600"})
    assert answer.status_code == 405
    assert answer.json()["error"]


def test_a_page_not_built_says_how(home: Path, tmp_path: Path) -> None:
    client = TestClient(create_app(home, page=Page(SCREENS, tmp_path / "none")), base_url="http://127.0.0.1:8600")
    answer = client.get("/")
    assert answer.status_code == 503
    assert "make page" in answer.text
