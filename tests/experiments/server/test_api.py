"""The HTTP API of experiments on a made study whose every number is known."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from handlens.experiments.reading.pivot import LEARNED
from handlens.experiments.server import payloads
from handlens.experiments.server.app import create_app
from handlens.experiments.server.records import Records
from handlens.experiments.store import EPOCHS, RUNS, STUDIES, Place, Store, written
from tests.experiments.made_studies import BEGAN, combinations_of, make_study

HOST = "127.0.0.1:8600"


def opened(folder: Path, **options: Any) -> TestClient:
    app = create_app(Place.of(folder), hosts=[HOST], **options)
    return TestClient(app, base_url=f"http://{HOST}", raise_server_exceptions=False)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Runs 1 to 6: ps 0 with seeds 0 and 1, ps 0.5, ps 0.25 with layers; the value is ps + seed."""
    combinations = [{"ps": 0.0, "layers": [200, 100]}, {"ps": 0.5, "layers": [1000, 500]}, {"ps": 0.25}]
    return make_study(
        tmp_path, combinations, lambda choices, seed: choices["ps"] + seed, name="a/b ü?", seeds=(0, 1), epochs=3
    )


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    with opened(store.place.folder) as found:
        yield found


def array(text: str, dtype: str) -> list[Any]:
    return np.frombuffer(base64.b64decode(text), dtype).tolist()


def table(client: TestClient, **query: Any) -> tuple[dict[str, Any], dict[tuple[str, str], list[Any]]]:
    """The answer of /api/runs, and its columns decoded, by role and name; None for what is missing."""
    answer = client.get("/api/runs", params={"study": "a/b ü?", **query})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    columns = {}
    for column in found["columns"]:
        if column["kind"] == "number":
            values = [None if x != x else x for x in array(column["values"], "<f8")]
        else:
            values = [None if code < 0 else column["levels"][code] for code in array(column["codes"], "<i4")]
        columns[column["role"], column["name"]] = values
    return {**found, "ids": array(found["ids"], "<i4")}, columns


def ask(client: TestClient, what: str, runs: list[int]) -> dict[str, Any]:
    answer = client.post(f"/api/runs/{what}", json={"runs": runs})
    assert answer.status_code == 200, answer.text
    return answer.json()


def change(store: Store, run: int, **values: Any) -> None:
    """What another process writes."""
    with store.writing() as connection:
        connection.execute(RUNS.update().where(RUNS.c.id == run).values(changed=BEGAN + 1000 + run, **values))


def row(store: Store, run: int) -> dict[str, Any]:
    return store.rows(RUNS.select().where(RUNS.c.id == run))[0]


def test_the_studies(client: TestClient, store: Store) -> None:
    change(store, 2, status="failed")
    found = client.get("/api/studies").json()
    assert found["folder"] == str(store.place.folder)
    assert found["storage"] == store.place.url
    assert found["studies"] == [
        {
            "name": "a/b ü?",
            "metric": "valid_loss",
            "direction": "minimize",
            "seed": 0,
            "made": BEGAN,
            "changed": BEGAN + 1002,
            "combinations": 3,
            "runs": {"waiting": 0, "running": 0, "finished": 5, "failed": 1, "pruned": 0, "stopped": 0},
            "lost": [],
            "to_come": 0,
        }
    ]


def test_runs_that_nobody_trains_and_runs_that_are_still_to_be_chosen(client: TestClient, store: Store) -> None:
    change(store, 2, status="running", owner=None)
    with store.writing() as connection:
        connection.execute(STUDIES.update().values(settings=written({"n": 5, "repeats": 2, "splits": 3})))
    [found] = client.get("/api/studies").json()["studies"]
    assert found["lost"] == [2]
    assert found["to_come"] == (5 - 3) * 2 * 3


def test_the_latest_study_is_read_before_anybody_asks(store: Store) -> None:
    records = Records(store.place)
    payloads.read_ahead(records)
    with store.writing() as connection:
        connection.execute(EPOCHS.delete())
    ids = [1, 2, 3, 4, 5, 6]
    assert [len(curve["epoch"]) for curve in records.study("a/b ü?").curves(store, ids)] == [3] * 6
    records.close()


