"""What a run comes to: its value, and what Optuna is told of its combination."""

from __future__ import annotations

import math

import optuna
import pytest
from optuna.trial import TrialState

from handlens.errors import ExperimentError
from handlens.experiments import Study
from handlens.experiments.server.actions import requeue
from handlens.experiments.server.records import Records
from handlens.experiments.training.running import outcome


class Learned:
    """As a learner that was trained without the callbacks of the trial."""

    recorder = None


@pytest.mark.parametrize(
    ("returned", "recorded", "value"),
    [
        (None, {"valid_loss": 2.0}, 2),
        (Learned(), {"valid_loss": 2.0}, 2),
        (1, {"valid_loss": 2.0}, 1),
        (True, {}, 1),
        ({"valid_loss": 3, "more": 4}, {}, 3),
        ({"more": 4}, {"valid_loss": 2.0}, 2),
        ({"ps": 0.5, "valid_loss": 3}, {}, 3),
    ],
)
def test_the_value_is_what_is_returned_or_else_the_last_that_was_recorded(returned, recorded, value):
    assert outcome(returned, recorded, "valid_loss", {"ps": 0.5})[1] == value


@pytest.mark.parametrize(
    ("returned", "recorded", "words"),
    [
        (None, {}, "train must return a number, numbers by name or a learner, or record 'valid_loss'"),
        ("good", {}, "it recorded nothing and returned 'good'."),
        (Learned(), {}, "train returned a learner, and no epoch was recorded. Give its fit the callbacks of the trial"),
        (None, {"train_loss": 1.0}, "the study's metric is 'valid_loss', and the numbers of this run are train_loss."),
        ({"loss": 1}, {}, "the study's metric is 'valid_loss', and the numbers of this run are loss."),
        ({"valid_loss": 1, "seconds": 3}, {}, "a number cannot be called 'seconds': study.frame() and"),
        ({"valid_loss": 1, "ps": 0.2}, {}, "a number cannot be called 'ps', because a choice is."),
        ({"valid_loss": "low"}, {}, "valid_loss must be a number; 'low' arrived."),
    ],
)
def test_a_run_without_a_value_says_what_was_missing(returned, recorded, words):
    with pytest.raises(ExperimentError) as error:
        outcome(returned, recorded, "valid_loss", {"ps": 0.5})
    assert words in str(error.value)


def told(study):
    """What Optuna knows of each combination: its state and value."""
    trials = optuna.load_study(study_name=study.name, storage=study.place.url).trials
    return [(trial.state, trial.value) for trial in trials]


def test_optuna_is_told_the_mean_over_the_runs_of_a_combination(tmp_path):
    study = Study(tmp_path)
    study.run(lambda trial: trial.integer("n", 5, 5) + trial.seed, n=1, repeats=3)
    assert told(study) == [(TrialState.COMPLETE, 6)]


def test_a_run_that_ends_with_nan_is_finished_and_never_the_best(tmp_path, capsys):
    def train(trial):
        trial.real("x", 0, 1)
        return [math.nan, 2, 3][trial.number]

    study = Study(tmp_path)
    study.run(train, n=3)
    frame = study.frame()
    assert frame["status"].tolist() == ["finished"] * 3
    assert math.isnan(frame["value"][1])
    assert told(study) == [(TrialState.FAIL, None), (TrialState.COMPLETE, 2), (TrialState.COMPLETE, 3)]
    assert "lowest valid_loss 2, of run 2" in capsys.readouterr().out


def test_a_combination_one_run_of_which_fails_has_the_mean_of_the_others(tmp_path):
    def train(trial):
        trial.real("x", 0, 1)
        if trial.seed == 0:
            raise RuntimeError("too hot")
        return trial.seed

    study = Study(tmp_path)
    study.run(train, n=1, repeats=3)
    assert study.frame()["status"].tolist() == ["failed", "finished", "finished"]
    assert told(study) == [(TrialState.COMPLETE, 1.5)]


@pytest.mark.parametrize("values", [[math.inf, -math.inf], [1.7e308, 1.7e308]])
def test_numbers_without_a_mean_do_not_end_the_study(tmp_path, values):
    study = Study(tmp_path)
    study.run(lambda trial: values[trial.seed] + 0 * trial.real("x", 0, 1), n=2, repeats=2)
    assert told(study) == [(TrialState.FAIL, None)] * 2


def test_what_was_not_told_is_told_by_the_next_call(tmp_path, monkeypatch):
    from handlens.experiments.training.running import Worker

    study = Study(tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Worker, "tell", lambda self: None)
        study.run(lambda trial: trial.integer("n", 5, 5), n=1)
    assert told(study) == [(TrialState.RUNNING, None)]
    study.run(lambda trial: 0, n=1)
    assert told(study) == [(TrialState.COMPLETE, 5)]


def test_the_first_runs_failing_alike_end_the_study_and_are_trained_again_with_a_better_function(tmp_path):
    def wrong(trial):
        trial.real("x", 0, 1)
        raise NameError("name 'learnr' is not defined")

    study = Study(tmp_path)
    with pytest.raises(ExperimentError, match=r"first 5 runs all failed with the same error: NameError: name 'learnr'"):
        study.run(wrong, n=8)
    assert study.frame()["status"].tolist() == ["failed"] * 5
    study.run(lambda trial: trial.real("x", 0, 1), n=8)
    assert study.frame()["status"].tolist() == ["finished"] * 8


