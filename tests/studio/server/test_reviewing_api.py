"""Doubted labels and duplicates over HTTP: ids 0–19 are circles, 20–39 squares."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient


@pytest.fixture
def trained(client: TestClient, shapes: str, selection: Callable[..., str]) -> str:
    """Labels one by one, photo 3 and photo 25 wrongly, and a model of them."""
    for photo in [*range(12), *range(20, 32)]:
        square = (photo >= 20) != (photo in (3, 25))
        name = "square" if square else "circle"
        answer = client.post(f"{shapes}/labels/assign", json={"selection": selection([photo]), "name": name})
        assert answer.status_code == 200, answer.text
    assert client.post(f"{shapes}/train").status_code == 200
    return shapes


def test_suspects_with_both_names(client, trained, unpacked):
    found = client.get(f"{trained}/suspects").json()
    ids = unpacked(found["ids"], "<i4")
    assert sorted(ids[:2]) == [3, 25]
    assert found["judged"] == 24
    names = [found["names"], unpacked(found["given"], "<i2"), unpacked(found["suggested"], "<i2")]
    assert [(names[0][g], names[0][s]) for g, s in zip(names[1], names[2], strict=True)][:2] == [
        ("square", "circle") if photo == 3 else ("circle", "square") for photo in ids[:2]
    ]
    given, suggested = (unpacked(found[k], "<f4") for k in ("probability", "suggested_probability"))
    assert (given < suggested).all()
    assert sorted(given) == given.tolist()


def test_one_is_kept_and_one_changed(client, trained, selection, unpacked):
    version = client.get(f"{trained}/suspects").json()["version"]

    def send(what: str, photo: int) -> dict:
        answer = client.post(f"{trained}/suspects/{what}", json={"selection": selection([photo]), "version": version})
        assert answer.status_code == 200, answer.text
        return answer.json()

    before = client.get(f"{trained}/labels").json()
    kept = send("keep", 3)
    assert kept["codes"] == before["codes"]
    assert (kept["undo"], kept["last_by_person"]) == ("keep the label of 1 photo", before["last_by_person"])
    taken = send("take", 25)
    assert taken["undo"] == "label 1 photo as suggested"
    assert taken["names"][unpacked(taken["codes"], "<i2")[25]]["name"] == "square"
    assert not {3, 25} & set(unpacked(client.get(f"{trained}/suspects").json()["ids"], "<i4").tolist())
    client.post(f"{trained}/undo")
    client.post(f"{trained}/undo")
    assert {3, 25} <= set(unpacked(client.get(f"{trained}/suspects").json()["ids"], "<i4").tolist())


@pytest.mark.parametrize("what", ["keep", "take"])
def test_what_does_not_fit_is_refused(client, trained, selection, what):
    version = client.get(f"{trained}/suspects").json()["version"]
    for body, sentence in (
        ({"selection": selection([15]), "version": version}, "whose label the model doubts"),
        ({"selection": selection([3]), "version": "another"}, "model was trained again"),
    ):
        answer = client.post(f"{trained}/suspects/{what}", json=body)
        assert answer.status_code == 400
        assert sentence in answer.json()["error"]
    for body in ({"selection": selection([3])}, {"version": version}, {"selection": "?", "version": version}):
        assert client.post(f"{trained}/suspects/{what}", json=body).status_code in (400, 422)


def test_suspects_without_a_model(client, shapes):
    answer = client.get(f"{shapes}/suspects")
    assert answer.status_code == 409
    assert "no model yet" in answer.json()["error"]


def test_labels_of_one_gesture_are_not_judged(client, shapes, selection):
    for ids, name in (([0, 1, 2], "circle"), ([20, 21, 22], "square")):
        client.post(f"{shapes}/labels/assign", json={"selection": selection(ids), "name": name})
    client.post(f"{shapes}/train")
    found = client.get(f"{shapes}/suspects").json()
    assert (found["judged"], found["ids"]) == (0, "")


def test_duplicates_from_the_search_to_the_groups(client, shapes, wait_until):
    def search() -> dict:
        return client.get(shapes).json()["duplicates"]

    assert search() == {
        **{"running": False, "phase": "idle", "done": 0, "total": 0},
        **{"seconds_left": None, "error": None, "groups": None},
    }
    answer = client.get(f"{shapes}/duplicates")
    assert answer.status_code == 404
    assert "not known yet" in answer.json()["error"]
    assert "not known yet" in client.post(f"{shapes}/duplicates/label").json()["error"]
    assert client.post(f"{shapes}/duplicates").status_code == 202
    wait_until(lambda: not search()["running"])
    assert (search()["phase"], search()["groups"]) == ("done", 0)
    assert client.get(f"{shapes}/duplicates").json() == {"ids": "", "groups": "", "kinds": ""}
    assert client.post(f"{shapes}/duplicates/label").json()["undo"] is None
    assert client.delete(f"{shapes}/duplicates").json()["duplicates"]["phase"] == "done"  # nothing is under way