def test_the_runs_of_a_study_column_by_column(client: TestClient) -> None:
    found, columns = table(client)
    assert (found["whole"], found["ids"], found["removed"]) == (True, [1, 2, 3, 4, 5, 6], [])
    assert columns["fact", "combination"] == [0, 0, 1, 1, 2, 2]
    assert columns["fact", "seed"] == [0, 1, 0, 1, 0, 1]
    assert columns["fact", "status"] == ["finished"] * 6
    assert columns["fact", "value"] == [0, 1, 0.5, 1.5, 0.25, 1.25]
    assert columns["fact", "started"] == [BEGAN + i for i in range(1, 7)]
    assert columns["fact", "bumpiness"] == [0] * 6
    assert columns["fact", "machine"] == ["made"] * 6
    assert columns["fact", "error"] == columns["fact", "commit"] == columns["fact", "note"] == [None] * 6
    assert columns["fact", "star"] == [False] * 6
    assert columns["choice", "ps"] == [0, 0, 0.5, 0.5, 0.25, 0.25]
    assert columns["choice", "layers"] == [[200, 100], [200, 100], [1000, 500], [1000, 500], None, None]
    assert columns["number", "valid_loss"] == columns["fact", "value"]
    assert [name for role, name in columns if role == "choice"] == ["ps", "layers"]


def test_whether_less_or_more_of_a_number_is_better(client: TestClient, store: Store) -> None:
    change(store, 1, numbers=written({"valid_loss": 0.0, "accuracy": 0.9, "error_rate": 0.1, "points": 3.0}))
    with store.writing() as connection:
        connection.execute(STUDIES.update().values(metric="points", direction="maximize"))
    columns = client.get("/api/runs", params={"study": "a/b ü?"}).json()["columns"]
    found = {one["name"]: one["direction"] for one in columns if one["kind"] == "number"}
    for better in ("value", "points", "accuracy"):
        assert found[better] == "maximize"
    for worse in ("valid_loss", "train_loss", "error_rate", "bumpiness", "seconds", "epochs"):
        assert found[worse] == "minimize"


def test_levels_are_in_their_order(client: TestClient) -> None:
    by_name = {one["name"]: one for one in client.get("/api/runs", params={"study": "a/b ü?"}).json()["columns"]}
    assert by_name["ps"]["levels"] == [0, 0.25, 0.5]
    assert by_name["layers"]["levels"] == [[200, 100], [1000, 500]]  # item by item, and not by their text
    assert array(by_name["ps"]["codes"], "<i4") == [0, 0, 2, 2, 1, 1]


def test_options_are_called_the_same_in_the_table_and_in_a_pivot(tmp_path: Path) -> None:
    options = [False, 0, 1.0, 1, None, {"a": 1}, [1, 2], [1.0, 2]]
    make_study(tmp_path, combinations_of({"x": options}), lambda choices, seed: 1, name="a/b ü?", seeds=[0])
    with opened(tmp_path) as client:
        _, columns = table(client)
        expected = ["False", "0", "1.0", "1", "None", '{"a": 1}', "(1, 2)", "(1.0, 2)"]
        assert columns["choice", "x"] == expected
        pivot = client.post("/api/pivot", json={"study": "a/b ü?", "rows": ["x"]}).json()
        for text, run in zip(expected, range(1, 9), strict=True):
            cell = pivot["runs"].index([run])
            assert pivot["labels"]["x"][pivot["key"]["x"][cell]] == text
            wanted = {"study": "a/b ü?", "rows": ["x"], "baseline": {"x": text}}
            assert client.post("/api/pivot", json=wanted).json()["verdict"][cell] == "baseline"


