"""The calls about auditing: the split report, the datasheet, the review queue."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

ATTRIBUTES = "photo,camera\n" + "".join(
    f"{kind}/{i}.png,{'old' if i < 3 else 'new'}\n" for kind in ("circles", "squares") for i in range(15)
)


@pytest.fixture
def trained(client: TestClient, shapes: str, selection: Callable[..., str]) -> str:
    """The collection with a model of ten labelled photos, two of them labelled wrong."""
    circles, squares = [[0, 1, 2], [3, 24]], [[20, 21, 22], [23, 4]]
    for name, ids in [*(("circle", ids) for ids in circles), *(("square", ids) for ids in squares)]:
        answer = client.post(f"{shapes}/labels/assign", json={"selection": selection(ids), "name": name})
        assert answer.status_code == 200
    assert client.post(f"{shapes}/train").status_code == 200
    return shapes


def test_a_csv_is_attached_and_removed(client: TestClient, shapes: str) -> None:
    assert client.get(f"{shapes}/attributes").json() is None
    text = ATTRIBUTES + "nobody.png,old\n"
    answer = client.put(f"{shapes}/attributes", params={"name": "cameras.csv"}, content=text.encode())
    assert answer.status_code == 200
    found = answer.json()
    assert found == client.get(f"{shapes}/attributes").json()
    assert (found["name"], found["column"], found["columns"]) == ("cameras.csv", "photo", ["camera"])
    assert (found["rows"], found["matched"], found["unmatched"], found["without"]) == (31, 30, 1, 10)
    assert found["unmatched_lines"] == [{"line": 32, "value": "nobody.png", "reason": "no photo has this name"}]
    assert "circles/15.png" in found["without_paths"]
    assert client.delete(f"{shapes}/attributes").status_code == 204
    assert client.get(f"{shapes}/attributes").json() is None


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"", "Cameras.csv must have a heading"), (b"a,b\n1,2\n", "must name photos"), (b"\xff\xd8\xff", "text in UTF-8")],
)
def test_a_csv_that_will_not_do_gets_a_sentence(client: TestClient, shapes: str, content: bytes, says: str) -> None:
    answer = client.put(f"{shapes}/attributes", params={"name": "cameras.csv"}, content=content)
    assert answer.status_code == 400
    assert says in answer.json()["error"]
    assert client.put(f"{shapes}/attributes", content=b"a,b\n").status_code == 422


def test_the_report_is_split(client: TestClient, trained: str) -> None:
    refused = client.get(f"{trained}/subgroups", params={"by": "camera"})
    assert refused.json()["error"].startswith("No CSV is attached")
    client.put(f"{trained}/attributes", params={"name": "c.csv"}, content=ATTRIBUTES.encode())
    found = client.get(f"{trained}/subgroups", params={"by": "camera"}).json()
    overall, *groups = found["groups"]
    assert (overall["by"], overall["n"]) == ("overall", 10)
    assert {group["group"]: group["n"] for group in groups} == {"old": 6, "new": 4}
    assert all(group["small"] and group["low"] <= group["value"] <= group["high"] for group in groups)
    assert sum(group["worst"] for group in groups) == 1
    assert len(found["sentences"]) == 1
    assert found["small"] == 30
    for by in ([], ["site"], ["camera"] * 4):
        assert client.get(f"{trained}/subgroups", params={"by": by}).status_code in (400, 422)


def test_the_datasheet_is_filled_in(client: TestClient, shapes: str) -> None:
    sections = client.get(f"{shapes}/datasheet").json()["sections"]
    assert len(sections) == 7
    key = sections[0]["questions"][0]["key"]
    assert client.put(f"{shapes}/datasheet/{key}", json={"text": "To tell shapes."}).status_code == 204
    assert client.get(f"{shapes}/datasheet").json()["sections"][0]["questions"][0]["answer"] == "To tell shapes."
    counts, parts, *_ = client.get(f"{shapes}/datasheet/facts").json()
    assert ["pictures", "40"] in counts["rows"]
    assert len(parts["rows"][0][-1]) == 64
    sheet = client.get(f"{shapes}/export/DATASHEET.md")
    assert "To tell shapes." in sheet.text
    assert sheet.headers["content-type"].startswith("text/markdown")
    assert client.put(f"{shapes}/datasheet/beauty", json={"text": "x"}).status_code == 400
    assert client.put(f"{shapes}/datasheet/{key}", json={"text": "x" * 100_001}).status_code == 422


def test_a_person_decides(client: TestClient, trained: str) -> None:
    cases = client.post(f"{trained}/review", json={"below": 1.0}).json()
    first, second = cases[:2]
    near = client.get(f"{trained}/review/{first['id']}/nearest").json()
    assert {shown["label"] for shown in near} <= {"circle", "square"}
    assert [shown["distance"] for shown in near] == sorted(shown["distance"] for shown in near)
    confirmed = client.post(f"{trained}/review/{first['id']}/confirm", json={"by": "ann"}).json()
    assert (confirmed["status"], confirmed["label"]) == ("confirmed", first["predicted"])
    said = {"label": "ring", "by": "ann"}
    assert client.post(f"{trained}/review/{second['id']}/overrule", json=said).json()["label"] == "ring"
    labels = client.get(f"{trained}/labels").json()
    assert {label["name"]: label["count"] for label in labels["names"]}["ring"] == 1
    again = client.post(f"{trained}/review/{second['id']}/take-back", json={"by": "ann"}).json()
    assert (again["status"], again["label"]) == ("waiting", None)
    contested = client.post(f"{trained}/contest", json={"photo": 0, "by": "bob", "why": "no circle"})
    assert contested.status_code == 201
    assert client.post(f"{trained}/review", json={"below": 0}).json()[0]["id"] == contested.json()["id"]
    log = list(csv.DictReader(io.StringIO(client.get(f"{trained}/export/review-log.csv").text)))
    assert {"predicted", "confirmed", "overruled", "undone", "contested"} == {entry["kind"] for entry in log}


def test_what_cannot_be_decided_gets_a_sentence(client: TestClient, trained: str) -> None:
    case = client.post(f"{trained}/review", json={"below": 1.0}).json()[0]["id"]
    contested = client.post(f"{trained}/contest", json={"photo": 0, "by": "bob", "why": "no circle"}).json()["id"]
    refused = [
        ("review", {"below": 2}, 422),
        ("review/10000/confirm", {"by": "ann"}, 400),
        ("review/0/confirm", {"by": "ann"}, 422),
        (f"review/{case}/confirm", {"by": " "}, 400),
        (f"review/{contested}/overrule", {"label": "x", "by": "ann"}, 400),
        (f"review/{case}/overrule", {"label": "", "by": "ann", "reason": "x"}, 400),
        (f"review/{case}/take-back", {"by": "ann"}, 400),
        ("contest", {"photo": 40, "by": "bob", "why": "x"}, 400),
        ("contest", {"photo": -1, "by": "bob", "why": "x"}, 422),
    ]
    for path, body, status in refused:
        answer = client.post(f"{trained}/{path}", json=body)
        assert (path, body, answer.status_code) == (path, body, status)
        assert answer.json()["error"]
    assert client.get(f"{trained}/review/10000/nearest").status_code == 400


def test_without_a_model_nothing_waits(client: TestClient, shapes: str) -> None:
    assert client.post(f"{shapes}/review", json={"below": 0.5}).status_code == 409
    assert client.post(f"{shapes}/contest", json={"photo": 0, "by": "bob", "why": "x"}).status_code == 409
