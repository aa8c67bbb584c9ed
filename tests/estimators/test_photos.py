from __future__ import annotations

from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from handlens.core.saved import load_learner
from handlens.errors import BackboneError, DataError
from handlens.estimators import PhotoClassifier
from handlens.studio.features import SOURCES, SourceKind
from handlens.studio.features.extractor import Layer


class Brightness:
    """An extractor with one feature: the level of red of the first pixel."""

    name, size = "brightness", 2
    layers = (Layer("brightness/0/what", "brightness", "0", "what", 1),)

    def __call__(self, batch):
        return [batch[:, 0, 0, :1].float()]

    def config(self):
        return {"kind": "brightness"}

    def tensors(self):
        return {}


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    torch.set_num_threads(1)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(SOURCES, "brightness", SourceKind(lambda config, tensors: Brightness(), Brightness))
    for name, value in {"_SAMPLES": 2000, "_ROUNDS": 3, "CENTRES": 24}.items():
        monkeypatch.setattr(f"handlens.studio.features.patches.{name}", value)


def grey(level: int) -> str:
    path = f"{level}.png"
    Image.new("RGB", (8, 8), (level, level, level)).save(path)
    return path


@pytest.fixture
def greys() -> list[str]:
    """Ten dark pictures and ten light ones, in turn."""
    return [grey(level) for k in range(10) for level in (3 * k, 200 + 3 * k)]


TONES = ["dark", "light"] * 10