def test_what_other_processes_write_is_sent_alone(client: TestClient, store: Store) -> None:
    first, _ = table(client)
    again, columns = table(client, since=first["version"])
    assert (again["whole"], again["ids"], again["version"]) == (False, [], first["version"])
    assert columns["fact", "value"] == []
    change(store, 3, value=None, status="failed", error="Traceback\nValueError: lr is nan")
    later, columns = table(client, since=first["version"])
    assert (later["whole"], later["ids"]) == (False, [3])
    assert later["version"] > first["version"]
    assert columns["fact", "value"] == [None]
    assert columns["fact", "error"] == ["ValueError: lr is nan"]
    assert table(client, since=later["version"])[0]["ids"] == []
    # A page that has the version of another server, before or after this one, gets everything.
    for other in (1, later["version"] + 10**9):
        assert table(client, since=other)[0]["ids"] == [1, 2, 3, 4, 5, 6]


def test_the_curves_of_all_runs(client: TestClient, store: Store) -> None:
    with store.writing() as connection:
        connection.execute(EPOCHS.delete().where(EPOCHS.c.run == 2))
        numbers = {"valid_loss": float("nan"), "accuracy": 0.75}
        connection.execute(
            EPOCHS.update().where((EPOCHS.c.run == 6) & (EPOCHS.c.epoch == 2)).values(numbers=written(numbers))
        )
    change(store, 2, epochs=0)  # else they may have been read before
    change(store, 6, epochs=3)
    query = {"study": "a/b ü?", "number": ["valid_loss", "accuracy", "unknown"]}
    found = client.get("/api/curves", params=query).json()
    assert array(found["ids"], "<i4") == [1, 2, 3, 4, 5, 6]
    assert array(found["lengths"], "<i4") == [3, 0, 3, 3, 3, 3]
    assert [curve["number"] for curve in found["curves"]] == query["number"]
    losses, accuracies, unknown = (array(curve["values"], "<f4") for curve in found["curves"])
    assert [losses[i] for i in (2, 5, 8, 11, 14)] == [0, 0.5, 1.5, 0.25, 1.25]
    assert [i for i, x in enumerate(losses) if x != x] == [13]
    assert [(i, x) for i, x in enumerate(accuracies) if x == x] == [(13, 0.75)]
    assert all(x != x for x in unknown)
    change(store, 5, epochs=3)
    later = client.get("/api/curves", params={**query, "since": found["version"]}).json()
    assert (later["whole"], array(later["ids"], "<i4"), array(later["lengths"], "<i4")) == (False, [5], [3])
    assert array(later["curves"][0]["values"], "<f4") == losses[9:12]


def test_everything_about_one_run(client: TestClient, store: Store) -> None:
    folder = store.place.run_folder(3)
    folder.mkdir(parents=True)
    (folder / "log.txt").write_bytes(b"first\n" + b"x" * 70_000 + "\nélast\n".encode())
    change(store, 3, error="Traceback\nValueError: no", note="try again", numbers=written({"valid_loss": float("inf")}))
    found = client.get("/api/runs/3").json()
    assert found["choices"] == {"ps": 0.5, "layers": [1000, 500]}
    assert (found["study"], found["combination"], found["seed"], found["value"]) == ("a/b ü?", 1, 0, 0.5)
    assert found["error"] == "Traceback\nValueError: no"
    assert (found["note"], found["star"], found["hidden"], found["stop"]) == ("try again", False, False, False)
    assert found["numbers"] == {"valid_loss": None}
    assert found["facts"] == {"machine": "made", "versions": {"handlens": "0"}, "commit": None, "data": None}
    assert (found["epochs"], found["epoch_seconds"]) == ([1, 2, 3], [1, 1, 1])
    assert found["curves"]["rate"] == [0.01] * 3
    assert found["curves"]["valid_loss"][-1] == 0.5
    assert found["log"] == "élast\n"
    assert found["files"] == [{"name": "log.txt", "bytes": 70_014}]
    assert found["missing"] is None


def test_a_folder_on_another_machine_is_said(client: TestClient, store: Store) -> None:
    found = client.get("/api/runs/3").json()
    folder = store.place.run_folder(3)
    assert found["missing"] == f"It was trained on made; its log and files are not in {folder} on this machine."
    assert (found["log"], found["files"]) == (None, [])


