from __future__ import annotations

import csv
import io
import json
import math
import re
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient
from typer.testing import CliRunner

from handlens.cli import app as cli
from handlens.errors import StorageError
from handlens.studio.collection import Collection
from handlens.studio.labels import Labels
from handlens.studio.origins import Origin

Pack = Callable[..., str]
Unpack = Callable[[str, str], np.ndarray]

CIRCLES, SQUARES = list(range(20)), list(range(20, 40))


@pytest.fixture
def post(client: TestClient, shapes: str) -> Callable[..., dict]:
    def send(path: str, body: object = None, *, status: int = 200) -> dict:
        answer = client.post(f"{shapes}/{path}", json={} if body is None else body)
        assert answer.status_code == status, answer.text
        found: dict = answer.json()
        return found

    return send


@pytest.fixture
def labelled(post: Callable[..., dict], selection: Pack) -> None:
    post("labels/assign", {"selection": selection(CIRCLES[:6]), "name": "round"})
    post("labels/assign", {"selection": selection(SQUARES[:6]), "name": "angular"})


@pytest.fixture
def layer(client: TestClient, shapes: str) -> str:
    return str(client.get(shapes).json()["layers"][-1]["id"])


def test_the_state_says_everything(client: TestClient, shapes: str) -> None:
    state = client.get(shapes).json()
    assert (state["id"], state["name"], state["count"], state["left_out"]) == (
        shapes.rpartition("/")[2],
        "shapes",
        40,
        0,
    )
    assert state["preparation"] == {
        "running": False,
        "phase": "done",
        "done": 40,
        "total": 40,
        "rate": None,
        "seconds_left": None,
        "error": None,
        "current_sources": [],
    }
    assert [source["state"] for source in state["sources"]] == ["ready"]
    assert {layer["pooling"] for layer in state["layers"]} == {"what", "where"}
    assert [projection["id"] for projection in state["projections"]] == ["pca-1-2", "pca-3-4", "pca-5-6", "neighbours"]
    assert (state["separating"], state["notices"], state["view"], state["report"]) == (None, [], None, None)
    assert state["labels_version"] == 0


def test_photos_come_in_columns(client: TestClient, shapes: str) -> None:
    found = client.get(f"{shapes}/photos").json()
    assert (found["prepared"], found["left_out"]) == (40, [])
    columns = {
        name: client.get(f"{shapes}/photos/{name}", params={"of": found["marks"][name]}) for name in found["marks"]
    }
    assert {answer.headers["cache-control"] for answer in columns.values()} == {"private, max-age=31536000, immutable"}
    folders = [(folder, i) for folder in ("circles", "squares") for i in range(20)]
    assert sorted(columns["paths"].text.split("\0")[:-1]) == sorted(f"{folder}/{i}.png" for folder, i in folders)
    assert columns["paths"].text.startswith("circles/0.png\0")
    assert columns["paths"].text.endswith("\0squares/19.png\0")
    assert sorted(np.frombuffer(columns["order"].content, "<i4").tolist()) == list(range(40))
    assert np.frombuffer(columns["aspects"].content, "<f4") == pytest.approx([64 / 48] * 40)


@pytest.mark.parametrize("name", ["paths", "order", "aspects"])
def test_no_cache_keeps_a_column_under_the_mark_of_another_one(client: TestClient, shapes: str, name: str) -> None:
    mark = client.get(f"{shapes}/photos").json()["marks"][name]
    for of in ({}, {"of": f"{mark}0"}):
        assert client.get(f"{shapes}/photos/{name}", params=of).headers["cache-control"] == "no-store"


def test_a_column_has_another_mark_once_its_photos_have_moved(
    client: TestClient, shapes: str, home: Path, wait_until: Callable[..., None]
) -> None:
    wait_until(lambda: client.get(shapes).json()["scanning"]["phase"] == "done")
    before = client.get(f"{shapes}/photos").json()["marks"]
    file = next((home / "collections").rglob("photos/circles/3.png"))
    file.rename(file.with_name("moved.png"))
    client.post(f"{shapes}/scan")
    wait_until(lambda: client.get(shapes).json()["scanning"]["phase"] == "done")
    after = client.get(f"{shapes}/photos").json()["marks"]
    assert after["paths"] != before["paths"]
    assert after["aspects"] == before["aspects"]
    assert "circles/moved.png" in client.get(f"{shapes}/photos/paths").text.split("\0")


