"""The spot check, finishing and the history over HTTP."""

from __future__ import annotations

import csv
import io
import sqlite3
from collections.abc import Callable
from contextlib import closing

import numpy as np
import pytest
from starlette.testclient import TestClient

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
def labelled(post: Callable[..., dict], selection: Callable[..., str]) -> None:
    """Six circles are labelled round, and six squares angular."""
    post("labels/assign", {"selection": selection(CIRCLES[:6]), "name": "round"})
    post("labels/assign", {"selection": selection(SQUARES[:6]), "name": "angular"})


def truth(photo: int) -> str:
    return "round" if photo < 20 else "angular"


def answer(post: Callable[..., dict], photo: int, label: str | None = None, **body: object) -> dict:
    said = {"photo": photo, "answer": "label", "label": truth(photo) if label is None else label} | body
    return post("spot-check/answer", said)


def check(post: Callable[..., dict], n: int) -> list[int]:
    drawn: list[int] = post("spot-check", {"n": n})["waiting"]
    for photo in drawn:
        answer(post, photo)
    return drawn


def test_a_check_from_its_draw_to_its_end(client, shapes, post):
    nothing = {"waiting": [], "answered": 0, "unsure": 0, "none_of_these": [], "gone": 0, "left": 40}
    assert client.get(f"{shapes}/spot-check").json() == nothing
    assert client.get(shapes).json()["spot_check"] == nothing
    found = post("spot-check", {"n": 3})
    assert found == nothing | {"waiting": found["waiting"], "left": 37}
    a, b, c = found["waiting"]
    assert post("spot-check", {"n": 3}) == found  # drawn once
    assert answer(post, a, "round") == found | {"waiting": [b, c], "answered": 1}
    post("spot-check/answer", {"photo": b, "answer": "none"})
    assert post("spot-check/answer", {"photo": c, "answer": "unsure"}) == nothing | {
        **{"answered": 3, "unsure": 1, "none_of_these": [b], "left": 37}
    }
    # Going back: the latest answer counts, and a label is taken off again.
    assert answer(post, a, answer="none", label=None)["none_of_these"] == [a, b]
    assert client.get(f"{shapes}/labels").json()["names"][0]["count"] == 0
    assert len(post("spot-check")["waiting"]) == 30  # unless told how many


def test_undo_asks_again(client, shapes, post):
    [photo] = post("spot-check", {"n": 1})["waiting"]
    answer(post, photo)
    post("undo")
    assert client.get(f"{shapes}/spot-check").json()["waiting"] == [photo]
    post("redo")
    assert client.get(f"{shapes}/spot-check").json()["waiting"] == []


def test_two_tabs_share_one_check(client, shapes, post):
    first, second = post("spot-check", {"n": 5}), post("spot-check", {"n": 5})
    assert first["waiting"] == second["waiting"]
    for i, photo in enumerate(first["waiting"]):
        assert answer(post, photo)["answered"] == i + 1


@pytest.mark.parametrize("body", [{"n": 0}, {"n": 10_001}, {"n": "many"}, {"n": 2.5}, {"seed": 1}])
def test_draws_that_do_not_fit(post, body):
    assert post("spot-check", body, status=422)["error"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"photo": 1},
        {"photo": -1, "answer": "none"},
        {"photo": 1, "answer": "maybe"},
        {"photo": 1, "answer": "label", "label": 3},
        {"photo": "x", "answer": "none"},
    ],
)
def test_answers_that_do_not_fit(post, body):
    assert post("spot-check/answer", body, status=422)["error"]