def test_a_pivot_table(client: TestClient, store: Store) -> None:
    change(store, 6, status="failed", value=None)
    wanted = {"study": "a/b ü?", "rows": ["ps"], "baseline": {"ps": 0.5}}
    found = client.post("/api/pivot", json=wanted).json()
    assert found["labels"] == {"ps": [0, 0.25, 0.5]}
    assert found["key"] == {"ps": [0, 1, 2]}
    assert found["runs"] == [[1, 2], [5, 6], [3, 4]]
    assert (found["count"], found["missing"]) == ([2, 1, 2], [0, 1, 0])
    assert found["why_missing"] == ["", "1 failed", ""]
    assert found["mean"] == [0.5, 0.25, 1]
    assert found["best"] == [0, 0.25, 0.5]
    assert found["difference"][0] == -0.5
    assert found["verdict"][2] == "baseline"
    assert found["version"] == table(client)[0]["version"]


def test_a_sampler_that_learned_is_said_beside_a_comparison(client: TestClient, store: Store) -> None:
    with store.writing() as connection:
        connection.execute(STUDIES.update().values(settings=written({"sampler": "tpe"})))
    asked = {"study": "a/b ü?", "rows": ["ps"]}
    assert LEARNED not in client.post("/api/pivot", json=asked).json()["notes"]
    assert client.post("/api/pivot", json={**asked, "baseline": {"ps": 0.0}}).json()["notes"][-1] == LEARNED


def test_a_pivot_table_of_some_runs(client: TestClient) -> None:
    wanted = {"study": "a/b ü?", "rows": ["ps"], "columns": ["layers"], "values": "epochs", "runs": [1, 4, 99]}
    found = client.post("/api/pivot", json=wanted).json()
    assert found["labels"] == {"ps": [0, 0.5], "layers": [[200, 100], [1000, 500]]}
    assert found["key"] == {"ps": [0, 1], "layers": [0, 1]}
    assert (found["runs"], found["mean"]) == ([[1], [4]], [3, 3])
    assert found["difference"] is found["verdict"] is None


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"rows": ["layer"]}, "Rows must name a choice of the study; 'layer' arrived. Did you mean layers?"),
        ({"rows": ["ps"], "values": "machine"}, "Values must name a column of numbers; 'machine' holds"),
        ({"rows": ["ps"], "baseline": {"ps": 7}}, "Baseline must be a cell of the table; no run has ps = 7."),
        ({"rows": ["ps"], "runs": []}, "A pivot table requires runs; the study does not have any yet."),
    ],
)
def test_a_pivot_table_that_cannot_be(client: TestClient, wanted: dict[str, Any], said: str) -> None:
    answer = client.post("/api/pivot", json={"study": "a/b ü?", **wanted})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(said)


def test_the_importance_of_choices(tmp_path: Path) -> None:
    """All differences come from one of two choices."""
    choices = combinations_of({"ps": [i / 16 for i in range(16)], "bn": [True, False]})
    make_study(tmp_path, choices, lambda choices, seed: choices["ps"], seeds=[0])
    with opened(tmp_path) as client:
        found = client.get("/api/importance", params={"study": "made"}).json()["choices"]
        assert [(row["choice"], row["combinations"], row["verdict"]) for row in found] == [
            ("ps", 32, "beyond chance"),
            ("bn", 32, "chance could explain it"),
        ]
        assert found[0]["importance"] > 0.9


def test_the_importance_of_too_few(client: TestClient) -> None:
    answer = client.get("/api/importance", params={"study": "a/b ü?"})
    assert answer.status_code == 400
    assert answer.json()["error"].startswith("The importance of choices requires 10 combinations")


