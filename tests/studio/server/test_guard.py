from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from handlens.serving import guard
from handlens.studio.server.app import create_app

TOKEN = "the-secret"


def ask(client: TestClient, method: str = "GET", path: str = "/api/studio", **headers: str) -> int:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return client.request(method, path, headers=named).status_code


@pytest.fixture
def guarded(home: Path) -> TestClient:
    """The app as it listens on every address of the machine: with a token."""
    hosts = ["127.0.0.1:8600", "box.local:8600", "*:8600"]
    return TestClient(
        create_app(home, token=TOKEN, hosts=hosts), base_url="http://192.168.1.7:8600", follow_redirects=False
    )


@pytest.mark.parametrize("host", ["127.0.0.1:8600", "localhost:8600", "[::1]:8600", "LOCALHOST:8600"])
def test_the_address_served_is_answered(client: TestClient, host: str) -> None:
    assert ask(client, host=host) == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8600",
        "127.0.0.1",
        "127.0.0.1:80",
        "127.0.0.1:8601",
        "127.0.0.1.evil.example:8600",
        "localhost",
        "10.0.0.1:8600",
        "",
        "127.0.0.1:8600@evil.example",
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/studio", "/assets/x.js"])
def test_a_name_rebound_to_this_machine_is_refused(client: TestClient, host: str, path: str) -> None:
    assert ask(client, path=path, host=host) == 403


def test_without_a_port_the_host_means_port_80(home: Path) -> None:
    client = TestClient(create_app(home, hosts=["127.0.0.1:80"]), base_url="http://127.0.0.1")
    assert ask(client, host="127.0.0.1") == 200
    assert ask(client, host="127.0.0.1:8600") == 403


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "https://127.0.0.1:8600", "http://127.0.0.1:8601", "null", ""]
)
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_change_that_another_site_sends_is_refused(client: TestClient, origin: str, method: str) -> None:
    assert ask(client, method, "/api/uploads", origin=origin) == 403


def test_a_change_from_our_own_page_or_from_no_page_passes(client: TestClient) -> None:
    assert ask(client, "POST", "/api/uploads", origin="http://127.0.0.1:8600") == 201
    assert ask(client, "POST", "/api/uploads", origin="http://127.0.0.1:8600", sec_fetch_site="same-origin") == 201
    assert ask(client, "POST", "/api/uploads") == 201


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_another_sites_page_reads_nothing(client: TestClient, site: str) -> None:
    assert ask(client, sec_fetch_site=site, sec_fetch_mode="no-cors", sec_fetch_dest="image") == 403
    assert ask(client, "POST", "/api/uploads", sec_fetch_site=site) == 403
    # A link on it may be followed to the page, but not framed and not to a download.
    link = {"sec_fetch_site": site, "sec_fetch_mode": "navigate"}
    assert ask(client, path="/", **link, sec_fetch_dest="document") != 403
    assert ask(client, path="/", **link, sec_fetch_dest="iframe") == 403
    assert ask(client, path="/api/collections/x/export/labels.csv", **link, sec_fetch_dest="document") == 403


@pytest.mark.parametrize("path", ["/", "/api/studio", "/no/such", "/api/docs", "/api/collections/none"])
def test_every_answer_has_the_headers_that_keep_it_in(client: TestClient, path: str) -> None:
    for headers in (client.get(path).headers, client.get(path, headers={"host": "evil"}).headers):
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert "server" not in headers


def test_no_token_no_answer(guarded: TestClient) -> None:
    for path in ("/", "/api/studio", "/api/docs", "/api/openapi.json", "/assets/x.js", "/api/uploads/x/photo"):
        assert ask(guarded, path=path) == 401
    assert ask(guarded, "POST", "/api/uploads") == 401
    assert ask(guarded, path="/?token=the-secreT") == 401
    assert ask(guarded, path="/?token=") == 401
    assert ask(guarded, path="/?token=é") == 401
    assert ask(guarded, authorization="Bearer wrong") == 401
    assert ask(guarded, cookie=f"handlens-8600={TOKEN}") == 401
    assert ask(guarded, "POST", f"/api/uploads?token={TOKEN}") == 401
    assert "printed" in guarded.get("/api/studio").json()["error"]
    assert guarded.get("/", headers={"accept": "text/html"}).headers["content-type"].startswith("text/html")


