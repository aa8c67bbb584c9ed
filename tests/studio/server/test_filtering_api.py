"""Filters over HTTP."""

from __future__ import annotations

import csv
import io
import json
import zipfile

import numpy as np
import pytest

from handlens.studio.server.encoding import packed_ids

CIRCLES, SQUARES = list(range(20)), list(range(20, 40))
ROUND = {"field": "label", "names": ["round"]}


@pytest.fixture
def post(client, shapes):
    def send(path, body, *, status=200):
        answer = client.post(f"{shapes}/{path}", json=body)
        assert answer.status_code == status, answer.text
        return answer.json() if answer.content else None

    return send


@pytest.fixture
def labelled(post, selection):
    """Six circles are labelled round, and six squares angular."""
    post("labels/assign", {"selection": selection(CIRCLES[:6]), "name": "round", "gesture": "lasso"})
    post("labels/assign", {"selection": selection(SQUARES[:6]), "name": "angular"})


@pytest.mark.usefixtures("labelled")
def test_a_filter_gives_a_selection(post):
    assert post("filter", {"filter": ROUND}) == {"selection": packed_ids(np.arange(6), 40), "count": 6}
    both = {"any": [ROUND, {"not": {"field": "origin", "names": ["lasso"]}}]}
    assert post("filter", {"filter": both})["count"] == 40
    assert post("filter", {"filter": {"field": "left_out"}}) == {"selection": "runs:AA==", "count": 0}


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({}, 422, "filter: Field required"),
        ({"filter": {"field": "colour"}}, 422, 'a condition with a "field": label, predicted, sureness'),
        ({"filter": {"field": "label", "names": []}}, 422, "at least 1 item"),
        ({"filter": {"field": "label", "names": ["van"]}}, 400, "No label is called “van”. The labels are: none yet."),
        ({"filter": {"field": "sureness", "below": 0.5}}, 409, "There is no model yet"),
        ({"filter": {"field": "duplicate"}}, 400, "Search for duplicates first"),
        ({"filter": {"field": "column", "column": "a", "values": [1]}}, 400, "No CSV is attached"),
        ({"filter": {"field": "label", "names": ["x" * 4000]}}, 422, "at most 4,000 bytes of JSON"),
        ({"filter": {"field": "labelled", "since": "0001-01-01T00:00+14:00"}}, 422, "within the years 1 to 9999"),
    ],
)
def test_filters_that_are_refused(post, body, status, sentence):
    assert sentence in post("filter", body, status=status)["error"]


def test_half_characters_are_refused(client, shapes):
    body = r'{"filter": {"field": "label", "names": ["\ud800"]}}'
    answer = client.post(f"{shapes}/filter", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, "plain JSON in UTF-8" in answer.json()["error"]) == (422, True)


def test_a_filter_that_is_too_deep(post):
    tree = {"field": "left_out"}
    for _ in range(8):
        tree = {"not": tree}
    assert "at most 8 levels" in post("filter", {"filter": tree}, status=422)["error"]


@pytest.mark.usefixtures("labelled")
def test_saved_filters(client, shapes, post):
    assert client.get(f"{shapes}/filters").json() == []
    post("filters/save", {"name": "circles", "filter": {"not": ROUND}}, status=204)
    post("filters/save", {"name": "unsure", "filter": {"field": "sureness", "below": 0.5}}, status=204)
    post("labels/rename", {"name": "round", "to": "ball"})
    assert client.get(f"{shapes}/filters").json() == [
        {"name": "circles", "filter": {"not": {"field": "label", "names": ["ball"]}}},
        {"name": "unsure", "filter": {"field": "sureness", "below": 0.5}},
    ]
    post("filters/delete", {"name": "circles"}, status=204)
    assert [kept["name"] for kept in client.get(f"{shapes}/filters").json()] == ["unsure"]
    assert "No filter is called “circles”" in post("filters/delete", {"name": "circles"}, status=400)["error"]
    assert post("filters/save", {"name": "", "filter": ROUND}, status=400)["error"].startswith(
        "The name of a filter must have 1 to 100 printable characters"
    )


@pytest.mark.usefixtures("labelled")
def test_a_saved_filter_that_grew_with_the_name_of_its_label_is_still_listed(client, shapes, post):
    short = {"field": "left_out"}
    post(
        "filters/save", {"name": "long", "filter": {"any": [{"field": "label", "names": ["round"]}] * 100}}, status=204
    )
    post("filters/save", {"name": "short", "filter": short}, status=204)
    post("labels/rename", {"name": "round", "to": "x" * 100})
    long, other = client.get(f"{shapes}/filters").json()
    assert long["filter"]["any"][99] == {"field": "label", "names": ["x" * 100]}
    assert other == {"name": "short", "filter": short}
    assert "at most 4,000 bytes of JSON" in post("filter", {"filter": long["filter"]}, status=422)["error"]


@pytest.mark.usefixtures("labelled")
def test_exports_of_the_photos_of_a_filter(client, shapes):
    def export(name, tree):
        return client.get(f"{shapes}/export/{name}", params={"where": json.dumps(tree)})

    rows = list(csv.DictReader(io.StringIO(export("labels.csv", ROUND).text)))
    assert [row["label"] for row in rows] == ["round"] * 6
    with zipfile.ZipFile(io.BytesIO(export("folders.zip", {"not": ROUND}).content)) as archive:
        assert {name.split("/")[0] for name in archive.namelist()} == {"angular", "labels.csv", "renamed.csv"}
    client.post(f"{shapes}/train")
    rows = list(csv.DictReader(io.StringIO(export("predictions.csv", {"field": "label", "names": [None]}).text)))
    assert len(rows) == 28
    none = export("folders.zip", {"field": "left_out"})
    assert (none.status_code, "None of the photos that the filter means has a label" in none.text) == (400, True)
    for where, status in (("{", 400), ('{"field": "x"}', 400), ("[" * 3000, 400), ("x" * 5000, 422)):
        answer = client.get(f"{shapes}/export/labels.csv", params={"where": where})
        assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


def test_columns_of_the_attached_csv(client, shapes, unpacked):
    assert client.get(f"{shapes}/attributes/column", params={"name": "camera"}).status_code == 400
    text = "path,camera,iso\ncircles/0.png,old,100\ncircles/1.png,new,\ncircles/2.png,new,400\n"
    client.put(f"{shapes}/attributes", params={"name": "c.csv"}, content=text.encode())
    camera = client.get(f"{shapes}/attributes/column", params={"name": "camera"}).json()
    assert (camera["kind"], camera["values"]) == ("text", ["new", "old"])
    assert unpacked(camera["codes"], "<i4").tolist() == [1, 0, 0, *[-1] * 37]
    iso = client.get(f"{shapes}/attributes/column", params={"name": "iso"}).json()
    assert iso["kind"] == "numbers"
    np.testing.assert_array_equal(unpacked(iso["values"], "<f4"), [100, np.nan, 400, *[np.nan] * 37])