def test_long_columns_are_compressed_for_who_reads_that(
    client: TestClient, shapes: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("handlens.studio.server.columns.SMALL", 100)
    for path in ("/photos/paths", "/photos/aspects", "/labels"):
        short = client.get(f"{shapes}{path}")
        plain = client.get(f"{shapes}{path}", headers={"Accept-Encoding": "identity"})
        assert (short.headers["content-encoding"], short.headers["vary"]) == ("gzip", "Accept-Encoding")
        assert "content-encoding" not in plain.headers
        assert short.content == plain.content
        assert int(short.headers["content-length"]) < len(plain.content)


def test_a_map_that_is_known_is_not_sent_again(client: TestClient, shapes: str, layer: str) -> None:
    asked = {"layer": layer, "projection": "pca-1-2"}
    first = client.get(f"{shapes}/map", params=asked)
    known = {"If-None-Match": first.headers["etag"]}
    again = client.get(f"{shapes}/map", params=asked, headers=known)
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    other = client.get(f"{shapes}/map", params=asked | {"projection": "pca-3-4"}, headers=known)
    assert (other.status_code, len(other.content)) == (200, 320)


def test_pictures(client: TestClient, shapes: str) -> None:
    sheet = client.get(f"{shapes}/sheets/0?n=40")
    assert sheet.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(sheet.content)).size == (1024, 1024)
    for path in ("thumb", "view"):
        picture = Image.open(io.BytesIO(client.get(f"{shapes}/photos/39/{path}").content))
        assert (picture.format, picture.size) == ("JPEG", (64, 48))
        assert picture.getpixel((45, 24))[2] > 150  # the blue square
        assert client.get(f"{shapes}/photos/40/{path}").status_code == 404
        assert client.get(f"{shapes}/photos/-1/{path}").status_code == 422
        assert client.get(f"{shapes}/photos/x/{path}").status_code == 422
    assert client.get(f"{shapes}/sheets/1").status_code == 404


def test_a_photo_that_is_gone_is_an_error_and_no_crash(client: TestClient, shapes: str, home: Path) -> None:
    client.get(shapes)
    next((home / "collections").rglob("photos/circles/3.png")).unlink()
    answer = client.get(f"{shapes}/photos/3/view")
    assert answer.status_code == 404
    assert answer.json()["error"]


def test_a_map_is_two_numbers_a_photo(client: TestClient, shapes: str, layer: str) -> None:
    answer = client.get(f"{shapes}/map", params={"layer": layer, "projection": "pca-1-2"})
    assert answer.headers["content-type"] == "application/octet-stream"
    xy = np.frombuffer(answer.content, "<f4").reshape(40, 2)
    assert np.isfinite(xy).all()
    assert np.abs(xy).max() <= 2
    order = np.frombuffer(client.get(f"{shapes}/photos/order").content, "<i4")
    for first, rows in ((7, 7), (1000, 40)):
        some = client.get(f"{shapes}/map", params={"layer": layer, "projection": "pca-1-2", "first": first})
        assert np.array_equal(np.frombuffer(some.content, "<f4").reshape(-1, 2), xy[order[:rows]])
    none = client.get(f"{shapes}/map", params={"layer": layer, "projection": "pca-1-2", "first": 0})
    assert none.status_code == 422
    for params in ({"layer": "x", "projection": "pca-1-2"}, {"layer": layer, "projection": "pca-7-8"}):
        refused = client.get(f"{shapes}/map", params=params)
        assert refused.status_code == 400
        assert "must be one of" in refused.json()["error"]
    assert client.get(f"{shapes}/map", params={"layer": layer, "projection": "labels"}).status_code == 409
    assert client.get(f"{shapes}/map").status_code == 422