def test_an_error_that_names_a_file_whose_name_is_not_utf8_is_on_record(tmp_path):
    def train(trial):
        trial.real("x", 0, 1)
        raise FileNotFoundError("no caf\udce9 \0")

    study = Study(tmp_path)
    study.run(train, n=1)
    assert study.frame()["error"][1].endswith("FileNotFoundError: no caf\\udce9 \\x00")


@pytest.mark.parametrize("sampler", ["random", "tpe"])
def test_a_run_that_failed_before_its_last_choice_is_trained_again(tmp_path, sampler):
    def wrong(trial):
        trial.categorical("layers", [[20], [40]])
        trial.integer("n", 1, 9)
        raise NameError("name 'learnr' is not defined")

    def right(trial):
        return trial.real("x", 0, 1) + len(trial.categorical("layers", [[20], [40]]))

    study = Study(tmp_path)
    study.run(wrong, n=2, sampler=sampler)
    study.run(right, n=2, repeats=2, sampler=sampler)
    frame = study.frame()
    assert frame["status"].tolist() == ["finished"] * 4
    assert frame["x"].nunique() == 2
    assert told(study)[:2] == [(TrialState.FAIL, None)] * 2
    assert told(study)[2:] == [(TrialState.COMPLETE, value) for value in frame["value"][[1, 2]]]
    trials = optuna.load_study(study_name=study.name, storage=study.place.url).trials
    assert [sorted(trial.params) for trial in trials[2:]] == [["layers", "n", "x"]] * 2


def test_a_pruned_run_that_is_queued_again_is_trained_to_its_end(tmp_path):
    study = Study(tmp_path)
    study.run(steps, n=4, prune=True)
    assert study.frame()["status"].tolist() == ["finished"] * 2 + ["pruned"] * 2
    assert requeue(Records(study.place), [4]).done == [4]
    study.run(steps, n=4, prune=True)
    assert study.frame()[["status", "epochs"]].values.tolist()[3] == ["finished", 8]


def broken(trial):
    trial.real("x", 0, 1)
    raise FileNotFoundError("data.csv")


def test_a_function_that_is_broken_later_ends_the_study_before_it_uses_up_the_combinations(tmp_path):
    study = Study(tmp_path)
    study.run(lambda trial: trial.real("x", 0, 1), n=2)
    said = (
        r"first 5 runs all failed with the same error: FileNotFoundError: data\.csv\. .* queue those that failed again"
    )
    with pytest.raises(ExperimentError, match=said):
        study.run(broken, n=50)
    assert study.frame()["status"].tolist() == ["finished"] * 2 + ["failed"] * 5


def test_what_breaks_while_it_runs_ends_the_study_after_twenty_combinations(tmp_path):
    study = Study(tmp_path)
    with pytest.raises(ExperimentError, match=r"the last 20 runs all failed with the same error: FileNotFoundError"):
        study.run(lambda trial: trial.real("x", 0, 1) if trial.number == 0 else broken(trial), n=50)
    assert study.frame()["status"].tolist() == ["finished"] + ["failed"] * 20


def test_a_combination_that_fails_with_every_seed_does_not_end_the_study(tmp_path):
    def train(trial):
        if trial.categorical("layers", ["huge", "small"]) == "huge":
            raise MemoryError("too large")
        return 1

    study = Study(tmp_path)
    study.run(train, grid={"layers": ["huge", "small"]}, repeats=6)
    assert study.frame()["status"].tolist() == ["failed"] * 6 + ["finished"] * 6


def test_runs_that_fail_for_different_reasons_do_not_end_it(tmp_path):
    def train(trial):
        raise ValueError(f"{trial.real('x', 0, 1)} is too much")

    study = Study(tmp_path)
    study.run(train, n=6)
    assert study.frame()["status"].tolist() == ["failed"] * 6


def steps(trial):
    """Eight epochs at a height that depends on the combination: the third and the fourth are the worse ones."""
    trial.real("x", 0, 1)
    height = [1, 2, 3, 4][trial.number]
    for _ in range(8):
        trial.record(valid_loss=height)


def test_pruning_ends_the_first_run_of_a_combination_that_is_worse_and_its_others_are_not_trained(tmp_path):
    study = Study(tmp_path)
    study.run(steps, n=4, repeats=2, prune=True)
    frame = study.frame()
    # The first combination shows how long a training is. The second reaches each step alone, so it is not compared.
    assert frame["status"].tolist() == ["finished"] * 4 + ["pruned"] * 4
    assert frame["epochs"].tolist() == [8, 8, 8, 8, 1, 0, 1, 0]
    assert [state for state, _ in told(study)] == [TrialState.COMPLETE] * 2 + [TrialState.PRUNED] * 2
    study.run(steps, n=4, repeats=2, prune=True)
    assert study.frame()["epochs"].tolist() == frame["epochs"].tolist()


def test_a_training_without_choices_is_not_pruned(tmp_path):
    study = Study(tmp_path)
    study.run(lambda trial: trial.record(valid_loss=1), n=1, repeats=2, prune=True)
    assert study.frame()["status"].tolist() == ["finished"] * 2
