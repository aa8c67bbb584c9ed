"""Every number beside fairlearn's MetricFrame, on made-up rows and on the census data."""

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fair
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import (
    accuracy_score,
    mean_absolute_error,
    precision_score,
    roc_auc_score,
    root_mean_squared_error,
    zero_one_loss,
)
from sklearn.preprocessing import StandardScaler

from handlens.audit import subgroups
from handlens.audit.groups import CROSS

RATES = {
    "error": zero_one_loss,
    "accuracy": accuracy_score,
    "tpr": fair.true_positive_rate,
    "fpr": fair.false_positive_rate,
    "fnr": fair.false_negative_rate,
    "precision": lambda y_true, y_pred: precision_score(y_true, y_pred, zero_division=np.nan),
    "selection_rate": fair.selection_rate,
}
SCORES = {"auc": roc_auc_score, "calibration": lambda y_true, y_pred: y_pred.mean() - y_true.mean()}
CLOSE = {"rel": 1e-12, "abs": 1e-12}


def agree(frame, metrics, y_true, y_pred, groups):
    """Every value, difference and ratio, at every level, and for everyone."""
    for names in ([groups.columns[0]], [groups.columns[1]], list(groups.columns)):
        oracle = fair.MetricFrame(metrics=metrics, y_true=y_true, y_pred=y_pred, sensitive_features=groups[names])
        by = CROSS.join(names)
        level = frame[frame["by"] == by]
        for metric in metrics:
            rows = level[level["metric"] == metric].set_index("group")
            for group, there in oracle.by_group[metric].items():
                name = CROSS.join(group) if isinstance(group, tuple) else group
                assert rows.loc[name, "value"] == pytest.approx(there, nan_ok=True, **CLOSE)
            overall = frame[(frame["by"] == "overall") & (frame["metric"] == metric)]["value"].item()
            assert overall == pytest.approx(oracle.overall[metric], **CLOSE)
            if metric == "calibration":  # its best value is 0, not the least
                continue
            assert rows["minus_best"].abs().max() == pytest.approx(oracle.difference()[metric], **CLOSE)
            ratios = rows["over_best"]
            if (rows["value"] > 0).all():
                assert min(ratios.min(), (1 / ratios).min()) == pytest.approx(oracle.ratio()[metric], **CLOSE)
    # The rest of each group, from its own rows.
    for names in ([groups.columns[0]], list(groups.columns)):
        keys = groups[names].agg(CROSS.join, axis=1).to_numpy()
        for group in np.unique(keys):
            out = keys != group
            for metric, function in metrics.items():
                row = frame[(frame["by"] == CROSS.join(names)) & (frame["group"] == group)]
                row = row[row["metric"] == metric].iloc[0]
                if not row["undefined"]:
                    rest = function(np.asarray(y_true)[out], np.asarray(y_pred)[out])
                    assert row["value"] - row["minus_rest"] == pytest.approx(rest, **CLOSE)


def test_made_up_rows():
    rng = np.random.default_rng(0)
    n = 3000
    groups = pd.DataFrame(
        {"sex": rng.choice(["F", "M"], n), "race": rng.choice(list("ABCD"), n, p=[0.6, 0.3, 0.06, 0.04])}
    )
    y = (rng.random(n) < 0.3).astype(int)
    score = np.clip(0.3 + 0.3 * y + rng.normal(0, 0.2, n), 0, 1).round(2)  # ties
    pred = (score > 0.5).astype(int)
    frame = subgroups(y, pred, groups, score=score, small=1).frame
    agree(frame, RATES, y, pred, groups)
    agree(frame, SCORES, y, score, groups)
    numbers = {"mae": mean_absolute_error, "rmse": root_mean_squared_error}
    actual, predicted = rng.gamma(2, 10, n), rng.gamma(2, 10, n)
    agree(subgroups(actual, predicted, groups, small=1).frame, numbers, actual, predicted, groups)


def test_the_census_by_sex_and_race(shared_data):
    train, test = (
        pd.read_csv(shared_data / "adult" / f"adult.{part}.csv.gz", skipinitialspace=True) for part in ("data", "test")
    )
    numbers = ["age", "education-num", "capital-gain", "capital-loss", "hours-per-week"]
    for part in (train, test):
        part.columns = part.columns.str.strip()
        part["rich"] = part["Y"].str.startswith(">").astype(int)
    scaler = StandardScaler().fit(train[numbers])
    model = LogisticRegression().fit(scaler.transform(train[numbers]), train["rich"])
    score = model.predict_proba(scaler.transform(test[numbers]))[:, 1]
    pred = (score >= 0.5).astype(int)
    frame = subgroups(test["rich"], pred, test[["sex", "race"]], score=score, small=1).frame
    agree(frame, RATES, test["rich"], pred, test[["sex", "race"]])
    agree(frame, SCORES, test["rich"], score, test[["sex", "race"]])