def test_labels_are_given_and_taken(
    post: Callable[..., dict], client: TestClient, shapes: str, selection: Pack, unpacked: Unpack
) -> None:
    found = post("labels/assign", {"selection": selection([1, 3]), "name": "round"})
    assert [(label["name"], label["count"]) for label in found["names"]] == [("round", 2)]
    codes = unpacked(found["codes"], "<i2")
    assert codes.tolist() == [0 if i in (1, 3) else -1 for i in range(40)]
    assert found["undo"]
    assert found["redo"] is None
    assert client.get(f"{shapes}/labels").json() == found
    found = post("labels/assign", {"selection": selection([3, 30]), "name": "angular"})
    found = post("labels/remove", {"selection": selection([30])})
    assert {label["name"]: label["count"] for label in found["names"]} == {"round": 1, "angular": 1}
    found = post("labels/rename", {"name": "round", "to": "circle"})
    found = post("labels/merge", {"names": ["circle", "angular"], "into": "shape"})
    assert [(label["name"], label["count"]) for label in found["names"] if label["count"]] == [("shape", 2)]
    found = post("labels/delete", {"name": "shape"})
    assert set(unpacked(found["codes"], "<i2").tolist()) == {-1}
    for _ in range(6):
        found = post("undo")
    assert found["undo"] is None
    assert post("undo")["version"] == found["version"] or post("undo")["undo"] is None
    for _ in range(6):
        found = post("redo")
    assert found["redo"] is None
    assert set(unpacked(found["codes"], "<i2").tolist()) == {-1}


def test_a_label_knows_how_its_photos_were_selected(
    post: Callable[..., dict], home: Path, shapes: str, selection: Pack
) -> None:
    post("labels/assign", {"selection": selection([1, 3]), "name": "round", "gesture": "lasso"})
    post("labels/assign", {"selection": selection([5]), "name": "round", "gesture": "review", "kind": "suggested"})
    post("labels/assign", {"selection": selection([30]), "name": "angular"})
    found = post("labels/assign", {"selection": selection([30, 31, 32]), "name": "angular", "gesture": "box"})
    # Photo 30 had its label already.
    assert {label["name"]: label["gestures"] for label in found["names"]} == {"round": 2, "angular": 2}
    found = post("undo")
    assert {label["name"]: label["gestures"] for label in found["names"]} == {"round": 2, "angular": 1}
    with Collection.open(home / "collections" / shapes.rpartition("/")[2]) as opened:
        origins = opened.origins
    assert origins["gesture"].dropna().to_dict() == {1: "lasso", 3: "lasso", 5: "review", 30: "call"}
    assert origins["kind"].dropna().to_dict() == {1: "by hand", 3: "by hand", 5: "suggested", 30: "by hand"}


def test_what_makes_no_sense_changes_no_label(
    post: Callable[..., dict], client: TestClient, shapes: str, selection: Pack
) -> None:
    before = client.get(f"{shapes}/labels").json()
    good = selection([1])
    for path, body, status in [
        ("labels/assign", {"selection": "!!", "name": "a"}, 400),
        ("labels/assign", {"selection": selection([1], 80), "name": "a"}, 400),
        ("labels/assign", {"selection": selection([]), "name": "a"}, 400),
        ("labels/assign", {"selection": good, "name": "  "}, 400),
        ("labels/assign", {"selection": good, "name": "a" * 999}, 400),
        ("labels/assign", {"selection": good, "name": "a" * 1001}, 422),
        ("labels/assign", {"selection": good}, 422),
        ("labels/assign", {"selection": good, "name": "a", "force": True}, 422),
        ("labels/assign", {"selection": good, "name": "a", "gesture": "finish"}, 422),
        ("labels/assign", {"selection": good, "name": "a", "gesture": None}, 422),
        ("labels/assign", {"selection": good, "name": "a", "kind": "checked"}, 422),
        ("labels/assign", {"selection": [1], "name": "a"}, 422),
        ("labels/rename", {"name": "none", "to": "b"}, 400),
        ("labels/merge", {"names": ["none"], "into": "b"}, 400),
        ("labels/delete", {"name": "none"}, 400),
    ]:
        assert post(path, body, status=status)["error"]
    assert client.get(f"{shapes}/labels").json() == before


def test_labels_given_at_the_same_time_are_all_kept(client: TestClient, shapes: str, selection: Pack) -> None:
    def give(id: int) -> None:
        client.post(f"{shapes}/labels/assign", json={"selection": selection([id]), "name": f"n{id % 3}"})

    threads = [threading.Thread(target=give, args=(id,)) for id in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counts = {label["name"]: label["count"] for label in client.get(f"{shapes}/labels").json()["names"]}
    assert counts == {"n0": 4, "n1": 4, "n2": 4}


def test_a_full_disk_is_507_and_says_so(
    client: TestClient, shapes: str, selection: Pack, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Labels, ids: object, name: str, *, origin: Origin) -> None:
        raise StorageError("the label could not be written. Make room.")

    monkeypatch.setattr(Labels, "assign", full)
    answer = client.post(f"{shapes}/labels/assign", json={"selection": selection([1]), "name": "a"})
    assert (answer.status_code, answer.json()) == (507, {"error": "The label could not be written. Make room."})

    def full_too(self: Labels, ids: object, name: str, *, origin: Origin) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Labels, "assign", full_too)
    answer = client.post(f"{shapes}/labels/assign", json={"selection": selection([1]), "name": "a"})
    assert answer.status_code == 507


