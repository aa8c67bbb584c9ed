"""Methods, HEAD, ranges and media types, as RFC 9110 asks of every server; and sources by names that do not exist."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from handlens.errors import BackboneError, CollectionError
from handlens.serving.app import create_app as create_model_app
from handlens.serving.semantics import MOST_RANGES
from handlens.serving.webpage import Page
from handlens.studio.collection import Collection
from handlens.studio.server.app import SCREENS, create_app
from handlens.tabular.data import TabularList
from handlens.tabular.learner import tabular_learner
from tests.studio.server.conftest import ADDRESS

SCRIPT = bytes(range(48, 58)) * 10  # 100 bytes: 0123456789…


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """Studio with a page of two files."""
    tmp_path = tmp_path_factory.mktemp("studio")
    (tmp_path / "page" / "assets").mkdir(parents=True)
    (tmp_path / "page" / "index.html").write_text("<!doctype html><title>page</title>")
    (tmp_path / "page" / "assets" / "a.js").write_bytes(SCRIPT)
    app = create_app(tmp_path / "home", page=Page(SCREENS, tmp_path / "page"))
    with TestClient(app, base_url=ADDRESS, raise_server_exceptions=False) as opened:
        yield opened


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    """`handlens serve`."""
    import pandas as pd

    df = pd.DataFrame({"size": [1.0, 2.0] * 8, "pay": ["low", "high"] * 8})
    items = TabularList.from_df(df, path=tmp_path_factory.mktemp("model"), cont_names=["size"]).split_by_idx(range(4))
    folder = tabular_learner(items.label_from_df("pay").databunch(bs=4), layers=[4], seed=0).export()
    return TestClient(create_model_app(folder, hosts=["127.0.0.1:8600"]), base_url=ADDRESS)


def paths_of(client: TestClient) -> dict[str, set[str]]:
    """Each address of an API with its methods, in the form for this test: ids filled in."""
    paths = client.get("/api/openapi.json").json()["paths"]
    return {re.sub(r"\{.*?\}", "1", path): {method.upper() for method in calls} for path, calls in paths.items()}


def test_s15_a_method_that_an_address_does_not_take(client: TestClient, model: TestClient) -> None:
    for asked in (client, model):
        paths = paths_of(asked) | {"/": {"GET"}, "/api/docs": {"GET"}, "/api/openapi.json": {"GET"}}
        for path, methods in paths.items():
            wanted = methods | ({"HEAD"} if "GET" in methods else set())
            answer = asked.request("PROPFIND", path)
            assert answer.status_code == 405, path
            allowed = set(answer.headers["allow"].split(", "))
            assert wanted <= allowed, path
            if "facts" not in path:  # "facts" could also be the key of a question
                assert wanted == allowed, path
            for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"} - allowed:
                answer = asked.request(method, path)
                assert answer.status_code == 405, (method, path)
                assert set(answer.headers["allow"].split(", ")) == allowed, (method, path)
                assert answer.json()["error"] == f"This address takes {answer.headers['allow']}; {method} arrived."


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"])
@pytest.mark.parametrize("path", ["/nothing", "/api/nothing", "/api/collections/x/nothing", "/assets/none.js"])
def test_s15_an_address_of_nothing_is_404_for_every_method(client: TestClient, method: str, path: str) -> None:
    assert client.request(method, path).status_code == 404


def test_s15_head_is_get_without_the_body(
    client: TestClient, shapes: str, model: TestClient, selection: Callable[..., str]
) -> None:
    client.post(f"{shapes}/labels/assign", json={"selection": selection([1, 2]), "name": "round"})
    found = [
        "",
        "/photos",
        "/photos/paths",
        "/photos/1/thumb",
        "/photos/1/view",
        "/sheets/0",
        "/labels",
        "/export/labels.csv",
    ]
    found += ["/export/labels.csv", "/export/folders.zip", "/photos/99/thumb", "/nothing", "/suspects", "/duplicates"]
    paths = [
        *(f"{shapes}{path}" for path in found),
        "/",
        "/api/studio",
        "/api/docs",
        "/api/docs.css",
        "/api/openapi.json",
    ]
    for asked, path in [*((client, path) for path in paths), *((model, path) for path in ("/api/model", "/api/docs"))]:
        whole, head = asked.get(path), asked.head(path)
        assert head.status_code == whole.status_code, path
        assert head.content == b""
        own = {"date", "etag", "last-modified"}  # of files that are made for each answer
        if path == shapes:
            own.add("content-length")  # it says when it was read
        assert {k: v for k, v in head.headers.items() if k not in own} == {
            k: v for k, v in whole.headers.items() if k not in own
        }, path


def test_s15_head_of_the_events_ends(client: TestClient, shapes: str) -> None:
    answer = client.head(f"{shapes}/events")
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_s15_head_changes_nothing(client: TestClient, shapes: str) -> None:
    assert client.head(f"{shapes}/prepare").status_code == 405
    assert client.head("/api/uploads").status_code == 405


@pytest.mark.parametrize(
    ("asked", "start", "stop"),
    [
        ("bytes=0-9", 0, 10),
        ("bytes=0-0", 0, 1),
        ("bytes=90-", 90, 100),
        ("bytes=99-99", 99, 100),
        ("bytes=-5", 95, 100),
        ("bytes=-100", 0, 100),
        ("bytes=-500", 0, 100),
        ("bytes=95-1000", 95, 100),
        ("bytes = 0-9", 0, 10),
        ("BYTES=0-9", 0, 10),
        ("bytes=,0-9,", 0, 10),
    ],
)
def test_s15_a_range(page: TestClient, asked: str, start: int, stop: int) -> None:
    answer = page.get("/assets/a.js", headers={"Range": asked, "Accept-Encoding": "identity"})
    assert answer.status_code == 206
    assert answer.content == SCRIPT[start:stop]
    assert answer.headers["content-range"] == f"bytes {start}-{stop - 1}/100"
    assert answer.headers["content-length"] == str(stop - start)


@pytest.mark.parametrize(
    "asked", ["bytes=100-", "bytes=100-200", "bytes=200-", "bytes=999999999999999999-", "bytes=-0"]
)
def test_s15_a_range_beyond_the_end(page: TestClient, asked: str) -> None:
    answer = page.get("/assets/a.js", headers={"Range": asked, "Accept-Encoding": "identity"})
    assert answer.status_code == 416
    assert answer.headers["content-range"] == "bytes */100"
    assert answer.json() == {"error": "Range must begin within the 100 bytes that there are."}
    assert answer.headers["content-length"] == str(len(answer.content))


IGNORED = [
    "bytes=9-0",
    "bytes=a-b",
    "bytes=",
    "bytes",
    "bytes=--1",
    "bytes=1",
    "bytes=1-2-3",
    "bytes=0-1;2-3",
    "lines=0-9",
    "=0-9",
    "bytes=" + "9" * 5000 + "-",
    "bytes=" + ",".join(f"{i}-{i}" for i in range(0, 2 * MOST_RANGES + 2, 2)),
]


@pytest.mark.parametrize("asked", IGNORED, ids=range(len(IGNORED)))
def test_s15_what_is_no_range_is_ignored(page: TestClient, asked: str) -> None:
    answer = page.get("/assets/a.js", headers={"Range": asked, "Accept-Encoding": "identity"})
    assert (answer.status_code, answer.content) == (200, SCRIPT)


def test_s15_several_ranges(page: TestClient) -> None:
    answer = page.get("/assets/a.js", headers={"Range": "bytes=0-9, 50-59, -5", "Accept-Encoding": "identity"})
    assert answer.status_code == 206
    kind, boundary = answer.headers["content-type"].split("; boundary=")
    assert kind == "multipart/byteranges"
    parts = answer.content.split(f"--{boundary}".encode())[1:-1]
    assert len(parts) == 3
    for part, (start, stop) in zip(parts, [(0, 10), (50, 60), (95, 100)], strict=True):
        head, _, body = part.partition(b"\r\n\r\n")
        assert f"bytes {start}-{stop - 1}/100".encode() in head
        assert body.rstrip(b"\r\n") == SCRIPT[start:stop]
    assert answer.headers["content-length"] == str(len(answer.content))


def test_s15_if_range(page: TestClient) -> None:
    whole = page.get("/assets/a.js", headers={"Accept-Encoding": "identity"})
    asked = {"Range": "bytes=0-9", "Accept-Encoding": "identity"}
    for known in (whole.headers["etag"], whole.headers["last-modified"]):
        assert page.get("/assets/a.js", headers=asked | {"If-Range": known}).status_code == 206
    for other in ('"another"', 'W/"another"', "Thu, 01 Jan 1970 00:00:00 GMT"):
        answer = page.get("/assets/a.js", headers=asked | {"If-Range": other})
        assert (answer.status_code, answer.content) == (200, SCRIPT)


def test_s15_what_has_not_changed_is_not_sent_again(page: TestClient) -> None:
    whole = page.get("/assets/a.js")
    for name, known in (("If-None-Match", "etag"), ("If-Modified-Since", "last-modified")):
        answer = page.get("/assets/a.js", headers={name: whole.headers[known]})
        assert (answer.status_code, answer.content) == (304, b"")


def test_s15_ranges_of_answers_that_are_made_on_the_way(client: TestClient, shapes: str) -> None:
    for path in ("/photos/1/thumb", "/photos", ""):
        answer = client.get(f"{shapes}{path}", headers={"Range": "bytes=0-9"})
        assert answer.status_code == 200
    for method in ("HEAD", "POST", "DELETE"):
        assert client.request(method, "/api/uploads", headers={"Range": "bytes=0-1"}).status_code in (201, 405)


def test_s15_media_types_are_those_that_are_described(
    client: TestClient, shapes: str, model: TestClient, selection: Callable[..., str]
) -> None:
    client.post(f"{shapes}/labels/assign", json={"selection": selection([1, 2]), "name": "round"})
    filled = {"{c}": shapes.rpartition("/")[2], "{id}": "1", "{k}": "0"}
    layer = client.get(shapes).json()["layers"][0]["id"]
    answered = 0
    for asked in (client, model):
        for path, calls in asked.get("/api/openapi.json").json()["paths"].items():
            if "get" not in calls or path.endswith("/events"):
                continue
            address = path
            for name, value in filled.items():
                address = address.replace(name, value)
            answer = asked.get(
                address, params={"layer": layer, "projection": "pca-1-2"} if path.endswith("map") else {}
            )
            responses = calls["get"]["responses"]
            described = responses.get(str(answer.status_code)) or responses[f"{answer.status_code // 100}XX"]
            kind = answer.headers["content-type"].partition(";")[0]
            assert kind in described["content"], (path, answer.status_code)
            answered += answer.status_code == 200
    assert answered > 12


def test_s15_a_source_that_does_not_exist_is_refused(client: TestClient, shapes: str) -> None:
    before = client.get(shapes).json()["sources"]
    for name in ("resnett18", "hf-hub:timm/resnet18", "/etc/passwd", "", "x" * 90):
        answer = client.post(f"{shapes}/sources", json={"backbone": name})
        assert answer.status_code in (400, 422), name
    answer = client.post(f"{shapes}/sources", json={"backbone": "resnett18"})
    assert "did you mean resnet18" in answer.json()["error"]
    assert client.get(shapes).json()["sources"] == before
    made = client.post(
        "/api/collections", json={"source": {"kind": "builtin", "name": "digits"}, "backbones": ["resnett18"]}
    )
    assert made.status_code == 400
    assert len(client.get("/api/studio").json()["collections"]) == 1


def test_s15_sources_that_do_not_exist_in_python(drawn: Path, tmp_path: Path) -> None:
    with pytest.raises(BackboneError, match="resnett18"):
        Collection.create(tmp_path / "c", images=drawn, backbone=["resnett18"])
    assert not (tmp_path / "c").exists()


def test_s15_a_source_that_failed_can_be_removed(client: TestClient, shapes: str) -> None:
    name = shapes.rpartition("/")[2]
    collection = client.app.state.server.registry.get(name)  # type: ignore[attr-defined]
    collection.parts.layers.request({"backbone": "resnett18", "weights": None})  # as earlier versions kept it
    collection.sources[1].state = "failed"
    refused = client.delete(f"{shapes}/sources/patches")
    assert refused.status_code == 400
    assert "Only a source that failed can be removed (resnett18)" in refused.json()["error"]
    state = client.delete(f"{shapes}/sources/resnett18")
    assert state.status_code == 200
    assert [source["name"] for source in state.json()["sources"]] == ["patches"]
    assert client.delete(f"{shapes}/sources/resnett18").status_code == 400
    assert collection.parts.settings.requested_sources == [{"backbone": None, "weights": None}]
    collection.sources[0].state = "failed"
    with pytest.raises(CollectionError, match="the only source"):
        collection.remove_features("patches")
    collection.sources[0].state = "ready"


def test_s15_every_header_of_every_answer_is_there_once(client: TestClient, shapes: str) -> None:
    for method, path in itertools.product(("GET", "HEAD", "POST", "PUT"), ("/", shapes, f"{shapes}/prepare", "/x")):
        names = [name for name, _ in client.request(method, path).headers.multi_items()]
        assert len(names) == len(set(names)), (method, path)
