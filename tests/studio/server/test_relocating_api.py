"""The folder of the photos is gone, or in another place, while the page is open and before it is opened."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from starlette.testclient import TestClient

from handlens.studio.server.app import create_app

ADDRESS = "http://127.0.0.1:8600"


def test_labels_go_on_while_the_folder_is_gone_and_it_can_be_located(
    client: TestClient, shapes: str, home: Path, tmp_path: Path, selection, draw_photo, wait_until
) -> None:
    photos = home / "collections" / shapes.rsplit("/", 1)[1] / "photos"
    assert client.get(shapes).json()["folder_gone"] is False
    photos.rename(tmp_path / "my photos")
    assert client.get(shapes).json()["folder_gone"] is True
    assert client.get(f"{shapes}/photos/3/thumb").status_code == 200
    assert client.get(f"{shapes}/photos/3/view").status_code == 404
    answer = client.post(f"{shapes}/labels/assign", json={"selection": selection([3]), "name": "circle"})
    assert answer.json()["names"] == [{"name": "circle", "count": 1, "gestures": 1, "colour": 0}]
    (summary,) = client.get("/api/studio").json()["collections"]
    assert (summary["folder_gone"], summary["labelled"]) == (True, 1)

    draw_photo(tmp_path / "my photos" / "new.png", kind="circle", seed=99)
    wrong = client.put(f"{shapes}/images", json={"path": str(tmp_path)})
    assert (wrong.status_code, wrong.json()["error"].split("; ")[0]) == (
        400,
        "The collection would be among the photos, which it must not change",
    )
    state = client.put(f"{shapes}/images", json={"path": f' "{tmp_path / "my photos"}" '}).json()
    assert (state["folder_gone"], state["images"]) == (False, str(tmp_path / "my photos"))
    assert client.get(f"{shapes}/photos/3/view").status_code == 200
    wait_until(lambda: client.get(shapes).json()["found"] == 1)
    (summary,) = client.get("/api/studio").json()["collections"]
    assert (summary["folder_gone"], summary["images"], summary["copied"]) == (
        False,
        str(tmp_path / "my photos"),
        False,
    )


def test_a_collection_whose_folder_is_gone_before_it_is_opened(
    client: TestClient, shapes: str, home: Path, tmp_path: Path
) -> None:
    photos = home / "collections" / shapes.rsplit("/", 1)[1] / "photos"
    photos.rename(tmp_path / "elsewhere")
    gone = client.get(shapes)
    assert gone.status_code == 410
    assert gone.json()["error"] == (
        f"The folder of its photos, {photos}, is gone; the labels are safe. "
        "Plug its disk in or move the folder back and try again, or say where the folder is now."
    )
    (tmp_path / "none").mkdir()
    refused = client.put(f"{shapes}/images", json={"path": str(tmp_path / "none")})
    assert (refused.status_code, "of 40 looked for, 40 are not there" in refused.json()["error"]) == (400, True)
    assert client.put(f"{shapes}/images", json={"path": str(tmp_path / "elsewhere")}).json()["count"] == 40
    assert client.get(shapes).json()["folder_gone"] is False
    assert client.put("/api/collections/nothing/images", json={"path": "/"}).status_code == 404


def test_a_folder_that_was_moved_has_one_collection_still(
    client: TestClient, home: Path, tmp_path: Path, drawn: Path
) -> None:
    def make(folder: Path) -> str:
        body = {"source": {"kind": "path", "path": str(folder)}, "backbones": []}
        answer = client.post("/api/collections", json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["id"])

    first = make(shutil.copytree(drawn / "circles", tmp_path / "old"))
    assert make(tmp_path / "old") == first
    (tmp_path / "old").rename(tmp_path / "new")
    moved = client.put(f"/api/collections/{first}/images", json={"path": str(tmp_path / "new")})
    assert moved.status_code == 200, moved.text
    assert make(tmp_path / "new") == first
    # Other photos in the folder of before are another collection.
    second = make(shutil.copytree(drawn / "squares", tmp_path / "old"))
    assert second != first
    assert make(tmp_path / "old") == second
    assert len(client.get("/api/studio").json()["collections"]) == 2


def test_the_place_is_kept_by_the_next_server(home: Path, shapes: str, tmp_path: Path, quick: None) -> None:
    folder = home / "collections" / shapes.rsplit("/", 1)[1]
    (folder / "photos").rename(tmp_path / "elsewhere")
    with TestClient(create_app(home), base_url=ADDRESS) as client:
        assert client.put(f"{shapes}/images", json={"path": str(tmp_path / "elsewhere")}).status_code == 200
    assert json.loads((folder / "collection.json").read_text())["images"] == str(tmp_path / "elsewhere")
    with TestClient(create_app(home), base_url=ADDRESS) as client:
        assert client.get(shapes).json()["images"] == str(tmp_path / "elsewhere")


def test_s6_labels_of_a_collection_that_a_second_studio_forgot_are_refused(
    client: TestClient, shapes: str, home: Path, selection
) -> None:
    label = {"selection": selection([3]), "name": "circle"}
    assert client.post(f"{shapes}/labels/assign", json=label).status_code == 200
    with TestClient(create_app(home), base_url=ADDRESS) as second:
        assert second.delete(shapes).status_code == 204
    refused = client.post(f"{shapes}/labels/assign", json={**label, "name": "square"})
    assert (refused.status_code, "was deleted, moved or replaced" in refused.json()["error"]) == (507, True)
    assert client.put(f"{shapes}/view", json={"zoom": 2}).status_code == 507
    assert list((home / "collections").iterdir()) == []
    assert client.delete(shapes).status_code == 404
