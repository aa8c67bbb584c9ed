from __future__ import annotations

import io
import json
import shutil
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file
from starlette.testclient import TestClient

import handlens
from handlens.errors import Cancelled, CollectionError
from handlens.io.packaged_weights import PACKAGED
from handlens.studio import builtin
from handlens.studio.collection import Collection
from handlens.studio.photo_sources import PhotoSource, gathering
from handlens.studio.preparing import Preparing
from handlens.studio.server.app import create_app
from handlens.studio.server.collection_plans import CollectionPlan, CollectionPlans, CollectionRequest, NoSuchCollection
from handlens.studio.server.registry import CollectionRegistry
from handlens.studio.server.temporary_folders import TemporaryFolders
from handlens.studio.thumbnails import ThumbnailCache

ADDRESS = "http://127.0.0.1:8600"


@pytest.fixture
def photos(drawn: Path, tmp_path: Path) -> Path:
    """A folder of 6 photos of one's own."""
    folder = tmp_path / "Ferien Fotos"
    for i in range(3):
        for kind in ("circles", "squares"):
            (folder / kind).mkdir(parents=True, exist_ok=True)
            shutil.copy(drawn / kind / f"{i}.png", folder / kind)
    return folder


def make(client: TestClient, source: dict[str, str], **more: object) -> str:
    """Make a collection, with features learned on its photos unless `more` names others."""
    answer = client.post("/api/collections", json={"source": source, "backbones": [], **more})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


def done(client: TestClient, id: str) -> bool:
    preparation = client.get(f"/api/collections/{id}").json()["preparation"]
    assert preparation["error"] is None
    return bool(preparation["phase"] == "done" and not preparation["running"])


def test_a_new_home_is_empty_and_says_what_there_is(client: TestClient) -> None:
    studio = client.get("/api/studio").json()
    assert studio["version"] == handlens.__version__
    assert studio["collections"] == []
    assert {b["name"] for b in studio["builtin"]} >= {"vehicles", "digits"}
    assert all(b["title"] and b["description"] and b["count"] > 0 for b in studio["builtin"])
    assert "mobilenetv2_100" in {b["name"] for b in studio["backbones"]}
    assert all(b["megabytes"] > 0 for b in studio["backbones"])
    assert next(b["cached"] for b in studio["backbones"] if b["name"] == "tf_efficientnet_lite0")


