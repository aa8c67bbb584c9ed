"""The calls about importing labels."""

from __future__ import annotations

import io
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
        "respelled": [{"before": " circle ", "after": "circle"}],
        "unmatched": [{"where": "line 6", "photo": "gone.png", "label": "square", "reason": "no photo has this name"}],
        "conflicting": [{"photo": 20, "labels": ["square", "circle"], "where": ["line 4", "line 5"]}],
        "changes": [{"photo": 0, "now": "disc", "label": "circle"}],
        "imported": None,
    }
    assert [label["name"] for label in client.get(f"{shapes}/labels").json()["names"]] == ["disc"]

    other = client.post(
        f"{shapes}/import/plan", json={"source": source, "format": "csv", "choices": {"label_column": "kind"}}
    ).json()
    assert other["new_labels"] == ["x", "y"]

    done = client.post(f"{shapes}/import", json={"source": source, "replace": True}).json()
    assert done["imported"] == 2
    labels = client.get(f"{shapes}/labels").json()
    assert {label["name"]: label["count"] for label in labels["names"]} == {"disc": 0, "circle": 2}
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