def test_a_mistake_of_ours_is_a_sentence_too(client: TestClient, shapes: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Collection, "scores", lambda self: 1 / 0)
    answer = client.get(f"{shapes}/scores")
    assert answer.status_code == 500
    assert "ZeroDivisionError" in answer.json()["error"]


def test_similar_ranks_all_others_unlabelled_first(
    post: Callable[..., dict], selection: Pack, unpacked: Unpack, layer: str
) -> None:
    post("labels/assign", {"selection": selection([5, 6]), "name": "round"})
    found = post("similar", {"selection": selection([0, 1, 2]), "layer": layer, "projection": "pca-1-2"})
    ids, distances = unpacked(found["ids"], "<i4").tolist(), unpacked(found["distances"], "<f4")
    assert sorted(ids) == list(range(3, 40))
    assert set(ids[-2:]) == {5, 6}
    assert (np.diff(distances[:-2]) >= 0).all()
    few = post("similar", {"selection": selection([0, 1, 2]), "layer": layer, "projection": "pca-1-2", "n": 3})
    assert unpacked(few["ids"], "<i4").tolist() == ids[:3]
    assert unpacked(few["distances"], "<f4").tolist() == distances[:3].tolist()
    assert post("similar", {"selection": selection([0]), "layer": layer, "n": 0}, status=422)["error"]
    assert post("similar", {"selection": selection([]), "layer": layer, "projection": None}, status=400)["error"]
    assert post("similar", {"selection": selection([1]), "layer": "none"}, status=400)["error"]


def test_photos_to_label_are_suggested(
    client: TestClient, shapes: str, post: Callable[..., dict], selection: Pack, unpacked: Unpack
) -> None:
    post("labels/assign", {"selection": selection(range(30)), "name": "shape"})
    found = unpacked(client.get(f"{shapes}/next?n=4").json()["ids"], "<i4").tolist()
    assert len(set(found)) == 4
    assert set(found) <= set(range(30, 40))
    assert len(unpacked(client.get(f"{shapes}/next").json()["ids"], "<i4")) == 10
    for n in (0, 201, "x"):
        assert client.get(f"{shapes}/next?n={n}").status_code == 422
    post("labels/assign", {"selection": selection(range(40)), "name": "shape"})
    answer = client.get(f"{shapes}/next")
    assert answer.status_code == 400
    assert "Every photo has a label" in answer.json()["error"]


def test_spread_puts_the_odd_one_first(
    post: Callable[..., dict], selection: Pack, unpacked: Unpack, layer: str
) -> None:
    found = post("spread", {"selection": selection([0, 1, 2, 3, 4, 30]), "layer": layer, "projection": None})
    ids, distances = unpacked(found["ids"], "<i4").tolist(), unpacked(found["distances"], "<f4")
    assert sorted(ids) == [0, 1, 2, 3, 4, 30]
    assert ids[0] == 30
    assert (np.diff(distances) <= 0).all()


