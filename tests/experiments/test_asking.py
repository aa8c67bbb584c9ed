"""Asking Optuna from several processes at once."""

from __future__ import annotations

import optuna.storages
import pytest
import sqlalchemy as sa

from handlens.errors import ExperimentError
from handlens.experiments import store
from handlens.experiments.store import Place
from handlens.experiments.training.asking import Asker


def asker(folder):
    return Asker(Place.of(folder), "study", "minimize", 0)


def failing(times, monkeypatch):
    """Let the first attempts to open Optuna's tables fail as they do when another process makes them."""
    opened = []

    class Storage(optuna.storages.RDBStorage):
        def __init__(self, *arguments, **options):
            opened.append(1)
            if len(opened) <= times:
                raise sa.exc.OperationalError("CREATE TABLE studies", {}, Exception("table studies already exists"))
            super().__init__(*arguments, **options)

    monkeypatch.setattr(optuna.storages, "RDBStorage", Storage)
    monkeypatch.setattr(store.time, "sleep", lambda _: None)
    return opened


def test_a_study_opens_although_another_process_makes_its_tables_at_the_same_moment(tmp_path, monkeypatch):
    opened = failing(5, monkeypatch)
    assert asker(tmp_path).ask() == 0
    assert len(opened) == 6


def test_it_is_a_sentence_if_they_cannot_be_made_at_all(tmp_path, monkeypatch):
    failing(6, monkeypatch)
    with pytest.raises(ExperimentError, match="cannot be used: table studies already exists"):
        asker(tmp_path)


def test_of_two_processes_that_tell_an_outcome_the_first_one_counts(tmp_path, monkeypatch):
    first, second = asker(tmp_path), asker(tmp_path)
    assert first.ask() == 0
    storage = second._study._storage
    tell = storage.set_trial_state_values

    def too_late(*arguments, **options):
        first.tell(0, 1.0)
        return tell(*arguments, **options)

    monkeypatch.setattr(storage, "set_trial_state_values", too_late)
    second.tell(0, 2.0)
    assert [trial.value for trial in first._study.trials] == [1.0]