def test_the_token_becomes_a_cookie_and_leaves_the_address(guarded: TestClient) -> None:
    answer = guarded.get(f"/c/shapes?a=1&token={TOKEN}&b=%26")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert TOKEN not in cookie
    assert 'content="0; url=/c/shapes?a=1&amp;b=%26"' in answer.text
    assert TOKEN not in answer.text
    assert ask(guarded) == 200
    assert ask(guarded, "POST", "/api/uploads", origin="http://192.168.1.7:8600") == 201
    assert ask(guarded, "POST", "/api/uploads", origin="http://evil.example") == 403


def test_the_way_on_from_the_token_stays_on_this_server(guarded: TestClient) -> None:
    page = guarded.get(f"http://192.168.1.7:8600//evil.example/%22%3E?token={TOKEN}").text
    assert "url=/evil.example/%22%3E" in page


def test_a_program_sends_the_token_as_bearer(guarded: TestClient) -> None:
    assert ask(guarded, authorization=f"Bearer {TOKEN}") == 200


def test_the_token_is_compared_in_constant_time(guarded: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    compare = guard.hmac.compare_digest
    monkeypatch.setattr(guard.hmac, "compare_digest", lambda a, b: seen.append((a, b)) or compare(a, b))
    ask(guarded, authorization="Bearer guess")
    assert (b"guess", TOKEN.encode()) in seen


def test_on_every_address_numbers_pass_and_strange_names_do_not(guarded: TestClient) -> None:
    bearer = {"authorization": f"Bearer {TOKEN}"}
    for host in ("192.168.1.7:8600", "[fe80::1]:8600", "box.local:8600"):
        assert ask(guarded, host=host, **bearer) == 200
    for host in ("evil.example:8600", "192.168.1.7:8601", "1.2.3.4.evil.example:8600"):
        assert ask(guarded, host=host, **bearer) == 403


def test_a_body_too_large_is_refused_whether_it_says_so_or_not(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "BODY_LIMIT", 1000)
    body = b'{"name": "' + b"x" * 1000 + b'"}'
    kind = {"content-type": "application/json"}
    declared = client.post("/api/collections", content=body, headers=kind)
    chunked = client.post("/api/collections", content=iter([body[:600], body[600:]]), headers=kind)
    for answer in (declared, chunked):
        assert answer.status_code == 413
        assert "at most" in answer.json()["error"]


@pytest.mark.parametrize("body", ["[" * 100_000, '{"a":' * 100_000, "[" * 500 + "]" * 500, "{", "nul", '"x"', "\x00"])
def test_json_of_any_depth_or_none_is_an_error_and_no_crash(client: TestClient, body: str) -> None:
    answer = client.post("/api/collections", content=body, headers={"content-type": "application/json"})
    assert 400 <= answer.status_code < 500
    assert answer.json()["error"]


@pytest.mark.parametrize(
    "path",
    [
        "/../app.py",
        "/..%2fapp.py",
        "/%2e%2e/app.py",
        "/assets/..%2f..%2fapp.py",
        "/assets/..%5c..%5capp.py",
        "//etc/passwd",
        "/%2fetc%2fpasswd",
        "/c/..%2f..%2fetc%2fpasswd/x",
        "/api/collections/..",
        "/api/collections/..%2f..%2f..%2fetc",
        "/api/collections/%2e%2e/labels",
        "/api/collections/.%00/photos",
        "/api/collections/~root",
        "/api/collections/x/photos/..%2f..%2fcollection.json/thumb",
        "/api/collections/x/export/..%2fcollection.sqlite",
        "/api/uploads/..%2f..%2fcollections",
    ],
)
def test_no_path_reaches_a_file_outside(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code in (404, 405, 422)
    assert "root:" not in answer.text
    assert "import" not in answer.text
