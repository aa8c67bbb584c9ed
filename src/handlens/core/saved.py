"""load_learner: one function that opens any saved model."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import pandas as pd

from handlens.core.artifact import DESCRIPTION, EXPORT, artifact_kind
from handlens.errors import ArtifactError, DataError

# By name, because what opens a model is in rooms after this one: it is imported when a model of its kind is opened.
_LOADERS = {
    "tabular-learner": "handlens.tabular.learner:load_tabular_learner",
    "vision-learner": "handlens.vision.learner:load_vision_learner",
    "photo-classifier": "handlens.studio.predictor:load_predictor",
    "photo-ensemble": "handlens.studio.ensemble_predictor:load_ensemble",
}

_COURSE_EXPORT = "export.pkl"
"""The file that `learn.export()` wrote in the course."""

_READ_OTHERWISE = {
    "feature-extractor": "a collection reads it, when it prepares more photos",
    "tabular-data": "load_data(folder) reads it",
    "weights": "learn.load(name) reads it, into a learner that is made the same way",
    "training-checkpoint": "fit with Checkpoint(name) goes on from it",
}


@runtime_checkable
class TableModel(Protocol):
    """A saved model for the rows of a table."""

    def predict_frame(self, df: pd.DataFrame) -> pd.DataFrame:
        """A row for each row of `df`, with its index; columns as in `handlens.core.predictions.predictions_frame`."""
        ...


@runtime_checkable
class PhotoModel(Protocol):
    """A saved model for photos."""

    def predict_files(
        self, files: Sequence[Path | str], *, progress: Callable[[int, int], None] | None = None
    ) -> pd.DataFrame:
        """Predict photos.

        Args:
            files: paths; a file that cannot be read gets a row without a prediction.
            progress: called as `progress(done, total)` after each batch.

        Returns:
            A row for each file; columns as in `handlens.core.predictions.photo_predictions_frame`.
        """
        ...


def load_learner(
    folder: Path | str, file: Path | str | None = None, *, test: Any = None, own_procs: Iterable[Any] = ()
) -> Any:
    """Open a saved model of any kind, ready to predict.

    No code from the files is run, and the network is not used.

    Args:
        folder: what `learn.export()` or `Collection.export_model()` wrote; or the folder that `learn.export()`, without
            a name, wrote it into, as in the course.
        file: the name that `learn.export(name)` was given, below `folder`. The course's name, "export.pkl", stands for
            what `learn.export()` wrote, unless there is something of that name.
        test: items to predict, which become the test data: an ImageItemList, or a frame or TabularList.
        own_procs: for a model of tables, the classes of preprocessors that are not this library's.

    Returns:
        What the folder holds: a `TabularLearner`, which is a `TableModel`, or a `VisionLearner` or Studio's
        `Predictor` or `EnsemblePredictor`, which are each a `PhotoModel`.

    Raises:
        ArtifactError: it is not a saved model, is damaged, is from a newer version, or holds something that predicts
            nothing by itself, such as weights.
        DataError: `own_procs` is given for a model that is not one of tables; or `file` leads out of `folder`.

    Example:
        >>> from handlens.tabular import Categorify, TabularList, tabular_learner
        >>> df = pd.DataFrame({"shop": ["a", "b"] * 8, "sales": [1.0, 2.0] * 8})
        >>> items = TabularList.from_df(df, cat_names=["shop"], procs=[Categorify]).split_by_idx(range(4))
        >>> folder = tabular_learner(items.label_from_df("sales").databunch(bs=4), layers=[8]).export("model")
        >>> load_learner(folder).predict_frame(df.head(3)).shape
        (3, 1)
    """
    if file is not None:
        named = _below(Path(folder), Path(file))
        folder = folder if file == _COURSE_EXPORT and not named.exists() else named
    inside = Path(folder) / EXPORT
    if inside.is_dir() and not (Path(folder) / DESCRIPTION).exists():
        folder = inside
    kind = artifact_kind(folder)
    if kind not in _LOADERS:
        why = "which this version of handlens does not know"
        if kind in _READ_OTHERWISE:
            why = f"which predicts nothing by itself: {_READ_OTHERWISE[kind]}"
        raise ArtifactError(
            f"{folder} holds a saved {kind}, {why}. load_learner opens models of the kinds {', '.join(_LOADERS)}."
        )
    module, name = _LOADERS[kind].split(":")
    load = getattr(importlib.import_module(module), name)
    if not own_procs:
        return _with_test(load(folder), test)
    if "own_procs" not in inspect.signature(load).parameters:
        raise DataError(f"own_procs is for models of tables; {folder} holds a saved {kind}: leave own_procs out.")
    return _with_test(load(folder, own_procs=own_procs), test)


def _below(folder: Path, file: Path) -> Path:
    if file.is_absolute() or ".." in file.parts:
        raise DataError(f"file must be a name below the folder {folder}; {str(file)!r} arrived: give the folder alone.")
    return folder / file


def _with_test(model: Any, test: Any) -> Any:
    if test is not None:
        if not hasattr(model, "data"):
            raise DataError(f"test= is for learners; this is a {type(model).__name__}: give files to predict_files.")
        model.data.add_test(test)
    return model


def why_no_heat_maps(model: Any) -> str:
    """Why heat maps of a model for photos would mean nothing; "" if they do mean something.

    Example:
        >>> why_no_heat_maps(object())
        "heat maps are of networks, and this model of Studio's is linear on features, or holds one that is"
    """
    from handlens.core.labels import CategoryList, MultiCategoryList
    from handlens.core.learner import Learner

    if not isinstance(model, Learner):
        return "heat maps are of networks, and this model of Studio's is linear on features, or holds one that is"
    if not isinstance(model.data.y, (CategoryList, MultiCategoryList)):
        return "a heat map explains the score of a class, and this model predicts something else"
    return ""
