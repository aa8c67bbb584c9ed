"""PhotoClassifier: Studio's quick model, as an estimator of scikit-learn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import Tags
from sklearn.utils.validation import check_is_fitted

from handlens.estimators.inputs import classes_of, paths_of, seed_of

if TYPE_CHECKING:
    from handlens.studio.predictor import Predictor


class PhotoClassifier(ClassifierMixin, BaseEstimator):
    """A classifier of photos, given by their paths: Studio's quick model.

    A network that is not trained further describes each photo, layer by layer, and a linear model learns from that. It
    learns from a few photos of each class, in seconds where they take seconds to read, and no choice of a learning rate
    or a number of epochs can fail; a network that is fine-tuned needs more photos and minutes, see
    `handlens.vision.create_cnn`.

    Args:
        backbone: what describes the photos, as in `Collection.create`: the name of a network; None for features that
            are learned on the photos; "auto" for the network that comes with handlens where most of them look like
            photographs, and learned features otherwise.
        weights: a safetensors file of the network's weights; unless given, those that come with handlens, of the hub's
            cache, or downloaded.
        random_state: a whole number for the same result each time.

    Attributes:
        classes_: the classes, sorted.
        learner_: the fitted `Predictor`; `learner_.save(folder)` saves it.
        n_features_in_: 1, the column of paths.
        feature_names_in_: its name, if it was fitted on a frame.

    Example:
        >>> from PIL import Image
        >>> for name in ("red", "blue"):
        ...     for shade in range(150, 250, 20):
        ...         colour = (shade, 0, 0) if name == "red" else (0, 0, shade)
        ...         Image.new("RGB", (32, 32), colour).save(f"{name} {shade}.png")
        >>> paths = sorted(Path().glob("*.png"))
        >>> model = PhotoClassifier(random_state=0).fit(paths, [path.name.split()[0] for path in paths])
        >>> model.predict(["red 170.png", "blue 210.png"]).tolist()
        ['red', 'blue']
    """

    classes_: NDArray[Any]
    learner_: Predictor

    def __init__(
        self,
        *,
        backbone: str | None = "auto",
        weights: Path | str | None = None,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.backbone = backbone
        self.weights = weights
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> Self:
        """Train on photos and their classes; of more than 3,000 photos on a random sample.

        Args:
            X: paths of photos: a list, an array or a Series, or a frame of one column.
            y: a class for each photo: text, whole numbers or booleans.

        Raises:
            DataError: a photo cannot be read, these are not paths, or there is one class only.
            BackboneError: no network has the name.
            DownloadError: the network's weights could not be downloaded.
            WeightsError: the weights do not fit the network.
        """
        from handlens.estimators.photo_training import train_on

        paths = paths_of(self, X, reset=True)
        self.classes_, codes = classes_of(y, paths)
        names = [str(name) for name in self.classes_.tolist()]
        seed = seed_of(self.random_state)
        self.learner_ = train_on(paths, codes, names, backbone=self.backbone, weights=self.weights, seed=seed)
        return self

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """The probabilities of the classes [photos, classes], in the order of `classes_`.

        Raises:
            DataError: a photo cannot be read, or these are not paths.
        """
        from handlens.estimators.photo_training import predictions

        check_is_fitted(self)
        return predictions(self.learner_, paths_of(self, X, reset=False))

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each photo [photos]; raises as `predict_proba`."""
        most_probable = self.predict_proba(X).argmax(1)
        return self.classes_[most_probable]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.string = True
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        return tags
