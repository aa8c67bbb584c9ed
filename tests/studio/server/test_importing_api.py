"""The calls about importing labels."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

import pytest
from starlette.testclient import TestClient

CSV = """path,label,kind
circles/0.png,circle,x
circles/1.png, circle ,x
squares/0.png,square,y
squares/0.png,circle,y
gone.png,square,y
"""


@pytest.fixture
def upload(client: TestClient) -> str:
    return client.post("/api/uploads").json()["upload"]


def send(client: TestClient, upload: str, content: str, name: str = "labels.csv") -> dict[str, str]:
    answer = client.put(f"/api/uploads/{upload}/photo", params={"path": name}, content=content.encode())
    assert answer.status_code == 200
    return {"kind": "upload", "upload": upload}


def test_a_plan_then_the_import_then_undo(client, shapes, upload, selection):
    client.post(f"{shapes}/labels/assign", json={"selection": selection([0]), "name": "disc"})
    source = send(client, upload, CSV)
    plan = client.post(f"{shapes}/import/plan", json={"source": source}).json()
    digest = plan.pop("digest")
    assert plan == {
        "name": "labels.csv",
        "format": "CSV",
        "choices": {
            "photo_column": ["path", "label", "kind"],
            "label_column": ["label", "kind"],
            "separator": ["comma", "semicolon", "tab"],
            "encoding": ["utf-8", "utf-16", "cp1252"],
        },
        "counts": {"matched": 2, "new": 1, "changes": 1, "same": 0, "conflicting": 1, "unmatched": 1},
        "labels": [{"label": "circle", "count": 1}],
        "new_labels": ["circle"],
        "new_labels_count": 1,
        "respelled": [{"before": " circle ", "after": "circle"}],
        "unmatched": [{"where": "line 6", "photo": "gone.png", "label": "square", "reason": "no photo has this name"}],
        "conflicting": [{"photo": 20, "labels": ["square", "circle"], "where": ["line 4", "line 5"]}],
        "changes": [{"photo": 0, "now": "disc", "label": "circle"}],
        "boxes": 0,
        "imported": None,
    }
    assert [label["name"] for label in client.get(f"{shapes}/labels").json()["names"]] == ["disc"]

    other = client.post(
        f"{shapes}/import/plan", json={"source": source, "format": "csv", "choices": {"label_column": "kind"}}
    ).json()
    assert other["new_labels"] == ["x", "y"]

    # What a person agreed to would be another import now: nothing is imported.
    client.post(f"{shapes}/labels/assign", json={"selection": selection([1]), "name": "disc"})
    agreed = {"source": source, "replace": True, "digest": digest}
    refused = client.post(f"{shapes}/import", json=agreed)
    assert refused.status_code == 409
    assert refused.json()["error"].startswith("The labels, or labels.csv, have changed since this was shown")
    client.post(f"{shapes}/undo")
    # A label of another photo changes nothing about it.
    client.post(f"{shapes}/labels/assign", json={"selection": selection([30]), "name": "disc"})
    done = client.post(f"{shapes}/import", json=agreed).json()
    assert done["imported"] == 2
    labels = client.get(f"{shapes}/labels").json()
    assert {label["name"]: label["count"] for label in labels["names"]} == {"disc": 1, "circle": 2}
    assert labels["undo"] == "import 2 labels from labels.csv"
    client.post(f"{shapes}/undo")
    assert [label["name"] for label in client.get(f"{shapes}/labels").json()["names"]] == ["disc"]


def test_a_path_of_this_machine(client, shapes, tmp_path: Path):
    (tmp_path / "my labels.csv").write_text(CSV)
    source = {"kind": "path", "path": f' "{tmp_path / "my labels.csv"}" '}
    assert client.post(f"{shapes}/import", json={"source": source}).json()["imported"] == 2


def test_a_zip_of_folders(client, shapes, upload):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        archive.writestr("circle/circles/0.png", b"")
        archive.writestr("square/squares/0.png", b"")
    assert client.put(f"/api/uploads/{upload}/zip", content=data.getvalue()).status_code == 200
    source = {"kind": "upload", "upload": upload}
    done = client.post(f"{shapes}/import", json={"source": source}).json()
    assert (done["format"], done["imported"]) == ("folders by label", 2)


def test_an_uploaded_folder_is_read_as_itself(client, shapes, upload):
    for name in ("sorted/circle/circles/0.png", "sorted/square/squares/0.png"):
        send(client, upload, "", name)
    plan = client.post(f"{shapes}/import/plan", json={"source": {"kind": "upload", "upload": upload}}).json()
    assert (plan["name"], plan["new_labels"]) == ("sorted", ["circle", "square"])


def test_a_folder_of_nothing_but_pictures_is_one_of_a_label(client, shapes, upload):
    send(client, upload, "", "round/0.png")
    wanted = {"source": {"kind": "upload", "upload": upload}, "name": "round.zip"}
    plan = client.post(f"{shapes}/import/plan", json=wanted).json()
    assert (plan["name"], plan["unmatched"][0]["label"]) == ("round.zip", "round")


def test_boxes_become_a_collection_of_crops(client, shapes, upload):
    document = {
        "images": [{"id": 1, "file_name": "circles/0.png", "width": 64, "height": 48}],
        "categories": [{"id": 1, "name": "arc"}],
        "annotations": [
            {"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 32, 32]},
            {"id": 2, "image_id": 1, "category_id": 1, "bbox": [32, 0, 32, 32]},
        ],
    }
    wanted = {"source": send(client, upload, json.dumps(document), "boxes.json")}
    assert client.post(f"{shapes}/import/plan", json=wanted).json()["boxes"] == 2
    made = client.post(f"{shapes}/import/crops", json=wanted)
    assert made.status_code == 201, made.text
    found = made.json()
    assert (found["crops"], found["imported"], found["uncut"], found["problems"]) == (2, 2, 0, [])
    labels = client.get(f"/api/collections/{found['id']}/labels").json()
    assert [(label["name"], label["count"]) for label in labels["names"]] == [("arc", 2)]
    assert client.get(f"/api/collections/{found['id']}").json()["left_out"] == 0
    without = client.post(f"{shapes}/import/crops", json={"source": send(client, upload, CSV, "boxes.json")})
    assert without.status_code == 400


def test_labels_are_kept_aside(client, shapes, upload):
    assert client.get(f"{shapes}/truth").json() is None
    source = send(client, upload, CSV)
    assert client.post(f"{shapes}/import", json={"source": source, "as_truth": True}).json()["imported"] == 2
    assert client.get(f"{shapes}/labels").json()["names"] == []
    found = client.get(f"{shapes}/truth").json()
    assert (found["name"], found["labels"], found["accuracy"]) == ("labels.csv", 2, None)
    assert found["sentence"].startswith("There is no model yet")
    assert client.delete(f"{shapes}/truth").status_code == 204
    assert client.get(f"{shapes}/truth").json() is None


def test_the_model_is_measured_on_labels_that_are_kept_aside(client, shapes, upload, selection):
    rows = [f"circles/{i}.png,circle\nsquares/{i}.png,square" for i in range(20)]
    source = send(client, upload, "\n".join(["path,label", *rows]))
    client.post(f"{shapes}/import", json={"source": source, "as_truth": True})
    for name, ids in (("circle", [0, 1, 2]), ("square", [20, 21, 22])):
        client.post(f"{shapes}/labels/assign", json={"selection": selection(ids), "name": name})
    client.post(f"{shapes}/train")
    found = client.get(f"{shapes}/truth").json()
    assert 0 <= found["low"] <= found["accuracy"] <= found["high"] <= 1
    assert "of 34 photos are predicted as labelled" in found["sentence"]
    assert "Left out: 6 that the model may have learned from." in found["sentence"]


def test_formats_are_listed(client, shapes):
    found = {one["name"]: one for one in client.get(f"{shapes}/import/formats").json()}
    assert found["csv"] == {"name": "csv", "title": "CSV", "endings": [".csv", ".tsv", ".txt"]}
    assert found["folders"]["endings"] == ["/"]


def test_what_cannot_be_imported_gets_a_sentence(client, shapes, upload):
    source = send(client, upload, "no,labels\nat,all\n")
    for address in ("import", "import/plan"):
        refused = client.post(f"{shapes}/{address}", json={"source": source})
        assert refused.status_code == 400
        assert "must name photos of this collection" in refused.json()["error"]
    format = client.post(f"{shapes}/import", json={"source": source, "choices": {"format": "csv"}})
    assert format.json()["error"] == "No choice of an import is called format."
    gone = client.post(f"{shapes}/import", json={"source": {"kind": "upload", "upload": "gone"}})
    assert gone.status_code == 404
    unknown = client.post(f"{shapes}/import", json={"source": source, "choices": {"Not a name": "csv"}})
    assert unknown.status_code == 422
