"""A database that cannot be reached, is newer, or has no room: a sentence, no password, and nothing lost."""

from __future__ import annotations

import sqlite3

import pytest
import sqlalchemy as sa

from handlens.errors import ExperimentError, StorageError
from handlens.experiments import Study
from handlens.experiments.store import Place, reporting
from handlens.experiments.training.record import RunRecord


@pytest.mark.parametrize(
    ("storage", "words"),
    [
        (
            "postgresql+psycopg://me:secret@127.0.0.1:1/study",
            "postgresql+psycopg://me:***@127.0.0.1:1/study, cannot be",
        ),
        ("nonsense", "the record of the study, the storage that was given, cannot be used: Could not parse"),
        ("nonsense://me:secret@host/study", "nonsense://me:***@host/study, cannot be used: Can't load plugin"),
        (
            "sqlite:////nowhere/at/all/x.db",
            "cannot be used: unable to open database file. Check that it can be reached",
        ),
    ],
)
def test_storage_that_cannot_be_reached_is_said_in_a_sentence(tmp_path, storage, words):
    with pytest.raises(ExperimentError) as error:
        Study(tmp_path, storage=storage)
    assert words in str(error.value)
    assert "secret" not in str(error.value)
    assert error.value.__suppress_context__


def test_a_password_is_not_shown_with_the_place():
    assert "secret" not in repr(Place.of("folder", "postgresql://me:secret@host/study"))


def test_what_the_database_says_does_not_show_the_password():
    place = Place.of("folder", "postgresql://me:secret@host/study")
    with pytest.raises(ExperimentError, match=r"cannot be used: no user me with \*\*\*\. Check"), reporting(place):
        raise sa.exc.OperationalError("SELECT", {}, Exception("no user me with secret\nmore"))


def test_a_file_that_is_not_a_database_is_said(tmp_path):
    (tmp_path / "experiments.db").write_text("not a database, " * 100)
    with pytest.raises(ExperimentError, match=r"experiments\.db, is damaged: file is not a database\. Put back"):
        Study(tmp_path)


def test_a_damaged_file_is_said_before_anything_is_trained_or_read(tmp_path):
    study = Study(tmp_path)
    study.run(lambda trial: trial.record(valid_loss=trial.real("x", 0, 1)), n=20)
    study.store.engine.dispose()
    with sqlite3.connect(tmp_path / "experiments.db") as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    file = tmp_path / "experiments.db"
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2] + bytes(len(whole) - len(whole) // 2))
    with pytest.raises(ExperimentError, match=r"experiments\.db, is damaged: .* `sqlite3 FILE \.recover` writes what"):
        study.frame()
    with pytest.raises(ExperimentError, match=r"experiments\.db, is damaged: .* move it away and begin a new one"):
        Study(tmp_path)


@pytest.mark.parametrize("change", ["deleted", "moved", "replaced"])
def test_a_file_that_goes_while_a_study_trains_ends_it_with_a_sentence(tmp_path, change):
    file = tmp_path / "study" / "experiments.db"
    study, trained = Study(file.parent), []

    def train(trial):
        trained.append(trial.real("x", 0, 1))
        for end in ("", "-wal", "-shm"):
            there = file.with_name(file.name + end)
            if change == "deleted":
                there.unlink()
            else:
                there.rename(tmp_path / there.name)
        if change == "replaced":
            file.touch()
        trial.record(valid_loss=1.0)

    with pytest.raises(StorageError, match="was deleted, moved or replaced while it was open"):
        study.run(train, n=3)
    assert len(trained) == 1


def test_a_full_disk_ends_the_study_with_a_sentence_and_the_run_goes_on_when_there_is_room(tmp_path, monkeypatch):
    def full():
        error = sqlite3.OperationalError("database or disk is full")
        error.sqlite_errorcode = 13
        raise sa.exc.OperationalError("INSERT", {}, error)

    def train(trial):
        trial.real("x", 0, 1)
        for epoch in (1, 2, 3):
            if epoch == 3 and not room:
                monkeypatch.setattr(RunRecord, "_write", write_fails)
            trial.record(valid_loss=epoch)

    def write_fails(record, *_):
        with reporting(record.store.place):
            full()

    study, room, write = Study(tmp_path), False, RunRecord._write
    with pytest.raises(StorageError, match=r"experiments\.db could not be written: the disk is full\. Make room"):
        study.run(train, n=1)
    assert study.frame()[["status", "epochs"]].values.tolist() == [["stopped", 2]]
    assert study.curves()["valid_loss"].tolist() == [1, 2]
    monkeypatch.setattr(RunRecord, "_write", write)
    room = True
    study.run(train, n=1)
    assert study.frame()[["status", "epochs"]].values.tolist() == [["finished", 3]]


def test_a_full_disk_under_the_log_ends_the_study_too(tmp_path):
    def train(trial):
        raise OSError(28, "No space left on device")

    study = Study(tmp_path)
    with pytest.raises(StorageError, match=r"the disk is full"):
        study.run(train, n=1)
    assert study.frame()["status"].tolist() == ["stopped"]


def test_the_same_study_opened_again_or_by_another_process_is_one_study(tmp_path):
    Study(tmp_path, "a", seed=1)
    assert Study(tmp_path, "a", seed=1).frame().empty
    with pytest.raises(ExperimentError, match=r"has a study 'a' already; the seed of it is 1, and 0 arrived"):
        Study(tmp_path, "a")
    with pytest.raises(ExperimentError, match=r"the direction of it is 'minimize', and 'maximize' arrived"):
        Study(tmp_path, "a", seed=1, direction="maximize")
    assert [row["name"] for row in Study(tmp_path, "b").store.studies()] == ["a", "b"]