def test_a_note_a_star_and_hiding(client: TestClient, store: Store) -> None:
    before, _ = table(client)
    answer = client.patch("/api/runs", json={"runs": [2, 5, 99, 2], "star": True, "note": "über"}).json()
    assert answer["done"] == [2, 5]
    assert answer["left"] == [{"run": 99, "reason": "there is no such run"}]
    after, columns = table(client, since=before["version"])
    assert (after["ids"], after["version"]) == ([2, 5], answer["version"])
    assert (columns["fact", "star"], columns["fact", "note"]) == ([True, True], ["über", "über"])
    assert columns["fact", "hidden"] == [False, False]
    client.patch("/api/runs", json={"runs": [5], "hidden": True, "note": ""})
    assert (row(store, 5)["hidden"], row(store, 5)["star"], row(store, 5)["note"]) == (True, True, "")


def test_a_change_of_nothing_is_refused(client: TestClient) -> None:
    answer = client.patch("/api/runs", json={"runs": [2]})
    assert (answer.status_code, answer.json()["error"]) == (
        400,
        "A change must have a note, a star or hidden; none arrived.",
    )


def test_runs_are_deleted_with_their_epochs_and_files(client: TestClient, store: Store) -> None:
    before, _ = table(client)
    folder = store.place.run_folder(2)
    folder.mkdir(parents=True)
    (folder / "checkpoint").write_text("x")
    found = ask(client, "delete", [2, 3])
    assert (found["done"], found["left"]) == ([2, 3], [])
    assert not folder.exists()
    assert {row["run"] for row in store.rows(EPOCHS.select())} == {1, 4, 5, 6}
    after, _ = table(client, since=before["version"])
    assert (after["ids"], after["removed"]) == ([], [2, 3])
    assert table(client)[0]["ids"] == [1, 4, 5, 6]
    assert client.get("/api/runs/2").status_code == 404


@pytest.mark.parametrize("what", ["stop", "requeue", "delete"])
def test_runs_that_are_not_there(client: TestClient, store: Store, what: str) -> None:
    answer = client.post(f"/api/runs/{what}", json={"runs": [77]})
    assert answer.status_code == 404
    assert answer.json()["error"] == f"There is no run 77 in {store.place.folder}; it may have been deleted."


def test_a_folder_without_a_study(tmp_path: Path) -> None:
    with opened(tmp_path) as client:
        assert client.get("/api/studies").json()["studies"] == []
        answer = client.get("/api/runs", params={"study": "x"})
        assert answer.status_code == 404
        assert answer.json()["error"] == f"There is no study “x” in {tmp_path}."
        assert client.post("/api/runs/stop", json={"runs": [1]}).status_code == 404
        assert list(tmp_path.iterdir()) == []
        # One that begins while the page is open is found.
        make_study(tmp_path, [{"ps": 0.5}], lambda choices, seed: 1, seeds=[0])
        assert [one["name"] for one in client.get("/api/studies").json()["studies"]] == ["made"]
        assert client.get("/api/runs", params={"study": "made"}).status_code == 200


def test_a_database_that_vanishes_and_comes_back(tmp_path: Path) -> None:
    make_study(tmp_path, combinations_of({"ps": [0.0, 0.5]}), lambda choices, seed: 1, seeds=[0])
    with opened(tmp_path) as client:
        first = client.get("/api/runs", params={"study": "made"}).json()
        for file in tmp_path.glob("experiments.db*"):
            file.unlink()
        assert client.get("/api/studies").json()["studies"] == []
        assert client.get("/api/runs", params={"study": "made"}).status_code == 404
        assert client.get("/api/runs/1").status_code == 404
        assert list(tmp_path.glob("experiments.db*")) == []
        make_study(tmp_path, [{"ps": 0.5}], lambda choices, seed: 1, seeds=[0])
        again = client.get("/api/runs", params={"study": "made", "since": first["version"]}).json()
        assert (again["whole"], array(again["ids"], "<i4")) == (True, [1])