def test_separate_then_train_then_predict(
    post: Callable[..., dict], client: TestClient, shapes: str, labelled: None, selection: Pack, unpacked: Unpack
) -> None:
    assert client.get(f"{shapes}/predictions").status_code == 404
    # Each label is one gesture, so that it is not known how well a layer separates them.
    assert post("separate", {"names": ["round", "angular"]})["score"] is None
    post("labels/assign", {"selection": selection([CIRCLES[6]]), "name": "round"})
    post("labels/assign", {"selection": selection([SQUARES[6]]), "name": "angular"})
    found = post("separate", {"names": ["round", "angular"]})
    state = client.get(shapes).json()
    assert found["layer"] in {layer["id"] for layer in state["layers"]}
    assert found["projection"] == "separate"
    assert 0.5 < found["score"] <= 1
    assert state["separating"] == ["round", "angular"]
    assert "separate" in {projection["id"] for projection in state["projections"]}
    answer = client.get(f"{shapes}/map", params={"layer": found["layer"], "projection": "separate"})
    assert np.isfinite(np.frombuffer(answer.content, "<f4")).all()
    scores = client.get(f"{shapes}/scores").json()
    assert scores["layers"][found["layer"]] == pytest.approx(found["score"])
    assert set(scores["maps"]) == set(scores["layers"])

    report = post("train")
    assert (report["n_labelled"], report["n_photos"]) == (14, 40)
    numbers = ("accuracy", "low", "high", "calibration_error")
    assert [report[name] for name in numbers] == [None] * 4  # nothing is checked
    assert (report["checked"], report["unlabelled"]) == (0, 26)
    assert report["reason"].startswith("Nothing is checked yet.")
    assert [(c["name"], c["count"], c["thin"]) for c in report["per_class"]] == [
        ("round", 7, True),
        ("angular", 7, True),
    ]
    assert np.sum(report["confusion"]["counts"]) == 14
    assert report["warnings"]
    assert report["kind"] == "quick"
    assert client.get(shapes).json()["report"] == report

    predicted = client.get(f"{shapes}/predictions").json()
    assert predicted["names"] == ["round", "angular"]
    codes, sure = unpacked(predicted["codes"], "<i2"), unpacked(predicted["probability"], "<f4")
    assert (codes[CIRCLES] == 0).mean() > 0.8
    assert (codes[SQUARES] == 1).mean() > 0.8
    assert ((sure >= 0.5) & (sure <= 1)).all()
    assert predicted["version"].startswith("quick-")


def test_too_few_labels_are_said(post: Callable[..., dict], selection: Pack) -> None:
    assert post("train", status=409)["error"]
    post("labels/assign", {"selection": selection([0, 1, 2]), "name": "round"})
    assert post("train", status=409)["error"]
    assert post("separate", {"names": ["round"]}, status=409)["error"]
    assert post("separate", {"names": ["round", "none"]}, status=400)["error"]


