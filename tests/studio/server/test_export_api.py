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
    assert offered == [{"name": one.name, "title": one.title} for one in exporters().values()]
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
