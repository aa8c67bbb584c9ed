from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub
import numpy as np
import pandas as pd
import pytest
import yaml

from handlens.audit.datasheet import Datasheet
from handlens.audit.intervals import wilson
from handlens.audit.model_card import MeasuredMetric, ModelCard
from handlens.audit.questionnaire import UNANSWERED
from handlens.core.artifact import load_artifact
from handlens.core.metrics import accuracy, roc_auc
from handlens.errors import ArtifactError, AuditError
from handlens.tabular import Categorify, Normalize, TabularList, load_learner, tabular_learner
from handlens.tabular.learner import KIND, TabularLearner

DF = pd.DataFrame({"c": ["u", "v"] * 20, "x": np.arange(40.0) % 7, "y": ["n", "y", "y", "n", "y"] * 8})


METRICS = [
    MeasuredMetric("accuracy", 0.75, 0.5, 0.875, 12),
    MeasuredMetric("roc_auc", float("nan"), float("nan"), float("nan"), 12),
]


def learner(path: Path, **options: Any) -> TabularLearner:
    rows = TabularList.from_df(DF, path=path, cat_names=["c"], cont_names=["x"], procs=[Categorify, Normalize])
    data = rows.split_by_idx(range(12)).label_from_df("y").databunch(bs=7)
    return tabular_learner(data, layers=[4], seed=0, **({"metrics": [accuracy, roc_auc]} | options))


def card(**options: Any) -> ModelCard:
    arguments: dict[str, Any] = {"task": "tabular-classification", "data": {"train items": 3}, "recipe": {"lr": 0.01}}
    return ModelCard("income", **(arguments | options))


def test_the_hub_reads_what_is_written() -> None:
    sheet = Datasheet.from_data(DF, name="forty rows")
    read = huggingface_hub.ModelCard(card(metrics=METRICS, datasheet=sheet, license="mit").to_markdown())
    about = read.data.to_dict()
    assert about["license"] == "mit"
    assert about["library_name"] == "handlens"
    assert about["pipeline_tag"] == "tabular-classification"
    assert about["datasets"] == ["forty rows"]
    assert about["metrics"] == ["accuracy"]
    result = read.data.eval_results[0]
    assert (result.task_type, result.dataset_name, result.metric_type, result.metric_value) == (
        "tabular-classification",
        "forty rows",
        "accuracy",
        0.75,
    )
    assert about["handlens"]["datasheet"]["sha256"] == sheet.hash
    assert about["handlens"]["intervals"] == {"accuracy": [0.5, 0.875]}


def test_the_computed_part_says_what_is_known() -> None:
    frame = pd.DataFrame({"group": ["women", "men"], "metric": "error", "value": [0.25, 1 / 3], "n": [4, 6]})
    text = card(metrics=METRICS, subgroups=SimpleNamespace(frame=frame)).to_markdown()
    assert "| train items | 3 |" in text
    assert "| lr | 0.01 |" in text
    assert "| accuracy | 0.75 | 0.5 – 0.875 | 12 |" in text
    assert "| roc_auc | undefined | undefined | 12 |" in text
    assert "| group | metric | n | value |" in text
    assert "| men | error | 6 | 0.3333 |" in text


def test_what_is_not_filled_in_is_marked() -> None:
    empty = card()
    text = empty.to_markdown()
    assert "_No datasheet was given._" in text
    assert "_Not measured: " in text
    assert "_Not measured._ " in text
    assert text.count(UNANSWERED) == len(empty.questions) == len(empty.unanswered)
    assert yaml.safe_load(text.split("---\n")[1])["license"] == "unknown"


def test_the_groups_of_an_audit_are_in_it() -> None:
    from handlens.audit import subgroups

    truth = np.array(["n", "y"] * 20)
    found = subgroups(truth, np.roll(truth, 3), pd.DataFrame({"sex": ["f", "m", "m", "f"] * 10}))
    text = card(subgroups=found).to_markdown()
    assert "| by | group | metric | n | value | low | high |" in text
    assert "| sex | f | error |" in text


