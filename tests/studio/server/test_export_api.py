"""Labels over HTTP in every format."""

from __future__ import annotations

import asyncio
import io
import json
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from handlens.errors import Cancelled
from handlens.io.files import atomic_folder
from handlens.studio.formats import Export, exporters
from handlens.studio.scanning import LeftOut


@pytest.fixture
def labelled(client: TestClient, shapes: str, selection: Callable[..., str]) -> None:
    """Six circles are labelled “round”, six squares “angular”."""
    for ids, name in ((range(6), "round"), (range(20, 26), "angular")):
        body = {"selection": selection(list(ids)), "name": name}
        assert client.post(f"{shapes}/labels/assign", json=body).status_code == 200


def test_every_format_can_be_taken_away(client: TestClient, shapes: str, labelled: None, home: Path) -> None:
    offered = client.get(f"{shapes}/export").json()["formats"]
    assert offered == [
        {"name": one.name, "title": one.title, "ending": one.ending or ".zip"} for one in exporters().values()
    ]
    for one in offered:
        answer = client.get(f"{shapes}/export/as/{one['name']}")
        assert answer.status_code == 200, answer.text
        ending = exporters()[one["name"]].ending or ".zip"
        disposition = answer.headers["content-disposition"]
        assert disposition.startswith("attachment")
        assert f"-{one['name']}{ending}" in disposition
        if one["name"] == "coco":
            assert len(json.loads(answer.content)["annotations"]) == 12
        if ending == ".zip":
            with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
                assert archive.testzip() is None
        if one["name"] == "yolo":
            with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
                assert len([name for name in archive.namelist() if name.endswith(".png")]) == 12
    # Nothing of it stays behind.
    assert [file for file in (home / "scratch").rglob("*") if file.is_file() and "lock" not in file.name] == []


def test_a_filter_and_a_format_that_is_not_there(client: TestClient, shapes: str, labelled: None) -> None:
    where = json.dumps({"field": "label", "names": ["round"]})
    found = client.get(f"{shapes}/export/as/coco", params={"where": where}).json()
    assert [one["name"] for one in found["categories"]] == ["round"]
    refused = client.get(f"{shapes}/export/as/cocoa")
    assert refused.status_code == 400
    assert "Format must be one of csv" in refused.json()["error"]


def test_an_export_stops_when_the_browser_goes_away(
    client: TestClient, shapes: str, labelled: None, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, stopped = threading.Event(), threading.Event()

    def write(_: object, export: Export, path: Path) -> list[LeftOut]:
        with atomic_folder(path):
            begun.set()
            try:
                while True:
                    export.report(0, 1)
                    time.sleep(0.001)
            except Cancelled:
                stopped.set()
                raise

    monkeypatch.setattr("handlens.studio.formats.writers.yolo.YoloExporter.write", write)
    asked = {"type": "http", "method": "GET", "path": f"{shapes}/export/as/yolo", "query_string": b"", "root_path": ""}
    scope = {**asked, "headers": [(b"host", b"127.0.0.1:8600")], "http_version": "1.1", "scheme": "http"}
    received: list[dict[str, object]] = [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> dict[str, object]:
        if received:
            return received.pop()
        if not begun.is_set():
            await asyncio.sleep(60)  # the server does not wait for it
        return {"type": "http.disconnect"}

    sent: list[dict[str, object]] = []

    async def send(message: dict[str, object]) -> None:
        sent.append(message)

    async def ask() -> None:
        await asyncio.wait_for(client.app(scope, receive, send), 60)

    asyncio.run(ask())
    assert stopped.is_set()
    assert sent[0]["status"] == 409
    assert [file for file in (home / "scratch").rglob("*") if file.is_file() and "lock" not in file.name] == []


class Waiting:
    """What the exporter of COCO does in a test: it waits until it is told to go on."""

    def __init__(self) -> None:
        self.go_on = threading.Event()
        self.fault: Exception | None = None

    def write(self, export: Export, path: Path) -> list[LeftOut]:
        if self.fault:
            raise self.fault
        export.report(3, 12)
        assert self.go_on.wait(300)
        export.report(12, 12)
        path.write_text("\n".join(export.labels))
        return [LeftOut("circles/0.png", "it is gone")]


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> Waiting:
    waiting = Waiting()
    monkeypatch.setattr(
        "handlens.studio.formats.writers.coco.CocoExporter.write", lambda _, *given: waiting.write(*given)
    )
    return waiting


def _when(client: TestClient, address: str, what: str) -> dict[str, object]:
    while not (found := client.get(address).json())[what]:
        pass
    return found


def test_an_export_is_followed_and_downloaded_once(
    client: TestClient, shapes: str, labelled: None, home: Path, waiting: Waiting
) -> None:
    started = client.post(f"{shapes}/export/as/coco")
    assert started.status_code == 202
    address = f"{shapes}/export/runs/{started.json()['run']}"
    found = _when(client, address, "done")
    assert (found["done"], found["total"], found["ready"], found["error"]) == (3, 12, False, None)
    early = client.get(f"{address}/file")
    assert (early.status_code, early.json()["error"]) == (
        400,
        "This export must be ready before its file is downloaded. Wait for it.",
    )
    waiting.go_on.set()
    found = _when(client, address, "ready")
    assert (found["labels"], found["left_out"]) == (11, 1)
    assert found["problems"] == [{"path": "circles/0.png", "reason": "it is gone"}]
    assert client.get(f"{address}/file").text == "angular\nround"
    for again in (client.get(address), client.get(f"{address}/file"), client.delete(address)):
        assert again.status_code == 404
    assert [file for file in (home / "scratch").rglob("*") if file.is_file() and "lock" not in file.name] == []


def test_an_export_is_cancelled(client: TestClient, shapes: str, labelled: None, home: Path, waiting: Waiting) -> None:
    address = f"{shapes}/export/runs/{client.post(f'{shapes}/export/as/coco').json()['run']}"
    thread = next(one for one in threading.enumerate() if one.name.startswith("export export-"))
    assert client.delete(address).status_code == 204
    assert client.get(address).json() == {"error": "There is no such export any more. Start it again."}
    waiting.go_on.set()
    thread.join()
    assert list((home / "scratch").rglob("export-*")) == []


def test_an_export_that_fails_says_why(client: TestClient, shapes: str, labelled: None, waiting: Waiting) -> None:
    waiting.fault = ValueError("no such thing")
    address = f"{shapes}/export/runs/{client.post(f'{shapes}/export/as/coco').json()['run']}"
    assert _when(client, address, "error")["error"] == "The export failed: no such thing. See the terminal for more."
    assert client.post(f"{shapes}/export/as/cocoa").status_code == 400