def test_a_network_whose_package_is_not_installed_is_not_suggested(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "tf_efficientnet_lite0"
    monkeypatch.setitem(PACKAGED, name, PACKAGED[name]._replace(package="not-installed"))
    assert name not in {b["name"] for b in client.get("/api/studio").json()["backbones"]}


def test_a_folder_becomes_a_collection_and_prepares_at_once(
    client: TestClient, photos: Path, home: Path, quick: None, wait_until: Callable[..., None]
) -> None:
    before = {file: file.read_bytes() for file in photos.rglob("*.png")}
    id = make(client, {"kind": "path", "path": str(photos)})
    assert id.startswith("ferien-fotos-")
    wait_until(lambda: done(client, id))
    (row,) = client.get("/api/studio").json()["collections"]
    assert (row["id"], row["name"], row["images"]) == (id, "Ferien Fotos", str(photos))
    assert (row["count"], row["prepared"], row["labelled"]) == (6, 6, 0)
    assert row["opened_at"].startswith("20")
    # The photos stay where they are, as they are, and nothing is put beside them.
    assert {file: file.read_bytes() for file in photos.rglob("*") if file.is_file()} == before
    assert not (home / "collections" / id / "photos").exists()
    # The same folder by another road is the same collection.
    assert make(client, {"kind": "path", "path": f"{photos}/../{photos.name}/"}) == id


def test_a_closed_collection_reopens_where_it_was(
    home: Path, shapes: str, selection: Callable[..., str], quick: None
) -> None:
    with TestClient(create_app(home), base_url=ADDRESS) as client:
        client.post(f"{shapes}/labels/assign", json={"selection": selection([0, 1]), "name": "round"})
        client.put(f"{shapes}/view", json={"layer": "x", "camera": {"x": 0.5}})
    with TestClient(create_app(home), base_url=ADDRESS) as client:
        (row,) = client.get("/api/studio").json()["collections"]
        assert (row["labelled"], row["prepared"], row["count"]) == (2, 40, 40)
        state = client.get(shapes).json()
        assert state["view"] == {"layer": "x", "camera": {"x": 0.5}}
        assert state["preparation"]["phase"] == "done"
        assert client.get(f"{shapes}/labels").json()["undo"]


def test_an_archive_or_a_pattern_becomes_a_collection_with_photos_of_its_own(
    client: TestClient, photos: Path, home: Path, tmp_path: Path, quick: None
) -> None:
    with zipfile.ZipFile(tmp_path / "holiday.zip", "w") as archive:
        for file in sorted(photos.rglob("*.png")):
            archive.write(file, file.relative_to(photos))
        archive.writestr("notes.txt", "words")
    source = {"kind": "path", "path": f' "{tmp_path}/holiday.zip" '}
    id = make(client, source)
    assert id.startswith("holiday-")
    assert make(client, source) == id
    (row,) = client.get("/api/studio").json()["collections"]
    assert (row["name"], row["count"], row["copied"]) == ("holiday", 6, True)
    assert row["images"] == str(home / "collections" / id / "photos")
    other = make(client, {"kind": "path", "path": str(photos / "circles" / "*.png")})
    assert other.startswith("circles-")


def test_copying_photos_is_followed_and_stopped_and_gone_on_with(
    client: TestClient, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with zipfile.ZipFile(tmp_path / "holiday.zip", "w") as archive:
        for file in sorted(photos.rglob("*.png")):
            archive.write(file, file.relative_to(photos))
    body = {"source": {"kind": "path", "path": f"{tmp_path}/holiday.zip"}}
    assert client.get("/api/copying").json() == []
    reached, go = threading.Event(), threading.Event()
    look = gathering.why_not_a_picture

    def wait(file: Path) -> str | None:
        reached.set()
        assert go.wait(300)
        return look(file)

    monkeypatch.setattr(gathering, "why_not_a_picture", wait)
    answers = []
    making = threading.Thread(target=lambda: answers.append(client.post("/api/collections", json=body)))
    making.start()
    assert reached.wait(300)
    (now,) = client.get("/api/copying").json()
    id = now.pop("id")
    assert now.pop("seconds_left") is not None
    assert now == {"name": "holiday", "files": 0, "total": 1, "photos": 0, "left_out": 0, "share": 0.5}
    assert client.delete("/api/copying/no-such-id").status_code == 204
    assert client.delete(f"/api/copying/{id}").status_code == 204
    go.set()
    making.join(300)
    assert answers[0].status_code == 409
    assert answers[0].json() == {
        "error": "Copying photos was cancelled; what was copied stays. Begin again to go on from there."
    }
    assert client.get("/api/copying").json() == []
    assert make(client, body["source"]) == id
    assert client.get(f"/api/collections/{id}").json()["count"] == 6


def test_copying_ends_with_the_server(home: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = CollectionRegistry(home, temporary := TemporaryFolders(home / "scratch"))
    plan = registry.plans.of_photos(PhotoSource([photos]), CollectionRequest())
    reached, closing = threading.Event(), threading.Event()
    look = gathering.why_not_a_picture

    def wait(file: Path) -> str | None:
        reached.set()
        assert closing.wait(300)
        return look(file)

    monkeypatch.setattr(gathering, "why_not_a_picture", wait)
    opening = registry.open_in_background(plan)
    assert reached.wait(300)
    (one,) = registry.plans.copying.all().values()
    closer = threading.Thread(target=registry.close)
    closer.start()
    assert one.cancel.wait(300)
    closing.set()
    assert isinstance(opening.exception(60), Cancelled)
    closer.join(300)
    temporary.close()


def test_a_source_without_photos_leaves_nothing(client: TestClient, home: Path, tmp_path: Path) -> None:
    (tmp_path / "report.pdf").write_bytes(b"words")
    for path, word in (
        (f"{tmp_path}/report.pdf", "not a PDF document, although it is called .pdf"),
        (f"{tmp_path}/*.gif", "no file is called like that"),
        ("https://example.org/a.png", "no such folder or file"),
    ):
        answer = client.post("/api/collections", json={"source": {"kind": "path", "path": path}})
        assert (answer.status_code, word in answer.json()["error"]) == (400, True), answer.text
    assert list((home / "collections").iterdir()) == []


def test_a_collection_in_the_place_of_photos_is_said(client: TestClient, home: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    Image.new("L", (8, 8)).save(photos / "1.png")
    mine, kept = tmp_path / "mine", home / "collections" / "mine-0123456789"
    for folder in (mine, kept):
        Collection.create(folder, images=photos).close()
    said = {
        mine: f"{mine} is a collection, and not a folder of photos. Its photos are in {photos}: run `handlens studio`",
        kept: f"{kept} is a collection, and not a folder of photos. Run `handlens studio` alone",
    }
    for folder, words in said.items():
        answer = client.post("/api/collections", json={"source": {"kind": "path", "path": str(folder)}})
        assert (answer.status_code, answer.json()["error"].startswith(words)) == (400, True), answer.text
    (photos / "collection.json").write_text('{"format": "of another program"}')
    assert client.post("/api/collections", json={"source": {"kind": "path", "path": str(photos)}}).status_code == 201


def test_what_cannot_be_opened_is_said(client: TestClient, home: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "note.txt").write_text("hello")
    cases = [
        ({"kind": "path", "path": str(tmp_path / "none")}, "no such folder"),
        ({"kind": "path", "path": "\x00"}, ""),
        ({"kind": "path", "path": "~nobody-of-this-name/x"}, ""),
        ({"kind": "path", "path": str(tmp_path / "empty")}, "no photo"),
        ({"kind": "path", "path": str(tmp_path / "texts")}, "note.txt"),
        ({"kind": "path", "path": str(home / "collections")}, "its own files"),
        ({"kind": "builtin", "name": "unicorns"}, "vehicles"),
    ]
    for source, word in cases:
        answer = client.post("/api/collections", json={"source": source})
        assert answer.status_code == 400, source
        assert word in answer.json()["error"]
    for body in ({}, {"source": {"kind": "ftp"}}, {"source": {"kind": "path"}}, [], {"source": cases[0][0], "more": 1}):
        assert client.post("/api/collections", json=body).status_code == 422
    assert list((home / "collections").iterdir()) == []
    assert client.get("/api/studio").json()["collections"] == []


def test_an_unknown_collection_is_404(client: TestClient) -> None:
    for path in ("", "/labels", "/photos", "/events", "/export/labels.csv", "/photos/0/thumb"):
        answer = client.get(f"/api/collections/nothing-here{path}")
        assert answer.status_code == 404
        assert "nothing-here" in answer.json()["error"]


def test_a_built_in_collection_is_written_once(
    client: TestClient, home: Path, drawn: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = []

    def write(name: str, folder: Path) -> None:
        written.append(name)
        shutil.copytree(drawn, folder)

    monkeypatch.setattr(builtin, "write_builtin", write)
    (home / "collections").mkdir(parents=True, exist_ok=True)
    id = make(client, {"kind": "builtin", "name": "digits"})
    assert make(client, {"kind": "builtin", "name": "digits"}) == id
    assert written == ["digits"]
    state = client.get(f"/api/collections/{id}").json()
    assert (state["name"], state["count"]) == ("Handwritten digits", 40)
    # A making that was killed halfway is begun again.
    with TestClient(create_app(home.with_name("other")), base_url=ADDRESS) as other:
        (home.with_name("other") / "collections" / id / "photos").mkdir(parents=True)
        assert make(other, {"kind": "builtin", "name": "digits"}) == id
        assert other.get(f"/api/collections/{id}").json()["count"] == 40


def test_networks_asked_for_are_added_to_what_there_is(
    client: TestClient, photos: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Collection, "start_preparing", lambda self: None)
    monkeypatch.setattr("handlens.vision.backbones.library_of", lambda name: "timm")
    id = make(client, {"kind": "path", "path": str(photos)}, backbones=["one", "two"], own_features=True)

    def names() -> list[str]:
        return [source["name"] for source in client.get(f"/api/collections/{id}").json()["sources"]]

    assert names() == ["one", "two", "patches"]
    make(client, {"kind": "path", "path": str(photos)}, backbones=["three", "one"])
    assert names() == ["one", "two", "patches", "three"]


def test_the_form_begins_with_what_studio_was_started_with(home: Path, client: TestClient) -> None:
    plain = client.get("/api/studio").json()["preset"]
    assert plain == {"backbones": ["auto"], "own_features": False, "weights": {}}
    app = create_app(home.with_name("other"))
    app.state.server.preset = CollectionRequest(backbones=("one", None, "two"), weights=(Path("/w/one.safetensors"),))
    with TestClient(app, base_url=ADDRESS) as other:
        preset = other.get("/api/studio").json()["preset"]
    assert preset == {
        "backbones": ["one", "two"],
        "own_features": True,
        "weights": {"one": str(Path("/w/one.safetensors"))},
    }


def test_weights_go_with_their_network(
    client: TestClient, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def plan(_: CollectionPlans, photos: PhotoSource, request: CollectionRequest) -> CollectionPlan:
        seen.append(request)
        return CollectionPlan("photos-1", lambda: pytest.fail("it was opened"))

    monkeypatch.setattr(CollectionPlans, "of_photos", plan)
    monkeypatch.setattr(CollectionRegistry, "open", lambda _self, plan: None)
    file = tmp_path / "my weights.safetensors"
    save_file({"a": torch.zeros(2)}, file)
    weights = {"two": f' "{file.as_uri()}" '}
    source = {"kind": "path", "path": str(photos)}
    assert make(client, source, backbones=["one", "two"], own_features=True, weights=weights) == "photos-1"
    assert [(request.backbones, request.weights) for request in seen] == [(("two", "one", None), (file,))]


@pytest.mark.parametrize(
    ("weights", "says"),
    [
        ({"one": "/no/such.safetensors"}, "Weights must be a file; there is no file /no/such.safetensors."),
        ({"one": "NOTES"}, "must be a safetensors file; it cannot be read as one"),
        ({"two": "NOTES"}, "Weights must be for a network of the collection; “two” arrived."),
    ],
)
def test_weights_that_cannot_be_used_are_said_and_nothing_is_made(
    client: TestClient, photos: Path, tmp_path: Path, weights: dict[str, str], says: str
) -> None:
    notes = tmp_path / "notes.safetensors"
    notes.write_text("not weights")
    body = {"source": {"kind": "path", "path": str(photos)}, "backbones": ["one"]}
    weights = {name: file.replace("NOTES", str(notes)) for name, file in weights.items()}
    answer = client.post("/api/collections", json=body | {"weights": weights})
    assert answer.status_code == 400, answer.text
    assert says in answer.json()["error"]
    assert client.get("/api/studio").json()["collections"] == []


def test_a_collection_that_is_being_made_is_waited_for(home: Path, photos: Path) -> None:
    temporary = TemporaryFolders(home / "scratch")
    registry = CollectionRegistry(home, temporary)
    go = threading.Event()
    plan = registry.plans.of_photos(PhotoSource(photos), CollectionRequest())
    made = []

    def slowly() -> Collection:
        go.wait(300)
        collection = plan.open()
        collection.start_preparing = lambda: None  # type: ignore[method-assign]
        made.append(collection)
        return collection

    future = registry.open_in_background(CollectionPlan(plan.id, slowly))
    got: list[Collection] = []
    waiting = [threading.Thread(target=lambda: got.append(registry.get(plan.id))) for _ in range(4)]
    for thread in waiting:
        thread.start()
    go.set()
    for thread in waiting:
        thread.join(300)
    assert got == [made[0]] * 4
    assert len(made) == 1
    assert future.result() is made[0]
    assert registry.close()
    temporary.close()


def test_one_that_failed_to_open_can_be_tried_again(home: Path, photos: Path) -> None:
    temporary = TemporaryFolders(home / "scratch")
    registry = CollectionRegistry(home, temporary)

    def fail() -> Collection:
        raise CollectionError("not now")

    with pytest.raises(CollectionError, match="not now"):
        registry.open_in_background(CollectionPlan("x", fail)).result(300)
    with pytest.raises(NoSuchCollection):
        registry.get("x")
    assert registry.close()
    temporary.close()


def test_a_damaged_record_does_not_hide_the_others(client: TestClient, home: Path, shapes: str) -> None:
    bad = home / "collections" / "bad-0000000000"
    bad.mkdir()
    (bad / "collection.json").write_text('{"name": "bad"}')
    (bad / "studio.json").write_text('{"count": "many"')
    worse = home / "collections" / "worse"
    worse.mkdir()
    (worse / "collection.json").write_text("{}")
    (worse / "studio.json").write_text(json.dumps({"count": {}}))
    (home / "collections" / "stray.txt").write_text("x")
    listed = {row["id"]: row for row in client.get("/api/studio").json()["collections"]}
    assert set(listed) == {"bad-0000000000", "worse", shapes.rpartition("/")[2]}
    assert listed["worse"]["fault"].endswith(
        "collection.json does not describe a handlens collection. Restore it from a backup."
    )
    assert client.get("/api/collections/bad-0000000000").status_code == 400


DAMAGE = {
    "infinite": b'{"count": 1e999}',
    "deep": b"[" * 100_000,
    "deep object": b'{"name": ' * 100_000,
    "nul": b'{"name": "a", "images": "/a\\u0000b"}',
    "list": b"[1, 2]",
    "text": b'"studio"',
    "null": b"null",
    "wrong types": b'{"count": "many", "labelled": [], "prepared": {}}',
    "negative": b'{"count": -1}',
    "fraction": b'{"count": 1.5}',
    "true": b'{"prepared": true}',
    "huge": b'{"count": 1' + b"0" * 400 + b"}",
    "huger": b'{"count": 1' + b"0" * 10_000 + b"}",
    "nan": b'{"count": NaN}',
    "time": b'{"opened_at": 5}',
    "time of control characters": b'{"opened_at": "\\u0007"}',
    "no text": b'{"name": "\xff\xfe"}',
    "name": b'{"name": null}',
    "other member": b'{"counts": 3}',
    "zeros": bytes(200),
    "empty": b"",
    "cut off": b'{"name": "sha',
    "checksum": b'{"name": "other", "crc32": "00000000"}',
    "folder": None,
}


@pytest.mark.parametrize("name", ["studio.json", "collection.json"])
def test_s8_a_damaged_file_is_said_on_the_home_page_and_harms_no_other_collection(
    client: TestClient, home: Path, photos: Path, shapes: str, name: str
) -> None:
    id, other = make(client, {"kind": "path", "path": str(photos)}), shapes.rpartition("/")[2]
    client.app.state.server.registry.close()  # type: ignore[attr-defined]

    def listed() -> dict[str, dict[str, Any]]:
        return {row["id"]: row for row in client.get("/api/studio").json()["collections"]}

    before = listed()
    assert [row["fault"] for row in before.values()] == [None, None]
    file = home / "collections" / id / name
    for damage, content in DAMAGE.items():
        file.rmdir() if file.is_dir() else file.unlink()
        if content is None:
            file.mkdir()
        else:
            file.write_bytes(content)
        now = listed()
        assert now.keys() == before.keys(), damage
        assert now[other] == before[other], damage
        assert str(file) in now[id]["fault"], damage
        assert client.get(f"/api/collections/{id}/cover").status_code == 200
    file.rmdir()
    file.write_bytes(DAMAGE["infinite"] or b"")
    opened = client.get(f"/api/collections/{id}")
    if name == "studio.json":
        assert opened.status_code == 200
        assert (listed()[id]["fault"], listed()[id]["count"]) == (None, before[id]["count"])  # it is written again
    else:
        assert opened.status_code == 400
        assert str(file) in opened.json()["error"]
    assert client.get(shapes).status_code == 200
    assert client.delete(f"/api/collections/{id}").status_code == 204
    assert [*listed()] == [other]


def test_s8_names_that_are_not_text(client: TestClient, home: Path) -> None:
    odd = home / "collections" / "odd"
    odd.mkdir()
    (odd / "collection.json").write_bytes(b'{"format": "other"}')
    (odd / "studio.json").write_bytes(b'{"name": "a\\ud800b", "images": "/x"}')
    (row,) = client.get("/api/studio").json()["collections"]
    assert (row["name"], row["images"], row["folder_gone"]) == ("a?b", "/x", True)
    (odd / "studio.json").write_bytes(b'{"name": "a", "images": "/x\\ud800"}')
    (row,) = client.get("/api/studio").json()["collections"]
    assert (row["name"], row["images"]) == ("odd", "")
    (odd / "studio.json").write_text(json.dumps({"name": "a", "images": "/" + "x" * 10_000}))
    (row,) = client.get("/api/studio").json()["collections"]
    assert (row["name"], row["folder_gone"]) == ("a", True)


def test_forgetting_a_collection_deletes_what_is_studios_own_and_leaves_the_photos(
    client: TestClient, photos: Path, home: Path, selection: Callable[..., str], wait_until: Callable[..., None]
) -> None:
    before = {file: file.read_bytes() for file in photos.rglob("*") if file.is_file()}
    id = make(client, {"kind": "path", "path": str(photos)})
    wait_until(lambda: done(client, id))
    client.post(f"/api/collections/{id}/labels/assign", json={"selection": selection([0], 6), "name": "round"})
    (row,) = client.get("/api/studio").json()["collections"]
    assert row["copied"] is False
    assert client.delete(f"/api/collections/{id}").status_code == 204
    assert client.get("/api/studio").json()["collections"] == []
    assert list((home / "collections").iterdir()) == []
    assert list(home.glob("scratch/*/forgotten*")) == []
    assert {file: file.read_bytes() for file in photos.rglob("*") if file.is_file()} == before
    for again in (client.get, client.delete):
        answer = again(f"/api/collections/{id}")
        assert answer.status_code == 404
        assert id in answer.json()["error"]
    # The same folder can be begun again, without its labels.
    assert make(client, {"kind": "path", "path": str(photos)}) == id
    assert client.get(f"/api/collections/{id}/labels").json()["names"] == []


def test_forgetting_does_not_wait_for_preparing_to_end(
    client: TestClient, photos: Path, home: Path, monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., None]
) -> None:
    begun = threading.Event()

    def prepare(self: Preparing, *, cancel: threading.Event) -> None:
        begun.set()
        assert cancel.wait(300)

    monkeypatch.setattr(Preparing, "run", prepare)
    id = make(client, {"kind": "path", "path": str(photos)})
    assert begun.wait(300)
    assert client.delete(f"/api/collections/{id}").status_code == 204
    assert list((home / "collections").iterdir()) == []


def test_photos_that_studio_copied_are_said_to_be_its_own(client: TestClient, shapes: str, home: Path) -> None:
    (row,) = client.get("/api/studio").json()["collections"]
    assert row["copied"] is True
    client.get(shapes)  # once opened, its record names the folder whole
    (row,) = client.get("/api/studio").json()["collections"]
    assert Path(row["images"]).is_absolute()
    assert row["copied"] is True


def test_a_collection_that_no_longer_opens_can_be_forgotten(client: TestClient, photos: Path, home: Path) -> None:
    bad = home / "collections" / "bad-0000000000"
    bad.mkdir()
    (bad / "collection.json").write_text('{"name": "bad"}')
    assert client.get("/api/collections/bad-0000000000").status_code == 400
    assert client.delete("/api/collections/bad-0000000000").status_code == 204
    assert not bad.exists()


def test_only_a_collection_can_be_forgotten(client: TestClient, home: Path, shapes: str) -> None:
    stray = home / "collections" / "stray"
    stray.mkdir()
    (stray / "file.txt").write_text("x")
    for name in ("stray", "nothing", "..", "%2e%2e", "..%2Fscratch"):
        assert client.delete(f"/api/collections/{name}").status_code in (404, 405)
    assert (stray / "file.txt").exists()
    assert (home / "scratch").exists()
    assert client.get(shapes).status_code == 200


def test_a_collection_that_was_forgotten_while_it_was_prepared_can_be_made_again(
    client: TestClient, drawn: Path, wait_until: Callable[..., None]
) -> None:
    body = {"source": {"kind": "path", "path": str(drawn)}, "backbones": []}
    ids = []
    for _ in range(3):
        made = client.post("/api/collections", json=body)
        assert made.status_code == 201, made.text
        ids.append(made.json()["id"])
        assert client.delete(f"/api/collections/{ids[-1]}").status_code == 204
        assert client.get("/api/studio").json()["collections"] == []
    address = f"/api/collections/{client.post('/api/collections', json=body).json()['id']}"
    wait_until(lambda: client.get(address).json()["preparation"]["phase"] == "done")
    assert client.get(address).json()["preparation"]["done"] == 40
    assert len(set(ids)) == 1


def test_whoever_asks_for_a_collection_being_forgotten_is_told_that_it_is_gone(home: Path, photos: Path) -> None:
    temporary = TemporaryFolders(home / "scratch")
    registry = CollectionRegistry(home, temporary)
    plan = registry.plans.of_photos(PhotoSource(photos), CollectionRequest())
    closing, go_on = threading.Event(), threading.Event()

    def made() -> Collection:
        collection = plan.open()
        collection.start_preparing = lambda: None  # type: ignore[method-assign]
        close = collection.close

        def slowly() -> None:
            closing.set()
            go_on.wait(300)
            close()

        collection.close = slowly  # type: ignore[method-assign]
        return collection

    registry.open_in_background(CollectionPlan(plan.id, made)).result(300)
    forgetting = threading.Thread(target=registry.forget, args=(plan.id,))
    forgetting.start()
    assert closing.wait(300)
    errors: list[Exception] = []

    def ask() -> None:
        try:
            registry.get(plan.id)
        except NoSuchCollection as error:
            errors.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    go_on.set()
    forgetting.join(300)
    asking.join(300)
    assert len(errors) == 1
    assert registry.close()
    temporary.close()


def sources(client: TestClient, id: str) -> list[dict[str, object]]:
    return list(client.get(f"/api/collections/{id}").json()["sources"])


def test_what_describes_the_photos_is_chosen_by_them_unless_it_is_named(
    client: TestClient, quick: None, tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    shapes = tmp_path / "shapes"
    shapes.mkdir()
    for i in range(6):
        drawing = Image.new("RGB", (80, 60), "white")
        ImageDraw.Draw(drawing).ellipse((5 + i, 5, 35 + i, 35), fill="red")
        drawing.save(shapes / f"{i}.png")
    answer = client.post("/api/collections", json={"source": {"kind": "path", "path": str(shapes)}})
    id = answer.json()["id"]
    wait_until(lambda: done(client, id))
    (source,) = sources(client, id)
    assert (source["name"], source["state"]) == ("patches", "ready")
    assert str(source["reason"]).startswith("These do not look like photographs (0 of the 6 that were looked at do)")
    assert [notice["text"] for notice in client.get(f"/api/collections/{id}").json()["notices"]] == [source["reason"]]
    # Asking for the same folder again changes nothing.
    assert make(client, {"kind": "path", "path": str(shapes)}, backbones=["auto"]) == id
    assert sources(client, id) == [source]


def test_a_person_who_names_the_features_gets_them(
    client: TestClient, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Collection, "start_preparing", lambda self: None)
    id = make(client, {"kind": "path", "path": str(photos)}, backbones=[])
    assert [(source["name"], source["reason"]) for source in sources(client, id)] == [("patches", None)]
    make(client, {"kind": "path", "path": str(photos)}, backbones=["tf_efficientnet_lite0"])
    assert [source["name"] for source in sources(client, id)] == ["patches", "tf_efficientnet_lite0"]


def test_auto_and_own_features(client: TestClient, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Collection, "start_preparing", lambda self: None)
    id = make(client, {"kind": "path", "path": str(photos)}, backbones=["auto"], own_features=True)
    assert [(source["name"], source["state"]) for source in sources(client, id)] == [
        ("auto", "waiting"),
        ("patches", "waiting"),
    ]


def test_a_collection_has_a_cover_of_its_first_photos_without_being_opened(
    client: TestClient, shapes: str, home: Path
) -> None:
    answer = client.get(f"{shapes}/cover?n=8")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/jpeg")
    picture = np.asarray(Image.open(io.BytesIO(answer.content)).convert("RGB"), np.float32)
    cache = ThumbnailCache(home / "collections" / shapes.rsplit("/", 1)[1] / "cache")
    tiles = cache.tiles_of(range(cache.prepared)).astype(np.float32)
    far = np.abs(tiles - picture[:64, 64:128]).mean((1, 2, 3))
    assert picture.shape == (128, 256, 3)
    assert far.argmin() == 1  # at the second place is the second photo
    shutil.rmtree(home / "collections" / shapes.rsplit("/", 1)[1] / "cache")
    grey = np.asarray(Image.open(io.BytesIO(client.get(f"{shapes}/cover").content)))
    assert (grey.min(), grey.max()) == (128, 128)
    assert client.get("/api/collections/none/cover").status_code == 404


# --- what a collection will cost -----------------------------------------------------------------------------


def cost(client: TestClient, **wanted: object) -> dict[str, Any]:
    answer = client.post("/api/cost", json=wanted)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_the_cost_of_a_collection_is_known_before_it_is_made(client: TestClient, photos: Path) -> None:
    found = cost(client, path=str(photos), backbones=[])
    assert found["text"].startswith("6 photos take about ")
    assert found["fits"]
    sent = cost(client, photos=1000, bytes=10**14, backbones=["mobilenetv2_100"], own_features=True)
    assert sent["text"].startswith("1,000 photos take about 100 TB of the disk ")
    assert not sent["fits"]
    assert client.get("/api/studio").json()["collections"] == []


def test_a_path_that_is_still_typed_has_no_cost(
    client: TestClient, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unknown = {"text": "", "fits": True}
    assert cost(client, path=str(photos / "circles" / "0.png")) == unknown
    assert cost(client, path=str(photos / "none")) == unknown
    monkeypatch.setattr("handlens.studio.server.routes.home._LOOKING", -1.0)
    assert cost(client, path=str(photos)) == unknown


def test_photos_that_were_sent_go_where_the_disk_is_too_full(
    client: TestClient, photos: Path, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr("handlens.studio.costs.free_on_disk", lambda _folder: 1000)
    upload = client.post("/api/uploads").json()["upload"]
    client.put(
        f"/api/uploads/{upload}/photo", params={"path": "1.png"}, content=(photos / "circles/1.png").read_bytes()
    )
    wanted = {"source": {"kind": "upload", "upload": upload}, "backbones": []}
    answer = client.post("/api/collections", json=wanted)
    assert answer.status_code == 507
    assert "too full" in answer.json()["error"]
    assert list((home / "collections").iterdir()) == []
