"""The study in a model card: facts from numbers made by hand, and the card that holds them."""

from __future__ import annotations

import pandas as pd
import pytest
import yaml

from handlens.audit import ModelCard
from handlens.errors import ExperimentError
from handlens.experiments import Study
from handlens.experiments.reading.confirm import Confirmation
from handlens.experiments.sharing.card import how_chosen

FRAME = pd.DataFrame(
    {
        "combination": [0, 0, 1, 1, 2, 0, 1],
        "phase": ["study"] * 5 + ["confirm"] * 2,
        "status": ["finished"] * 3 + ["failed", "waiting"] + ["finished"] * 2,
        "seed": [0, 1, 0, 1, 0, 7, 8],
        "layers": [(200, 100)] * 2 + [(50,)] * 2 + [None] + [(200, 100), (50,)],
        "ps": [0.25, 0.25, 0.5, 0.5, 0.75, 0.25, 0.5],
    }
)
CONFIRMED = Confirmation(
    pd.DataFrame(
        {
            "combination": [1, 0], "picked": [0.1, 0.125], "confirmed": [0.11, 0.12], "count": [4, 5],
            "missing": [1, 0], "low": [0.105, float("nan")], "high": [0.115, float("nan")],
            "difference": [-0.01, 0.0], "difference_low": [-0.02, float("nan")],
            "difference_high": [0.005, float("nan")], "verdict": ["chance could explain it", "baseline"],
        }
    ),
    0,
    "minimize",
    [],
)  # fmt: skip


def facts(**more):
    return how_chosen(FRAME, CONFIRMED, name="rossmann", metric="rmspe", choices=["layers", "ps"], **more)


def test_the_facts_say_what_was_tried_picked_and_confirmed():
    assert facts() == {
        "study": "rossmann",
        "tried": "2 combinations in 4 runs, of which 1 did not finish",
        "chosen": "combination 1: layers = [50], ps = 0.5",
        "mean rmspe when it was picked": "0.1, which is too good, because it was picked for it",
        "mean rmspe with new seeds": (
            "0.11 (95 % interval 0.105 to 0.115), of 4 runs, with the seed 8; 1 more did not finish"
        ),
        "difference to combination 0": "-0.01 (95 % interval -0.02 to 0.005): chance could explain it",
    }


def test_another_combination_that_was_confirmed_may_be_named():
    found = facts(combination=0)
    assert found["chosen"] == "combination 0: layers = [200, 100], ps = 0.25"
    assert found["mean rmspe with new seeds"] == "0.12, of 5 runs, with the seed 7"
    assert "difference to combination 0" not in found
    with pytest.raises(ExperimentError, match=r"confirmed, 1, 0; 7 arrived"):
        facts(combination=7)


def test_the_card_of_a_model_names_the_study(tmp_path):
    card = ModelCard("shops", task="tabular-regression", data={}, recipe={}, chosen=facts())
    assert "### How it was chosen" in card.computed
    assert "| chosen | combination 1: layers = [50], ps = 0.5 |" in card.computed
    front = yaml.safe_load(card.to_markdown().split("---\n")[1])
    assert front["handlens"]["chosen"] == facts()
    card.save(tmp_path / "card.md")
    ModelCard("shops", task="tabular-regression", data={}, recipe={}).save(tmp_path / "card.md")
    assert "How it was chosen" not in (tmp_path / "card.md").read_text(encoding="utf-8")


def test_a_study_gives_the_facts_of_what_it_confirmed(tmp_path):
    def train(trial):
        return trial.categorical("ps", [0.0, 0.5]) + 0.01 * trial.seed

    study = Study(tmp_path, name="toy", metric="error")
    study.run(train, grid={"ps": [0.0, 0.5]}, repeats=2)
    found = study.how_chosen(study.confirm(k=1, seeds=2, train=train, baseline=1))
    assert found["tried"] == "2 combinations in 4 runs"
    assert found["chosen"] == "combination 0: ps = 0"
    assert found["mean error when it was picked"].startswith("0.005,")
    assert found["mean error with new seeds"].startswith("0.025 ")
    assert found["mean error with new seeds"].endswith(", of 2 runs, with the seeds 2, 3")