@pytest.fixture
def shapes() -> list[str]:
    """Twelve pictures of stripes on a noisy ground, across and along in turn."""
    paths = []
    for k in range(12):
        pixels = np.random.default_rng(k).integers(90, 130, (48, 48, 3), dtype=np.uint8)
        stripes = pixels if k % 2 else pixels.transpose(1, 0, 2)
        stripes[k % 5 :: 6] = 250
        paths.append(f"stripes {k}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths


DIRECTIONS = ["along", "across"] * 6


def brightness(**options) -> PhotoClassifier:
    return PhotoClassifier(backbone="brightness", random_state=0, **options)


class TestLearning:
    def test_halfway_between_two_classes_both_are_equally_probable(self):
        model = brightness().fit([grey(20), grey(220)], ["dark", "light"])
        assert model.classes_.tolist() == ["dark", "light"]
        p = model.predict_proba([grey(120), grey(20), grey(220), grey(70)])
        assert p[0] == pytest.approx([0.5, 0.5], abs=1e-5)
        assert p[1].tolist() == pytest.approx(p[2, ::-1].tolist(), abs=1e-5)
        assert p[1, 0] > p[3, 0] > 0.5
        np.testing.assert_allclose(p.sum(1), 1, rtol=1e-12)

    def test_it_learns(self, greys):
        model = brightness().fit(greys, TONES)
        assert model.score(greys, TONES) == 1.0
        assert model.predict([grey(40), grey(190)]).tolist() == ["dark", "light"]

    @pytest.mark.parametrize("classes", [[False, True], [3, 7], [0.0, 1.0]])
    def test_classes_of_any_kind_come_back_as_they_were(self, greys, classes):
        y = np.array(classes * 10)
        predicted = brightness().fit(greys, y).predict(greys)
        assert predicted.dtype == y.dtype
        assert predicted.tolist() == y.tolist()

    def test_of_many_photos_a_sample_is_learned_from(self, greys, monkeypatch):
        monkeypatch.setattr("handlens.estimators.photo_training.MOST", 4)
        read = []
        monkeypatch.setattr("handlens.estimators.photo_training.limits_of", lambda files: read.extend(files) or {})
        assert brightness().fit(greys, TONES).score(greys, TONES) == 1.0
        assert len(read) == 4

    def test_nothing_is_printed(self, greys, capsys, recwarn):
        brightness().fit(greys[:10], TONES[:10]).predict(greys)
        assert capsys.readouterr() == ("", "")
        assert [str(warning.message) for warning in recwarn] == []


class TestPaths:
    @pytest.mark.parametrize(
        "make",
        [
            list,
            lambda paths: [Path(path) for path in paths],
            np.array,
            lambda paths: np.array(paths, object)[:, None],
            lambda paths: pd.Series(paths, index=range(7, 27)),
            lambda paths: pd.DataFrame({"path": paths}),
        ],
        ids=["texts", "paths", "array", "column", "Series", "frame"],
    )
    def test_of_every_kind(self, greys, make):
        model = brightness().fit(make(greys), TONES)
        assert model.n_features_in_ == 1
        assert model.predict(make(greys)).tolist() == TONES
        assert model.predict_proba(greys).tolist() == brightness().fit(greys, TONES).predict_proba(greys).tolist()

    def test_the_column_of_a_frame_has_a_name(self, greys):
        frame = pd.DataFrame({"path": greys})
        model = brightness().fit(frame, TONES)
        assert model.feature_names_in_.tolist() == ["path"]
        with pytest.raises(ValueError, match="Feature names unseen at fit time:\n- file"):
            model.predict(frame.rename(columns={"path": "file"}))
        assert not hasattr(model.fit(greys, TONES), "feature_names_in_")

    @pytest.mark.parametrize(
        ("X", "message"),
        [
            ("one.png", r"the single path 'one.png' arrived: write \['one.png'\]"),
            ([], r"paths of photos, one for each.*shape \[0\]"),
            (pd.DataFrame({"path": ["a"], "other": ["b"]}), r"paths of photos, one for each.*shape \[1, 2\]"),
            ([[1.0], [2.0]], "float values such as '1.0' arrived. For tables, use TabularClassifier"),
        ],
        ids=["one", "none", "two columns", "numbers"],
    )
    def test_what_is_refused(self, X, message):
        with pytest.raises(DataError, match=message):
            brightness().fit(X, ["a"] * len(X))

    def test_a_photo_that_cannot_be_read_is_named(self, greys):
        Path("notes.txt").write_text("not a photo")
        with pytest.raises(DataError, match=r"notes\.txt is not: not a picture\. Leave it out of X"):
            brightness().fit([*greys, "notes.txt"], [*TONES, "dark"])
        model = brightness().fit(greys, TONES)
        with pytest.raises(DataError, match=r"gone\.png is not: "):
            model.predict([greys[0], "gone.png"])

    def test_one_class_is_refused(self, greys):
        with pytest.raises(DataError, match="two classes or more to learn from; y has one class, 'dark'"):
            brightness().fit(greys, ["dark"] * 20)

    def test_each_photo_needs_a_class(self, greys):
        with pytest.raises(ValueError, match="inconsistent numbers of samples"):
            brightness().fit(greys, TONES[:3])


class TestFeatures:
    def test_pictures_that_are_not_photographs_are_described_by_features_learned_on_them(self, shapes):
        model = PhotoClassifier(random_state=0).fit(shapes, DIRECTIONS)
        assert model.score(shapes, DIRECTIONS) == 1.0
        assert [extractor.name for extractor in model.learner_.extractors] == ["patches"]

    def test_photographs_are_described_by_the_network_that_comes_with_handlens(self, greys, monkeypatch):
        asked = []
        monkeypatch.setattr("handlens.estimators.photo_training.looks_like_photograph", lambda picture: True)
        monkeypatch.setattr(
            "handlens.estimators.photo_training.backbone_extractor",
            lambda name, *, weights: asked.append((name, weights)) or Brightness(),
        )
        assert PhotoClassifier(random_state=0).fit(greys, TONES).score(greys, TONES) == 1.0
        assert asked == [("tf_efficientnet_lite0", None)]

    def test_weights_are_those_of_the_file(self, greys, monkeypatch):
        asked = []
        monkeypatch.setattr(
            "handlens.estimators.photo_training.backbone_extractor",
            lambda name, *, weights: asked.append((name, weights)) or Brightness(),
        )
        PhotoClassifier(backbone="resnet18", weights="resnet18.safetensors").fit(greys, TONES)
        assert asked == [("resnet18", Path("resnet18.safetensors"))]

    def test_a_network_that_nobody_knows(self, greys):
        with pytest.raises(BackboneError, match="resnet17"):
            PhotoClassifier(backbone="resnet17").fit(greys, TONES)

    def test_a_seed_gives_the_same_result_again(self, shapes):
        models = [PhotoClassifier(backbone=None, random_state=k).fit(shapes, DIRECTIONS) for k in (1, 1, 2)]
        p = [model.predict_proba(shapes) for model in models]
        assert p[0].tolist() == p[1].tolist()
        assert p[0].tolist() != p[2].tolist()


class TestWithScikitLearn:
    def test_cross_validation_of_a_series(self, greys):
        assert cross_val_score(brightness(), pd.Series(greys), TONES, cv=5).tolist() == [1.0] * 5

    def test_grid_search_over_backbones(self, greys):
        search = GridSearchCV(PhotoClassifier(random_state=0), {"backbone": [None, "brightness"]}, cv=2)
        search.fit(greys, TONES)  # learned features see contrasts, and these pictures have none
        assert (search.best_params_, search.best_score_) == ({"backbone": "brightness"}, 1.0)

    def test_pipeline_from_a_frame_with_other_columns(self, greys):
        frame = pd.DataFrame({"photo": greys, "taken": pd.Timestamp("2020-01-01")})
        model = make_pipeline(FunctionTransformer(lambda df: df["photo"]), brightness())
        assert model.fit(frame, TONES).score(frame, TONES) == 1.0


class TestKeeping:
    def test_the_learner_is_saved_and_loaded(self, shapes):
        model = PhotoClassifier(backbone=None, random_state=0).fit(shapes, DIRECTIONS)
        model.learner_.save("saved")
        table = load_learner("saved").predict_files(shapes)
        assert table["predicted"].tolist() == DIRECTIONS
        np.testing.assert_allclose(table["probability of across"], model.predict_proba(shapes)[:, 0], atol=1e-6)

    def test_joblib_of_learned_features(self, shapes):
        model = PhotoClassifier(backbone=None, random_state=0).fit(shapes, DIRECTIONS)
        joblib.dump(model, "model.joblib")
        assert joblib.load("model.joblib").predict_proba(shapes).tolist() == model.predict_proba(shapes).tolist()

    def test_joblib_of_the_network_that_comes_with_handlens(self, greys):
        model = PhotoClassifier(backbone="tf_efficientnet_lite0", random_state=0).fit(greys[:4], TONES[:4])
        joblib.dump(model, "model.joblib")
        again = joblib.load("model.joblib")
        np.testing.assert_allclose(again.predict_proba(greys[:2]), model.predict_proba(greys[:2]), atol=1e-6)
