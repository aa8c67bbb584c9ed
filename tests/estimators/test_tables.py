from __future__ import annotations

import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, cross_val_predict, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from handlens.core.saved import load_learner
from handlens.errors import DataError, TableError, TrainingError
from handlens.estimators import TabularClassifier, TabularRegressor
from handlens.estimators.table_training import kinds_of


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def shops(n: int = 40) -> pd.DataFrame:
    """Rows of two shops in turn: a is cheap, b is dear; every seventh row lacks something."""
    k = np.arange(n)
    df = pd.DataFrame(
        {
            "shop": pd.Categorical(np.where(k % 2, "b", "a")),
            "town": np.where(k % 3 == 0, "Kiel", "Bonn"),
            "price": np.where(k % 2, 9.0, 1.0) + k % 5,
            "open": k % 4 > 0,
            "day": pd.Timestamp("2020-01-01") + pd.to_timedelta(k, "D"),
            "nothing": None,
        }
    )
    df.loc[::7, ["town", "price", "day"]] = None
    df.loc[1::7, "shop"] = None
    return df


def kinds(n: int = 40) -> list[str]:
    return ["few", "many"] * (n // 2)


class TestColumns:
    def test_kinds(self):
        assert kinds_of(shops()) == (["shop", "town", "open", "day", "nothing"], ["price"])

    def test_numbers_of_every_dtype(self):
        df = pd.DataFrame(
            {
                "whole": pd.array([1, None], "Int64"),
                "single": np.float32([1, 2]),
                "mixed": pd.Series([1, 2.5], dtype=object),
                "flag": pd.array([True, None], "boolean"),
                "code": pd.Categorical([1, 2]),
            }
        )
        assert kinds_of(df) == (["flag", "code"], ["whole", "single", "mixed"])

    def test_the_columns_of_an_array_are_numbers_and_have_names(self):
        model = TabularClassifier(epochs=1, random_state=0).fit(np.arange(8.0).reshape(4, 2), [0, 1, 0, 1])
        assert model.n_features_in_ == 2
        assert not hasattr(model, "feature_names_in_")
        assert model.learner_.data.encoder.inputs == ["x0", "x1"]
        assert model.learner_.data.cat_names == []

    def test_an_array_of_objects_has_columns_of_each_kind(self):
        X = np.array([["a", 1, True], ["b", 2.5, False], [None, np.nan, True], ["a", 3, True]], object)
        model = TabularClassifier(epochs=1, random_state=0).fit(X, [0, 1, 0, 1])
        assert model.learner_.data.encoder.inputs == ["x0", "x2", "x1"]
        assert model.learner_.data.cat_names == ["x0", "x2", "x1_na"]

    def test_names_that_are_numbers_count_as_no_names(self):
        X = pd.DataFrame({0: [1.0, 2.0, 3.0], 1: ["a", "b", "a"]})
        model = TabularClassifier(epochs=1, random_state=0).fit(X, [0, 1, 0])
        assert model.learner_.data.encoder.inputs == ["x1", "x0"]

    def test_any_value_may_be_missing_or_new_when_predicting(self, recwarn):
        df = shops().dropna(axis=1)
        full = df.assign(price=1.0, town="Kiel", shop="a", day=pd.Timestamp("2020-01-01"))
        model = TabularClassifier(epochs=1, random_state=0).fit(full, kinds())
        later = full.head(2).assign(price=[np.nan, 7.0], town=["Köln", None], day=pd.NaT)
        assert model.predict_proba(later).shape == (2, 2)
        assert [str(warning.message) for warning in recwarn] == []


class TestClassifier:
    def test_it_learns(self):
        model = TabularClassifier(random_state=0).fit(shops(), kinds())
        assert model.classes_.tolist() == ["few", "many"]
        assert model.n_features_in_ == 6
        assert model.feature_names_in_.tolist() == list(shops().columns)
        assert model.predict(shops()).tolist() == kinds()
        assert model.score(shops(), kinds()) == 1.0

    def test_probabilities(self):
        model = TabularClassifier(random_state=0).fit(shops(), kinds())
        p = model.predict_proba(shops())
        assert p.dtype == np.float64
        np.testing.assert_allclose(p.sum(1), 1, rtol=1e-12)
        table = model.learner_.predict_frame(shops())
        np.testing.assert_allclose(p[:, 1], table["probability of many"], atol=1e-5)

    @pytest.mark.parametrize(
        "classes",
        [[False, True], [3, 7], [0.0, 1.0], ["no", "yes"], np.array(["no", "yes"], object)],
        ids=["flags", "whole numbers", "whole floats", "text", "objects"],
    )
    def test_classes_of_any_kind_come_back_as_they_were(self, classes):
        y = np.asarray(classes)[np.arange(40) % 2]
        model = TabularClassifier(random_state=0).fit(shops(), y)
        predicted = model.predict(shops())
        assert predicted.dtype == y.dtype
        assert predicted.tolist() == y.tolist()

    def test_a_series_of_categories_is_a_target_too(self):
        y = pd.Series(pd.Categorical(kinds()), index=range(100, 140), name="demand")
        assert TabularClassifier(random_state=0).fit(shops(), y).score(shops(), y) == 1.0

    @pytest.mark.parametrize(
        ("classes", "dtype"),
        [([3, 7], "Int64"), ([False, True], "boolean"), ([3, 7], "int64[pyarrow]")],
        ids=["Int64", "boolean", "Arrow"],
    )
    def test_classes_of_a_series_that_may_have_missing_values_stay_what_they_are(self, classes, dtype):
        y = pd.Series(classes * 20, dtype=dtype)
        model = TabularClassifier(epochs=1, random_state=0).fit(shops(), y)
        assert model.classes_.tolist() == classes
        assert [type(one) for one in model.classes_.tolist()] == [type(one) for one in classes]

    def test_three_classes(self):
        X, y = np.arange(60.0)[:, None], np.repeat([2, 5, 9], 20)
        model = TabularClassifier(epochs=20, random_state=0).fit(X, y)
        assert model.predict([[2.0], [29.5], [57.0]]).tolist() == [2, 5, 9]

    def test_ten_rows_are_enough_and_nothing_is_printed(self, capsys, recwarn):
        model = TabularClassifier(random_state=0).fit(shops(10), kinds(10))
        assert model.predict_proba(shops(3)).shape == (3, 2)
        assert capsys.readouterr() == ("", "")
        assert [str(warning.message) for warning in recwarn] == []

    def test_two_rows_are_enough(self):
        assert TabularClassifier(random_state=0).fit([[0.0], [9.0]], ["a", "b"]).classes_.tolist() == ["a", "b"]

    def test_batches_and_layers_of_ones_own(self):
        model = TabularClassifier(layers=(5, 3), ps=[0.1, 0.2], bs=8, epochs=2, max_lr=0.01, wd=0.1, random_state=0)
        model.fit(shops(), kinds())
        assert model.learner_.model.config["layers"] == [5, 3]
        assert model.learner_.model.config["ps"] == [0.1, 0.2]


class TestRegressor:
    def test_a_line_is_found(self):
        x = np.arange(40.0)[:, None]
        model = TabularRegressor(random_state=0).fit(x, 3 * x[:, 0] + 5)
        assert model.predict([[10.0], [20.0]]) == pytest.approx([35, 65], abs=0.2)  # 3 · 10 + 5 and 3 · 20 + 5
        assert model.score(x, 3 * x[:, 0] + 5) > 0.999

    def test_predictions_have_the_scale_of_the_targets(self):
        model = TabularRegressor(random_state=0).fit(shops(), np.tile([1e6, 3e6], 20))
        assert model.predict(shops()).mean() == pytest.approx(2e6, rel=0.05)
        assert model.predict(shops()).dtype == np.float64

    def test_a_constant_target_is_predicted_everywhere(self):
        model = TabularRegressor(random_state=0).fit(shops(10), np.full(10, 7.0))
        np.testing.assert_allclose(model.predict(shops(10)), 7, atol=0.1)

    def test_whole_numbers_are_amounts_here(self):
        model = TabularRegressor(random_state=0).fit(np.arange(20.0)[:, None], list(range(20)))
        assert model.predict([[9.5]]) == pytest.approx([9.5], abs=0.2)


class TestRandomness:
    def test_a_seed_gives_the_same_result_again(self):
        p = [TabularClassifier(random_state=3).fit(shops(), kinds()).predict_proba(shops()) for _ in range(2)]
        assert p[0].tolist() == p[1].tolist()

    def test_another_seed_gives_another_result(self):
        p = [TabularClassifier(random_state=k).fit(shops(), kinds()).predict_proba(shops()) for k in (3, 4)]
        assert p[0].tolist() != p[1].tolist()

    def test_random_numbers_of_torch_stay_as_they_are(self):
        torch.manual_seed(5)
        expected = torch.rand(3)
        torch.manual_seed(5)
        TabularRegressor(random_state=0).fit(shops(10), range(10))
        assert torch.rand(3).tolist() == expected.tolist()


class TestWithScikitLearn:
    def test_parameters(self):
        model = TabularClassifier(epochs=7, layers=(4,), random_state=1)
        assert clone(model).get_params() == {
            **{"epochs": 7, "layers": (4,), "random_state": 1},
            **{"max_lr": None, "ps": None, "wd": 0.01, "bs": 64},
        }
        assert TabularRegressor().get_params().keys() == model.get_params().keys()

    def test_pipeline_of_arrays(self):
        X = np.column_stack([np.arange(40) % 2, np.arange(40)])
        model = make_pipeline(StandardScaler(), TabularClassifier(random_state=0)).fit(X, kinds())
        assert model.score(X, kinds()) == 1.0

    def test_pipeline_of_frames(self):
        cheaper = FunctionTransformer(lambda df: df.assign(price=df["price"] / 100))
        model = make_pipeline(cheaper, TabularClassifier(random_state=0)).fit(shops(), kinds())
        assert model.score(shops(), kinds()) == 1.0

    def test_cross_validation_on_a_frame(self):
        model = TabularClassifier(random_state=0)
        assert cross_val_score(model, shops(), kinds(), cv=4).tolist() == [1.0] * 4
        assert cross_val_predict(model, shops(), kinds(), cv=2).tolist() == kinds()

    def test_grid_search(self):
        x = np.arange(40.0)[:, None]
        search = GridSearchCV(TabularRegressor(random_state=0), {"epochs": [1, 2], "layers": [None, (4,)]}, cv=2)
        search.fit(x, 3 * x[:, 0] + 5)
        assert search.best_params_.keys() == {"epochs", "layers"}
        assert len(search.cv_results_["params"]) == 4
        assert search.best_score_ > 0.9


class TestKeeping:
    def test_the_learner_is_saved_and_loaded_and_takes_rows_as_they_are(self, tmp_path):
        model = TabularClassifier(random_state=0).fit(shops(), kinds())
        model.learner_.path = tmp_path
        again = load_learner(model.learner_.export("shops"))
        pd.testing.assert_frame_equal(again.predict_frame(shops()), model.learner_.predict_frame(shops()))
        assert again.predict_frame(shops())["label"].tolist() == kinds()

    def test_joblib(self, tmp_path):
        model = TabularClassifier(random_state=0).fit(shops(), kinds())
        joblib.dump(model, tmp_path / "model.joblib")
        again = joblib.load(tmp_path / "model.joblib")
        assert again.predict_proba(shops()).tolist() == model.predict_proba(shops()).tolist()

    def test_the_training_rows_are_not_kept(self):
        model = TabularRegressor(random_state=0).fit(shops(), range(40))
        assert len(model.learner_.data.train_ds) == 0
        assert not hasattr(model.learner_, "run")


class TestRefused:
    @pytest.mark.parametrize(
        ("X", "y", "message"),
        [
            (shops(4), ["a"] * 4, "two classes or more to learn from; y has one class, 'a', in all of its 4 rows"),
            (shops(1), ["a"], "must have 2 rows or more; n_samples = 1"),
            ([[1.0]], ["a"], "must have 2 rows or more; n_samples = 1"),
            (shops(4), ["a", "b"], "inconsistent numbers of samples: .4, 2."),
            (shops(4), None, "requires y to be passed, but the target y is None"),
            (shops(4), ["a", "b", None, "a"], "must have a label, and 1 are missing, the first at position 2"),
            (shops(4), ["a", "b", np.nan, "a"], "must have a label, and 1 are missing, the first at position 2"),
            (shops(2), pd.Series(["a", None], dtype="string"), "1 are missing, the first at position 1"),
            (shops(4), [0.5, 1.5, 2.5, 3.5], "Unknown label type: continuous"),
            ([[1.0], [np.inf]], ["a", "b"], "Input X contains infinity"),
            (shops(2), np.array(["b", 1], object), "of one kind: .*; y has int and str. Convert them"),
            (shops(2).set_axis(["a"] * shops(2).shape[1], axis=1), ["a", "b"], "name of its own; 'a' is that of sev"),
        ],
        ids=[
            "one class",
            "one row",
            "one row of a list",
            "lengths",
            "y",
            "None",
            "NaN",
            "NA",
            "amounts",
            "infinity",
            "kinds",
            "names",
        ],
    )
    def test_what_a_classifier_cannot_learn_from(self, X, y, message):
        with pytest.raises(ValueError, match=message):
            TabularClassifier().fit(X, y)

    def test_what_a_regressor_cannot_learn_from(self):
        with pytest.raises(ValueError, match="must have a label, and 1 are missing, the first at position 1"):
            TabularRegressor().fit(shops(4), [1.0, np.nan, 2.0, 3.0])
        with pytest.raises(ValueError, match=r"y must hold numbers; could not convert.*use TabularClassifier"):
            TabularRegressor().fit(shops(4), ["1", "many", "2", "3"])

    def test_an_infinite_number_in_a_frame_is_named(self):
        with pytest.raises(TableError, match="column 'price' must hold finite numbers"):
            TabularRegressor().fit(shops(4).assign(price=[1, np.inf, 2, 3]), range(4))

    def test_values_that_no_table_has(self):
        with pytest.raises(TypeError, match=r"argument must be a string or a number.*'town' holds list values"):
            TabularRegressor().fit(shops(2).assign(town=[["Kiel"], ["Bonn"]]), range(2))

    def test_other_columns_than_in_training(self):
        model = TabularClassifier(epochs=1).fit(shops(4), kinds(4))
        with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- cost"):
            model.predict(shops(4).rename(columns={"price": "cost"}))
        model.fit(np.zeros((4, 3)), kinds(4))
        with pytest.raises(ValueError, match="X has 2 features, but TabularClassifier is expecting 3"):
            model.predict(np.zeros((3, 2)))

    def test_arguments(self):
        with pytest.raises(TrainingError, match="the number of epochs must be a whole number"):
            TabularClassifier(epochs=0).fit(shops(4), kinds(4))
        with pytest.raises(DataError, match="bs must be a whole number"):
            TabularClassifier(bs=0).fit(shops(4), kinds(4))


def test_importing_and_making_estimators_does_not_import_torch():
    code = (
        "import sys\n"
        "from sklearn.base import clone\n"
        "from handlens.estimators import PhotoClassifier, TabularClassifier, TabularRegressor\n"
        "print([clone(made()) for made in (PhotoClassifier, TabularClassifier, TabularRegressor)])\n"
        "assert not {'torch', 'torchvision', 'handlens.studio', 'matplotlib'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "[PhotoClassifier(), TabularClassifier(), TabularRegressor()]\n"