@pytest.mark.parametrize("path", ["studies", "runs?study=made", "runs/1", "curves?study=made&number=valid_loss"])
def test_a_record_that_cannot_be_read_is_no_fault_of_who_asks(tmp_path: Path, path: str) -> None:
    make_study(tmp_path, [{"ps": 0.5}], lambda choices, seed: 1, seeds=[0]).engine.dispose()  # all is in the one file
    (tmp_path / "experiments.db").write_bytes(b"not a database" * 100)
    with opened(tmp_path) as client:
        answer = client.get(f"/api/{path}")
        assert answer.status_code == 503
        assert answer.json()["error"].startswith("The record of the study, sqlite:////")
        assert "is damaged: file is not a database. Put back a copy of the file" in answer.json()["error"]


@pytest.mark.parametrize("first", [0, 4 * 4096])
def test_a_file_that_is_damaged_while_the_page_is_open(tmp_path: Path, first: int) -> None:
    make_study(tmp_path, [{"ps": 0.5}], lambda choices, seed: 1, seeds=range(50)).engine.dispose()
    with opened(tmp_path) as client:
        assert client.get("/api/runs", params={"study": "made"}).status_code == 200
        file = tmp_path / "experiments.db"
        length = file.stat().st_size
        with file.open("r+b") as damaged:
            damaged.seek(first)
            damaged.write(b"x" * (length - first))
        os.utime(file, (BEGAN, BEGAN))  # however coarse the clock of the disk is
        assert client.get("/api/studies").status_code == 503
        assert client.patch("/api/runs", json={"runs": [1], "star": True}).status_code == 503


def test_a_damaged_row_is_no_fault_of_who_asks(client: TestClient, store: Store) -> None:
    change(store, 2, facts="{")
    answer = client.get("/api/runs", params={"study": "a/b ü?"})
    assert answer.status_code == 503
    assert answer.json()["error"].startswith("The record is damaged: ")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("get", "/api/runs", None),
        ("get", "/api/runs?study=made&since=-1", None),
        ("get", "/api/runs?study=a%00b", None),
        ("get", "/api/curves?study=made", None),
        ("get", "/api/runs/0", None),
        ("get", "/api/runs/x", None),
        ("get", "/api/runs/99999999999999999999", None),
        ("post", "/api/runs/stop", {"runs": []}),
        ("post", "/api/runs/stop", {"runs": [0]}),
        ("post", "/api/runs/stop", {"runs": [2**40]}),
        ("post", "/api/runs/stop", {"runs": [1], "more": 1}),
        ("patch", "/api/runs", {"runs": [1], "note": 5}),
        ("patch", "/api/runs", {"runs": [1], "note": "a\0b"}),
        ("patch", "/api/runs", {"runs": [1], "note": "\ud800"}),
    ],
)
def test_bad_input_is_a_sentence(client: TestClient, method: str, path: str, body: Any) -> None:
    content = None if body is None else json.dumps(body)
    answer = client.request(method, path, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 422, answer.text
    assert answer.json()["error"].endswith(".")


def test_addresses_of_the_page(tmp_path: Path) -> None:
    with opened(tmp_path) as client:
        home = client.get("/", follow_redirects=False)
        assert (home.status_code, home.headers["location"]) == (307, "/experiments")
        for path in ("/experiments", "/experiments/a%2Fb/pivot?rows=ps"):
            assert client.get(path).headers["content-type"].startswith("text/html")
        assert client.get("/c/shapes").status_code == 404
        assert client.get("/api/docs").status_code == 200


def test_only_who_may_ask_is_answered(tmp_path: Path, store: Store) -> None:
    with opened(tmp_path, token="secret") as client:
        assert client.get("/api/studies").status_code == 401
        allowed = {"authorization": "Bearer secret"}
        assert client.get("/api/studies", headers=allowed).status_code == 200
        assert client.get("/api/studies", headers=allowed | {"host": "evil.example"}).status_code == 403
        delete = {"runs": [1]}
        foreign = client.post("/api/runs/delete", json=delete, headers=allowed | {"origin": "http://evil.example"})
        assert foreign.status_code == 403
        link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
        assert client.get("/api/studies", headers=allowed | link).status_code == 403
    assert row(store, 1)["status"] == "finished"
