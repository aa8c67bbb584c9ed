"""TabularClassifier and TabularRegressor: the learner for tables, as scikit-learn's estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from handlens.estimators.inputs import classes_of, numbers_of, seed_of, table_of

if TYPE_CHECKING:
    from handlens.tabular.learner import TabularLearner


class TabularClassifier(ClassifierMixin, BaseEstimator):
    """A neural network that predicts the class of a table's rows, see `handlens.tabular.tabular_learner`.

    Columns of text, categories and booleans are categories, those of numbers are numbers, and of dates its calendar
    columns are used. Any value may be missing, and a category may be one that was not there in training. In a NumPy
    array of numbers all columns are numbers: make a frame with `astype("category")` where they are codes.

    Args:
        epochs: how many times the rows are gone through.
        max_lr: the highest learning rate; that of `fit_one_cycle` unless given.
        layers: the widths of the hidden layers; the default network follows from the data.
        ps: dropout after each hidden layer: one probability for all, or one for each; by the number of rows unless
            given.
        wd: weight decay.
        bs: rows a batch.
        random_state: a whole number for the same result each time.

    Attributes:
        classes_: the classes, sorted.
        learner_: the fitted `TabularLearner`, without the training rows; `learner_.export()` saves it.
        n_features_in_: how many columns there were.
        feature_names_in_: their names, if it was fitted on a frame.

    Example:
        >>> import pandas as pd
        >>> X = pd.DataFrame({"shop": ["a", "b"] * 20, "price": [1.0, 5.0] * 20})
        >>> model = TabularClassifier(random_state=0).fit(X, ["few", "many"] * 20)
        >>> model.predict(X.head(2)).tolist(), model.score(X, ["few", "many"] * 20)
        (['few', 'many'], 1.0)
    """

    classes_: NDArray[Any]
    learner_: TabularLearner

    def __init__(
        self,
        *,
        epochs: int = 5,
        max_lr: float | None = None,
        layers: Sequence[int] | None = None,
        ps: float | Sequence[float] | None = None,
        wd: float = 0.01,
        bs: int = 64,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.epochs = epochs
        self.max_lr = max_lr
        self.layers = layers
        self.ps = ps
        self.wd = wd
        self.bs = bs
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train on rows and their classes.

        Args:
            X: a frame, or an array [rows, columns].
            y: a class for each row: text, whole numbers or booleans.

        Raises:
            ValueError: there is one class only, a label is missing, or X and y do not fit each other.
            TableError: a column holds values that cannot be used.
            TrainingError: the arguments do not allow training.
        """
        from handlens.estimators.table_training import train_on

        table = table_of(self, X, y, reset=True)
        self.classes_, codes = classes_of(y, table)
        names = [int(name) if isinstance(name, float) else name for name in self.classes_.tolist()]
        self.learner_ = train_on(table, [names[code] for code in codes], classes=names, **_recipe(self))
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """The probabilities of the classes [rows, classes], in the order of `classes_`."""
        from handlens.estimators.table_training import predictions

        check_is_fitted(self)
        return predictions(self.learner_, table_of(self, X, reset=False))

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row [rows]."""
        most_probable = self.predict_proba(X).argmax(1)
        return self.classes_[most_probable]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


class TabularRegressor(RegressorMixin, BaseEstimator):
    """A neural network that predicts a number for a table's rows, see `handlens.tabular.tabular_learner`.

    Columns are used as by `TabularClassifier`.

    Args:
        epochs, max_lr, layers, ps, wd, bs, random_state: as in `TabularClassifier`.

    Attributes:
        learner_: the fitted `TabularLearner`, without the training rows; `learner_.export()` saves it.
        n_features_in_: how many columns there were.
        feature_names_in_: their names, if it was fitted on a frame.

    Example:
        >>> x = np.arange(40.0)[:, None]
        >>> model = TabularRegressor(random_state=0).fit(x, 3 * x[:, 0] + 5)
        >>> model.predict([[10.0]]).round(1).tolist()
        [35.0]
    """

    learner_: TabularLearner

    def __init__(
        self,
        *,
        epochs: int = 5,
        max_lr: float | None = None,
        layers: Sequence[int] | None = None,
        ps: float | Sequence[float] | None = None,
        wd: float = 0.01,
        bs: int = 64,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.epochs = epochs
        self.max_lr = max_lr
        self.layers = layers
        self.ps = ps
        self.wd = wd
        self.bs = bs
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train on rows and their numbers.

        Args:
            X: a frame, or an array [rows, columns].
            y: a number for each row.

        Raises:
            ValueError: a number is missing or infinite, or X and y do not fit each other.
            TableError: a column holds values that cannot be used.
            TrainingError: the arguments do not allow training.
        """
        from handlens.estimators.table_training import train_on

        table = table_of(self, X, y, reset=True)
        self.learner_ = train_on(table, numbers_of(y, table).tolist(), classes=None, **_recipe(self))
        return self

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The number of each row [rows]."""
        from handlens.estimators.table_training import predictions

        check_is_fitted(self)
        return predictions(self.learner_, table_of(self, X, reset=False))

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _recipe(model: TabularClassifier | TabularRegressor) -> dict[str, Any]:
    """How a model is trained, as `train_on` takes it."""
    given = model.get_params(deep=False)
    return {"seed": seed_of(given.pop("random_state")), **given}