def test_answers_that_are_refused(client, shapes, post, home):
    drawn = post("spot-check", {"n": 2})["waiting"]
    other = next(i for i in range(40) if i not in drawn)
    says = {
        (other, "round"): "was not drawn for a spot check",
        (99, "round"): "between 0 and 39",
        (drawn[0], " "): "A label must have 1 to 100 printable characters",
        (drawn[0], None): "A label must have 1 to 100 printable characters",
    }
    for (photo, label), message in says.items():
        error = post("spot-check/answer", {"photo": photo, "answer": "label", "label": label}, status=400)["error"]
        assert message in error
    path = client.get(f"{shapes}/photos/paths").text.split("\0")[drawn[0]]
    next(home.rglob(f"photos/{path}")).unlink()
    error = post("spot-check/answer", {"photo": drawn[0], "answer": "unsure"}, status=400)["error"]
    assert "is gone or has changed since it was drawn" in error
    found = client.get(f"{shapes}/spot-check").json()
    assert (found["waiting"], found["gone"]) == (drawn[1:], 1)


def test_when_nothing_is_left_to_draw(post, selection):
    post("labels/assign", {"selection": selection(CIRCLES + SQUARES), "name": "all"})
    assert "there is no photo left to check" in post("spot-check", status=400)["error"]


def test_a_check_that_is_damaged_meanwhile_is_left_out_and_told(client, shapes, post, home):
    post("spot-check", {"n": 1})
    with closing(sqlite3.connect(next(home.rglob("collection.sqlite")))) as db:
        db.execute("UPDATE spot_check_rounds SET population = 'x'")
        db.execute("INSERT INTO spot_check_draws (round, photo, stamp) VALUES (1, 999, '')")
        db.commit()
    assert client.get(f"{shapes}/spot-check").json()["waiting"] == []
    told = "The spot check is damaged on the disk: rounds are left out (1)."
    assert told in [notice["text"] for notice in client.get(shapes).json()["notices"]]
    assert client.get(f"{shapes}/labels").status_code == 200
    assert client.get(f"{shapes}/export/labels.csv").status_code == 200


# --- what it tells ---------------------------------------------------------------------------------


def test_the_report_and_the_history(client, shapes, post, labelled):
    report = post("train")
    assert (report["accuracy"], report["guess"], report["checked"]) == (None, None, 0)
    check(post, 12)
    report = client.get(shapes).json()["report"]
    assert 0 <= report["low"] <= report["accuracy"] <= report["high"] <= 1
    assert (report["reason"], report["checked"], report["unlabelled"]) == ("", 12, 16)
    assert 0 <= report["calibration_error"] <= 1
    classes = report["per_class"]
    assert sum(c["said"] for c in classes) == 12
    assert sum(c["right"] for c in classes) == pytest.approx(12 * report["accuracy"])
    assert all(c["low"] <= c["precision"] <= c["high"] for c in classes if c["said"])
    again = post("train")
    first, second = client.get(f"{shapes}/history").json()
    assert (first["n_labelled"], first["accuracy"], first["sentence"]) == (12, report["accuracy"], "")
    assert (second["n_labelled"], second["accuracy"], second["checked"]) == (24, again["accuracy"], 12)
    assert "with 12 more labels, all of photos drawn at random." in second["sentence"]
    assert client.get(shapes).json()["models"][0]["accuracy"] == again["accuracy"]


def test_photos_of_which_the_person_was_unsure(client, shapes, post, labelled):
    post("train")
    drawn = post("spot-check", {"n": 16})["waiting"]
    for i, photo in enumerate(drawn):
        answer(post, photo) if i < 12 else answer(post, photo, answer="unsure", label=None)
    report = client.get(shapes).json()["report"]
    assert (report["checked"], report["unsure"]) == (12, 4)
    right = 12 * report["accuracy"]
    assert (report["low_of_all"], report["high_of_all"]) == pytest.approx((right / 16, (right + 4) / 16))
    [point] = client.get(f"{shapes}/history").json()
    assert (point["checked"], point["unsure"]) == (12, 4)


def test_without_a_model(client, shapes, post):
    assert client.get(f"{shapes}/history").json() == []
    for found in (
        client.get(f"{shapes}/finish"),
        client.post(f"{shapes}/finish", json={}),
        client.get(f"{shapes}/confused", params={"label": "a", "predicted": "b"}),
    ):
        assert found.status_code == 409
        assert "There is no model yet" in found.json()["error"]