def test_a_learner_tells_its_data_recipe_and_metrics(tmp_path: Path) -> None:
    learn = learner(tmp_path)
    learn.fit(2, 0.01, wd=0.1, seed=0)
    made = ModelCard.from_learner(learn, datasheet=Datasheet.from_data(DF))
    value = learn.validate()[1]
    low, high = wilson(value * 12, 12)
    assert made.front_matter["handlens"]["intervals"]["accuracy"] == pytest.approx([float(low), float(high)])
    assert made.front_matter["model-index"][0]["results"][0]["metrics"][0] == {"type": "accuracy", "value": value}
    for line in (
        "| train items | 28 |",
        "| valid items | 12 |",
        "| classes | n, y |",
        "| continuous columns | x |",
        "| layers | [4] |",
        "| epochs of the latest fit | 2 |",
        "| steps of the latest fit | 8 |",
        "| largest learning rate | 0.01 |",
        "| weight decay | 0.1 |",
    ):
        assert line in made.computed
    low, high = made.front_matter["handlens"]["intervals"]["roc_auc"]
    assert low <= learn.validate()[2] <= high


def test_a_learner_without_metrics_or_training_has_a_card_too(tmp_path: Path) -> None:
    made = ModelCard.from_learner(learner(tmp_path, metrics=[]))
    assert made.front_matter["metrics"] == ["accuracy"]
    assert "none since it was made or loaded" in made.computed
    loaded = load_learner(learner(tmp_path).export())
    assert "_Not measured: the model was exported without held-out data._" in ModelCard.from_learner(loaded).computed


def test_an_exported_model_carries_its_card_and_loads_as_ever(tmp_path: Path) -> None:
    learn = learner(tmp_path)
    folder = learn.export("income")
    assert sorted(path.name for path in folder.iterdir()) == ["README.md", "model.json", "tensors.safetensors"]
    text = (folder / "README.md").read_text(encoding="utf-8")
    assert "# Model card: income\n" in text
    assert huggingface_hub.ModelCard(text).data.to_dict()["library_name"] == "handlens"
    load_artifact(folder, KIND)
    row = DF.iloc[3]
    assert load_learner(folder).predict(row).values.tolist() == pytest.approx(learn.predict(row).values.tolist())


def test_exporting_again_keeps_what_people_wrote(tmp_path: Path) -> None:
    learn = learner(tmp_path)
    file = learn.export() / "README.md"
    text = file.read_text(encoding="utf-8").replace("license: unknown", "license: mit")
    marker = "<!-- answer limits.fails -->\n"
    file.write_text(text.replace(marker + UNANSWERED, marker + "With people under 20."), encoding="utf-8")
    learn.fit(1, 0.01, seed=0)
    learn.export()
    again = file.read_text(encoding="utf-8")
    assert marker + "With people under 20.\n" in again
    assert "license: mit\n" in again
    assert "| epochs of the latest fit | 1 |" in again


def test_somebody_elses_readme_is_never_overwritten(tmp_path: Path) -> None:
    learn = learner(tmp_path)
    file = learn.export() / "README.md"
    file.write_text("# My own words\n")
    with pytest.raises(ArtifactError, match=r"README\.md is in the way.*Nothing was overwritten"):
        learn.export()
    with pytest.raises(AuditError, match="is in the way"):
        ModelCard.from_learner(learn).save(file.parent)
    assert file.read_text() == "# My own words\n"


def test_a_card_is_saved_into_the_models_folder_with_all_that_is_known(tmp_path: Path) -> None:
    learn = learner(tmp_path)
    folder = learn.export("income")
    made = ModelCard.from_learner(learn, datasheet=Datasheet.from_data(DF, name="forty"), name="income")
    made.answer("uses.not_for", "Deciding about people.")
    made.save(folder)
    assert "Datasheet “forty”" in (folder / "README.md").read_text(encoding="utf-8")
    other = ModelCard.from_learner(learn)
    other.save(folder / "README.md")
    assert other.answers == {"uses.not_for": "Deciding about people."}
    load_learner(folder)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"license": 3}, "license must be text"),
        ({"datasheet": "SHEET.md"}, "datasheet must be a Datasheet; str arrived"),
        ({"subgroups": pd.DataFrame()}, "subgroups must be the result of subgroups"),
        ({"subgroups": 3}, "subgroups must be the result of subgroups"),
    ],
)
def test_bad_parts_get_a_sentence(options: dict[str, Any], says: str) -> None:
    with pytest.raises(AuditError, match=says):
        card(**options)


def test_what_is_not_a_learner_or_an_answer_gets_a_sentence() -> None:
    with pytest.raises(AuditError, match="learn must be a Learner; int arrived"):
        ModelCard.from_learner(3)
    with pytest.raises(AuditError, match="key must be one of uses"):
        card().answer("x", "y")
    with pytest.raises(AuditError, match="name must be text"):
        ModelCard(" ", task="t", data={}, recipe={})
