"""The page's server over a PostgreSQL database: what it reads, what people do, and a database that stops."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from handlens.experiments.server.app import create_app
from handlens.experiments.store import RUNS, Place, Store
from handlens.experiments.training.owners import machine
from tests.experiments.made_studies import BEGAN, combinations_of, make_study

ROOT = Path(__file__).parents[3]
HOST = "127.0.0.1:8600"
OWN = ("version", "storage", "folder", "missing")  # differ from place to place
GONE = f"{machine()}:{2**22 + 1}:ab"  # no process has a number above the limit of Linux, 2²²


@pytest.fixture
def database() -> Iterator[Any]:
    """A PostgreSQL server of the tests' own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT / "benchmarks"))
        programs = importlib.import_module("experiments.database")
        if not programs.is_installed():
            pytest.skip("initdb, pg_ctl and postgres are not on PATH")
        with programs.Server() as server:
            yield server
        for module in [name for name in sys.modules if name.split(".")[0] == "experiments"]:
            sys.modules.pop(module)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as left_open:
        yield left_open


def opened(stack: ExitStack, folder: Path, storage: str | None) -> tuple[Store, TestClient]:
    """Twelve runs, three of which are in training by a process that is gone, and the server of their page."""
    combinations = combinations_of({"ps": [0.0, 0.5], "layers": [[200, 100], [1000, 500]]})
    store = make_study(folder, combinations, lambda choices, seed: choices["ps"] + seed, storage=storage)
    stack.callback(store.engine.dispose)
    with store.writing() as connection:
        cut_off = {"status": "running", "owner": GONE, "beat": BEGAN}
        connection.execute(RUNS.update().where(RUNS.c.id.in_((2, 3, 4))).values(**cut_off))
    app = create_app(Place.of(folder, storage), hosts=[HOST])
    client = TestClient(app, base_url=f"http://{HOST}", raise_server_exceptions=False)
    return store, stack.enter_context(client)


def answers(client: TestClient) -> list[Any]:
    """What the server says of the study."""
    asked = [
        client.get("/api/studies"),
        client.get("/api/runs", params={"study": "made"}),
        client.get("/api/curves", params={"study": "made", "number": ["valid_loss", "rate"]}),
        client.post("/api/pivot", json={"study": "made", "rows": ["ps"], "columns": ["layers"]}),
        client.get("/api/runs/5"),
    ]
    assert [answer.status_code for answer in asked] == [200] * 5
    return [{name: value for name, value in answer.json().items() if name not in OWN} for answer in asked]


def test_the_same_as_over_sqlite(database: Any, stack: ExitStack, tmp_path: Path) -> None:
    _, over_sqlite = opened(stack, tmp_path / "file", None)
    store, client = opened(stack, tmp_path / "server", database.url)
    assert answers(client) == answers(over_sqlite)
    [study] = client.get("/api/studies").json()["studies"]
    assert study["lost"] == [2, 3, 4]

    for what, runs in (("stop", [2]), ("requeue", [3, 5]), ("delete", [4, 6])):
        assert client.post(f"/api/runs/{what}", json={"runs": runs}).json()["done"] == runs
    noted = client.patch("/api/runs", json={"runs": [1, 99], "note": "ü 🎉", "star": True}).json()
    assert (noted["done"], [left["run"] for left in noted["left"]]) == ([1], [99])
    rows = {row["id"]: row for row in store.rows(RUNS.select())}
    assert sorted(rows) == [1, 2, 3, 5, 7, 8, 9, 10, 11, 12]
    assert [rows[run]["status"] for run in (1, 2, 3, 5)] == ["finished", "stopped", "waiting", "waiting"]
    assert (rows[1]["note"], rows[1]["star"], len(store.epochs("made", [5]))) == ("ü 🎉", True, 0)


def test_a_database_that_stops_and_starts_again(database: Any, stack: ExitStack, tmp_path: Path) -> None:
    _, client = opened(stack, tmp_path, database.url)
    before = answers(client)
    database.stop()
    for path in ("/api/studies", "/api/runs?study=made", "/api/runs/1"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert "cannot be used: connection" in answer.json()["error"]
    database.start()
    assert answers(client) == before
