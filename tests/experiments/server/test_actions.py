"""What a person does to runs, while others train them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from handlens.errors import ExperimentError
from handlens.experiments.server import actions
from handlens.experiments.server.records import Records
from handlens.experiments.store import EPOCHS, RUNS, STATUSES, Place, Store
from handlens.experiments.training.owners import machine
from tests.experiments.made_studies import make_study

DEAD = f"{machine()}:{2**22 + 1}:ab"  # no process has a number above the limit of Linux, 2²²
ELSEWHERE = "another-machine:1:ab"
BY_STATUS = {status: i + 1 for i, status in enumerate(STATUSES)}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A run in each status, 1 to 6; runs 7 and 8 are in training too, 7 by a process that is gone."""
    made = make_study(tmp_path, [{"ps": 0.5}], lambda choices, seed: seed, seeds=range(8), epochs=2)
    with made.writing() as connection:
        for status, run in BY_STATUS.items():
            connection.execute(RUNS.update().where(RUNS.c.id == run).values(status=status))
        for run, owner in ((2, ELSEWHERE), (7, DEAD), (8, ELSEWHERE)):
            connection.execute(RUNS.update().where(RUNS.c.id == run).values(status="running", owner=owner, beat=1.0))
    for run in range(1, 9):
        folder = made.place.run_folder(run)
        folder.mkdir(parents=True)
        (folder / "checkpoint").write_text("x")
    return made


@pytest.fixture
def records(store: Store) -> Records:
    return Records(store.place)


def row(store: Store, run: int) -> dict[str, Any]:
    return store.rows(RUNS.select().where(RUNS.c.id == run))[0]


def epochs(store: Store, run: int) -> int:
    return len(store.epochs("made", [run]))


def test_stopping(store: Store, records: Records) -> None:
    found = actions.stop(records, list(range(1, 9)))
    assert found.done == [1, 2, 7, 8]
    reason = "only a run that waits or is being trained can be stopped"
    assert [(left.run, left.reason) for left in found.left] == [(run, reason) for run in (3, 4, 5, 6)]
    assert [(row(store, run)["status"], row(store, run)["stop"]) for run in (1, 2, 7, 8)] == [
        ("stopped", True),
        ("running", True),  # its own process ends it
        ("stopped", True),
        ("running", True),
    ]
    assert row(store, 7)["owner"] is None
    assert row(store, 2)["owner"] == ELSEWHERE


def test_queueing_again(store: Store, records: Records) -> None:
    with store.writing() as connection:
        connection.execute(RUNS.update().where(RUNS.c.id == BY_STATUS["stopped"]).values(stop=True, error="x"))
    found = actions.requeue(records, list(range(1, 9)))
    assert found.done == [3, 4, 5, 6, 7]
    reason = "a run that waits or is being trained cannot be queued again"
    assert [(left.run, left.reason) for left in found.left] == [(run, reason) for run in (1, 2, 8)]
    for run in found.done:
        after = row(store, run)
        assert [after[key] for key in ("status", "stop", "owner", "error", "ended")] == [
            "waiting",
            False,
            None,
            None,
            None,
        ]
        goes_on = run in (6, 7)
        assert (after["epochs"], epochs(store, run)) == ((2, 2) if goes_on else (0, 0))
        assert (after["value"] is None, after["seconds"] == 0, after["numbers"] == "{}") == ((not goes_on,) * 3)
        assert (store.place.run_folder(run) / "checkpoint").exists() == goes_on


def test_deleting(store: Store, records: Records) -> None:
    found = actions.delete(records, list(range(1, 9)))
    assert found.done == [1, 3, 4, 5, 6, 7]
    reason = "a run that is being trained cannot be deleted; stop it first"
    assert [(left.run, left.reason) for left in found.left] == [(2, reason), (8, reason)]
    assert [run["id"] for run in store.runs("made")] == [2, 8]
    assert {epoch["run"] for epoch in store.rows(EPOCHS.select())} == {2, 8}
    assert sorted(folder.name for folder in (store.place.folder / "runs").iterdir()) == ["2", "8"]


@pytest.mark.parametrize(
    ("act", "became"), [(actions.stop, "stopped"), (actions.requeue, "waiting"), (actions.delete, None)]
)
def test_a_run_in_training_without_a_process(store: Store, records: Records, act: Any, became: str | None) -> None:
    with store.writing() as connection:
        connection.execute(RUNS.update().where(RUNS.c.id == 7).values(owner=None))
    assert act(records, [7]).done == [7]
    assert [run["status"] for run in store.rows(RUNS.select().where(RUNS.c.id == 7))] == ([became] if became else [])


def test_many_at_once(tmp_path: Path) -> None:
    store = make_study(tmp_path, [{"ps": 0.5}], lambda choices, seed: seed, seeds=range(1203), epochs=1)
    ids = list(range(1203, 0, -1))
    assert len(actions.mark(Records(store.place), ids, {"star": True}).done) == 1203
    assert len(actions.delete(Records(store.place), ids[:1201]).done) == 1201
    assert [(run["id"], run["star"]) for run in store.runs("made")] == [(1, True), (2, True)]


def test_a_worker_that_claimed_the_run_meanwhile_keeps_it(
    store: Store, records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process of run 7 was found to be gone, and then another one took it over."""
    lost = records.lost()
    assert [one["id"] for one in lost] == [7]
    with store.writing() as connection:
        connection.execute(RUNS.update().where(RUNS.c.id == 7).values(owner=ELSEWHERE))
    monkeypatch.setattr(records, "lost", lambda: lost)
    assert actions.delete(records, [7]).done == []
    assert actions.requeue(records, [7]).done == []
    assert row(store, 7)["status"] == "running"


def test_a_process_of_another_machine_is_gone_when_it_gives_no_sign_of_life(
    records: Records, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr("handlens.experiments.training.owners.time.monotonic", lambda: now[0])
    assert [one["id"] for one in records.lost()] == [7]
    now[0] = 159.9
    assert [one["id"] for one in records.lost()] == [7]
    now[0] = 160.0
    assert [one["id"] for one in records.lost()] == [2, 7, 8]


def test_a_link_in_place_of_a_runs_folder_is_not_followed(store: Store, records: Records, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "photo.jpg").write_text("x")
    folder = store.place.run_folder(3)
    (folder / "checkpoint").unlink()
    folder.rmdir()
    folder.symlink_to(outside)
    assert actions.delete(records, [3]).done == [3]
    assert (outside / "photo.jpg").exists()


def test_a_failure_halfway_changes_nothing(store: Store, records: Records, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ExperimentError("no")

    monkeypatch.setattr(actions, "_forget", fails)
    with pytest.raises(ExperimentError):
        actions.delete(records, [3])
    assert (row(store, 3)["status"], epochs(store, 3)) == ("finished", 2)


def test_the_process_of_this_test_is_alive(store: Store, records: Records) -> None:
    with store.writing() as connection:
        own = f"{machine()}:{os.getppid()}:ab"
        connection.execute(RUNS.update().where(RUNS.c.id == 7).values(owner=own))
    assert records.lost() == []


def test_where_there_is_no_database(tmp_path: Path) -> None:
    with pytest.raises(ExperimentError, match="there is no study in"):
        actions.stop(Records(Place.of(tmp_path)), [1])
    assert list(tmp_path.iterdir()) == []