def test_what_is_taken_away(
    post: Callable[..., dict], client: TestClient, shapes: str, labelled: None, home: Path, tmp_path: Path, drawn: Path
) -> None:
    labels = client.get(f"{shapes}/export/labels.csv")
    assert labels.headers["content-disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(labels.text)))
    assert len(rows) == 12
    assert list(rows[0]) == ["path", "label", "origin", "gesture", "labelled_at", "error_at_most", "confidence", "by"]
    assert rows[0]["labelled_at"].endswith("Z")
    given = {"path": "circles/0.png", "label": "round", "origin": "by hand", "gesture": "call"}
    assert rows[0] == {**given, "labelled_at": rows[0]["labelled_at"], "error_at_most": "", "confidence": "", "by": ""}

    for name in ("predictions.csv", "model.zip"):
        early = client.get(f"{shapes}/export/{name}")
        assert early.status_code == 409
        assert "train" in early.json()["error"]

    post("train")
    rows = list(csv.DictReader(io.StringIO(client.get(f"{shapes}/export/predictions.csv").text)))
    assert len(rows) == 40
    named = ["probability of round", "probability of angular"]
    assert list(rows[0]) == ["path", "label", "predicted", "probability", *named, "reason"]
    assert math.isclose(sum(float(rows[0][name]) for name in named), 1, abs_tol=1e-5)

    with zipfile.ZipFile(io.BytesIO(client.get(f"{shapes}/export/folders.zip").content)) as archive:
        assert archive.testzip() is None
        assert len(archive.namelist()) == 13
        assert archive.read("labels.csv").startswith(b"name,path,label,origin,gesture,labelled_at,")
        assert all(info.compress_type == zipfile.ZIP_STORED and not info.flag_bits & 8 for info in archive.infolist())
        assert archive.read("round/circles/0.png") == (drawn / "circles/0.png").read_bytes()

    with zipfile.ZipFile(io.BytesIO(client.get(f"{shapes}/export/model.zip").content)) as archive:
        archive.extractall(tmp_path / "taken")
    out = tmp_path / "out.csv"
    ran = CliRunner().invoke(cli, ["predict", str(tmp_path / "taken" / "model"), str(drawn), "--out", str(out)])
    assert ran.exit_code == 0, ran.output
    elsewhere = {row["path"]: row["predicted"] for row in csv.DictReader(io.StringIO(out.read_text()))}
    assert elsewhere == {row["path"]: row["predicted"] for row in rows}

    # Nothing of it stays behind.
    assert [file for file in (home / "scratch").rglob("*") if file.is_file() and "lock" not in file.name] == []


def test_folders_without_labels_or_with_a_photo_gone_are_refused_before_sending(
    post: Callable[..., dict], client: TestClient, shapes: str, selection: Pack, home: Path
) -> None:
    assert client.get(f"{shapes}/export/folders.zip").status_code == 400
    post("labels/assign", {"selection": selection([3]), "name": "round"})
    next((home / "collections").rglob("photos/circles/3.png")).unlink()
    answer = client.get(f"{shapes}/export/folders.zip")
    assert answer.status_code == 400
    assert "3.png" in answer.json()["error"]


@pytest.mark.parametrize("depth", [33, 300, 900, 990, 5000, 200_000])
@pytest.mark.parametrize("brackets", ['{"a":%s}', '{"a":[%s]}'])
def test_s9_a_view_of_any_depth_is_refused(client: TestClient, shapes: str, brackets: str, depth: int) -> None:
    opening, closing = brackets.split("%s")
    body = opening * depth + "1" + closing * depth
    answer = client.put(f"{shapes}/view", content=body, headers={"content-type": "application/json"})
    assert answer.status_code in (400, 422)
    assert re.search("at most 32 levels deep|must be JSON", answer.json()["error"])
    assert client.get(shapes).json()["view"] is None


@pytest.mark.parametrize("depth", [100, 900, 990, 5000, 200_000])
def test_s9_other_bodies_of_any_depth_are_refused(client: TestClient, shapes: str, depth: int) -> None:
    deep = '{"all":[' * depth + '{"field":"label"}' + "]}" * depth
    for path in ("filter", "filters", "labels/assign", "separate"):
        for body in (f'{{"filter":{deep},"name":"x"}}', "[" * depth + "]" * depth, deep):
            answer = client.post(f"{shapes}/{path}", content=body, headers={"content-type": "application/json"})
            assert 400 <= answer.status_code < 500, path
    answer = client.get(f"{shapes}/export/labels.csv", params={"where": deep[:3000]})
    assert 400 <= answer.status_code < 500


def test_the_view_is_kept(client: TestClient, shapes: str) -> None:
    view = {
        "layer": "a",
        "shown": "all",
        "camera": {"x": 0.5, "y": -1, "zoom": 2},
        "opacity": {"on": True, "threshold": 0.9},
    }
    assert client.put(f"{shapes}/view", json=view).status_code == 204
    assert client.get(shapes).json()["view"] == view
    deep: object = 0
    for _ in range(33):
        deep = [deep]
    for bad, status in [({"x": "y" * 16_384}, 413), ({"x": deep}, 422), ([1], 422)]:
        assert client.put(f"{shapes}/view", json=bad).status_code == status
    nan = client.put(f"{shapes}/view", content='{"x": NaN}', headers={"content-type": "application/json"})
    assert nan.status_code == 422
    assert client.get(shapes).json()["view"] == view


def test_preparing_is_cancelled_and_resumed(
    client: TestClient, shapes: str, quick: None, wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(Collection, "start_scanning", lambda self: None)  # which starts preparing, too, sooner or later
    monkeypatch.setattr(Collection, "start_preparing", lambda self: asked.append("start"))
    monkeypatch.setattr(Collection, "cancel_preparing", lambda self: asked.append("cancel"))
    assert client.post(f"{shapes}/prepare").json()["count"] == 40
    assert client.delete(f"{shapes}/prepare").json()["count"] == 40
    state = client.post(f"{shapes}/sources", json={"backbone": "resnet18"}).json()
    assert [(s["name"], s["state"]) for s in state["sources"]] == [("patches", "ready"), ("resnet18", "waiting")]
    assert asked == ["start", "cancel", "start"]
    assert client.post(f"{shapes}/sources", json={}).status_code == 422


def test_the_description_of_the_api_is_whole(client: TestClient) -> None:
    api = client.get("/api/openapi.json").json()
    assert api["paths"]["/api/collections/{c}/labels/assign"]["post"]["summary"]
    schemas = api["components"]["schemas"]
    assert {"CollectionState", "LabelsState", "Report", "PhotoPredictions", "PhotoList", "Error"} <= set(schemas)
    assert json.dumps(api).count("http://") == 0
    for path, calls in api["paths"].items():
        assert path.startswith("/api/")
        for call in calls.values():
            assert call["description"], path
            assert call["tags"], path