def test_the_photos_of_a_cell_of_the_confusion_table(client, shapes, post, labelled, unpacked):
    post("train")
    check(post, 12)
    table = client.get(shapes).json()["report"]["confusion"]
    for row, label in enumerate(table["names"]):
        for column, predicted in enumerate(table["names"]):
            found = client.get(f"{shapes}/confused", params={"label": label, "predicted": predicted}).json()
            assert len(unpacked(found["ids"], "<i4")) == table["counts"][row][column]
    refused = client.get(f"{shapes}/confused", params={"label": "round", "predicted": "x"})
    assert refused.status_code == 400
    assert "The model knows the labels round, angular" in refused.json()["error"]
    assert client.get(f"{shapes}/confused").status_code == 422


def test_predictions_have_another_version_after_the_check(client, shapes, post, labelled, unpacked):
    post("train")
    before = client.get(f"{shapes}/predictions").json()
    drawn = post("spot-check", {"n": 12})["waiting"]
    for photo in drawn:
        answer(post, photo, truth((photo + 20) % 40))  # always wrong
    after = client.get(f"{shapes}/predictions").json()
    assert after["version"] != before["version"]
    assert after["codes"] == before["codes"]
    assert unpacked(after["probability"], "<f4").mean() < unpacked(before["probability"], "<f4").mean()


# --- finishing -------------------------------------------------------------------------------------


def test_finishing_and_taking_it_back(client, shapes, post, labelled):
    post("train")
    few = client.get(f"{shapes}/finish", params={"error": 0.2}).json()
    assert (few["labels"], few["checked"], few["bound"], few["sure_from"]) == (0, 0, None, None)
    assert few["sentence"].startswith("At least ")
    assert post("finish", {"error": 0.2}, status=409)["error"] == few["sentence"]
    check(post, 20)
    plan = client.get(f"{shapes}/finish", params={"error": 0.2}).json()
    assert plan["labels"] + plan["left"] == 8
    assert plan["labels"] > 0
    assert client.get(shapes).json()["finished"] == 0
    assert post("finish", {"error": 0.2}) == plan
    assert client.get(shapes).json()["finished"] == plan["labels"]
    rows = list(csv.DictReader(io.StringIO(client.get(f"{shapes}/export/labels.csv").text)))
    certified = [row for row in rows if row["origin"] == "certified"]
    assert len(certified) == plan["labels"]
    assert {(float(row["error_at_most"]), float(row["confidence"])) for row in certified} == {(0.2, 0.95)}
    assert post("undo")["redo"] == f"finish: label {plan['labels']} photos as predicted"
    assert client.get(shapes).json()["finished"] == 0
    post("redo")
    assert client.get(shapes).json()["finished"] == plan["labels"]


@pytest.mark.parametrize(
    "body", [{"error": 0}, {"error": 1}, {"error": "x"}, {"confidence": 0}, {"confidence": 1}, {"all": True}]
)
def test_errors_and_confidences_that_do_not_fit(client, shapes, post, body):
    assert post("finish", body, status=422)["error"]
    if "all" not in body:
        assert client.get(f"{shapes}/finish", params=body).status_code == 422


def test_a_confidence_of_less_than_a_half(client, shapes, post, labelled):
    post("train")
    refused = client.get(f"{shapes}/finish", params={"confidence": 0.4})
    assert refused.status_code in (400, 422)
    assert refused.json()["error"]


def test_photos_that_the_model_labelled_can_be_checked(client, shapes, post, labelled, unpacked):
    post("train")
    check(post, 20)
    post("finish", {"error": 0.2})
    before = client.get(shapes).json()
    assert before["spot_check"]["left"] == 8
    [photo] = post("spot-check", {"n": 1})["waiting"]
    answer(post, photo, "odd")
    state = client.get(shapes).json()
    assert state["finished"] >= before["finished"] - 1
    names = [label["name"] for label in client.get(f"{shapes}/labels").json()["names"]]
    codes = unpacked(client.get(f"{shapes}/labels").json()["codes"], "<i2")
    assert names[codes[photo]] == "odd"
    assert np.count_nonzero(codes == names.index("odd")) == 1
