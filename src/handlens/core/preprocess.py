"""Preprocessors: learn something from the training items once, then do the same to every other item."""

from __future__ import annotations

import copy
import json
from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from handlens.errors import ArtifactError, NotFittedError
from handlens.io.problems import reason_of

Items = TypeVar("Items")

_PLAIN = "a dict of plain JSON (text, finite numbers, booleans, None, lists, dicts with text keys) to be saved"


class Preprocessor(ABC, Generic[Items]):
    """Something fitted once on the training items and replayed, unchanged, on validation, test and single items.

    A preprocessor of your own has two methods: `fit` returns what was learned as a dict that JSON can hold
    exactly (it is saved with the model), and `apply` changes items in place by `self.fitted`, that dict. Fitting
    again starts again; replaying never changes `fitted`.

    Example:
        >>> class Centre(Preprocessor):
        ...     def fit(self, items):
        ...         return {"mean": sum(items) / len(items)}
        ...
        ...     def apply(self, items):
        ...         items[:] = [item - self.fitted["mean"] for item in items]
        >>> centre, train, other = Centre(), [1.0, 3.0], [10.0]
        >>> centre(train)
        >>> centre(other, test=True)
        >>> train, other
        ([-1.0, 1.0], [8.0])
    """

    def __init__(self) -> None:
        self._fitted: dict[str, Any] | None = None

    @abstractmethod
    def fit(self, items: Items) -> dict[str, Any]:
        """Return what the training items teach, as a plain JSON dict; change neither the items nor the preprocessor."""

    @abstractmethod
    def apply(self, items: Items) -> None:
        """Change items in place by what `self.fitted` holds."""

    @property
    def fitted(self) -> dict[str, Any]:
        """What `fit` returned.

        Raises:
            NotFittedError: there was no fit yet.
        """
        if self._fitted is None:
            name = type(self).__name__
            raise NotFittedError(
                f"{name} must be fitted on the training items before it is replayed; it was not: "
                f"call it on the training items first, {name.lower()}(train), and then with test=True on others."
            )
        return self._fitted

    def __call__(self, items: Items, *, test: bool = False) -> None:
        """Fit on items and change them in place, or only replay what was fitted before.

        A fit that fails leaves the earlier one as it was.

        Args:
            items: the training items to fit on; others with `test`. They are changed in place.
            test: only replay.

        Raises:
            NotFittedError: `test=True` before any fit.
            ArtifactError: `fit` returned something that is not plain JSON.
        """
        if not test:
            self.restore(self.fit(items))
        _ = self.fitted
        self.apply(items)

    def state(self) -> dict[str, Any]:
        """A copy of what was fitted, plain JSON.

        Raises:
            NotFittedError: there was no fit yet.
        """
        return copy.deepcopy(self.fitted)

    def restore(self, state: dict[str, Any]) -> None:
        """Take up a state as `state()` gave it.

        Raises:
            ArtifactError: it is not plain JSON.
        """
        name = type(self).__name__
        try:
            plain = json.loads(json.dumps(state, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise ArtifactError(f"{name}.fit must return {_PLAIN}: {reason_of(error)}.") from error
        # What JSON would bring back changed (a tuple, a key that is a number) must not wait for that to be found.
        if not isinstance(state, dict) or plain != state:
            raise ArtifactError(f"{name}.fit must return {_PLAIN}; JSON would not bring back what arrived unchanged.")
        self._fitted = plain
