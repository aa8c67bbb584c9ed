"""Several models on the same photos: which of them to use."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handlens.studio.models.model import NAMES, ModelKind

CHANCE = 0.1
"""A model is clearly better than another one if chance alone would make it win so often with at most this probability.

Without such a rule, one choice in six from 30 checked photos took a model that was worse than the quick one by more
than one point of 100; with it, one in seventy (benchmarks/README.md).
"""


@dataclass(frozen=True, eq=False)
class SamePhotos:
    """A model that was just trained and the others, on the same photos, which none had seen.

    Attributes:
        right: for each model whether it predicts each photo correctly, bool [n].
        new: the model that was trained.
        checked: whether they were drawn at random for a check; otherwise they are labelled photos, which say less.
    """

    right: dict[ModelKind, NDArray[np.bool_]]
    new: ModelKind
    checked: bool

    def best(self, in_use: ModelKind) -> ModelKind:
        """The model to use: of those that are clearly better than the one in use the best, or else the one in use.

        Without one in use that is among them, it is the new one that others are compared with.

        Example:
            >>> quick, tuned = np.arange(20) < 9, np.arange(20) < 13
            >>> same = SamePhotos({"quick": quick, "fine-tuned": tuned}, new="fine-tuned", checked=True)
            >>> same.best("quick"), same.best("fine-tuned")
            ('fine-tuned', 'fine-tuned')
        """
        before = in_use if in_use in self.right else self.new
        better = [kind for kind in self.right if clearly_better(self.right[kind], self.right[before])]
        return max(better, key=self._count, default=before)

    @property
    def sentence(self) -> str:
        """Whether fine-tuning helps, and how much, as a sentence.

        It helps if the fine-tuned model, alone or together with the quick one, is clearly better than the quick one.

        Example:
            >>> quick, tuned = np.arange(9) < 2, np.arange(9) < 7
            >>> SamePhotos({"quick": quick, "fine-tuned": tuned}, new="quick", checked=True).sentence
            'Fine-tuning helps: of the same 9 checked photos the quick model gets 2 right, and the fine-tuned model 7.'
        """
        order = sorted(self.right, key=lambda kind: (kind != self.new, kind != "both"))
        quick = self.right["quick"]
        helps = "Fine-tuning does not help"
        if any(clearly_better(right, quick) for right in self.right.values()):
            helps = "Fine-tuning helps"
        elif max(self._count(kind) for kind in order) > quick.sum():
            helps = "Fine-tuning may help, but chance could explain that"
        photos = "checked photos" if self.checked else "labelled photos, which none had seen,"
        _, *rest = (f"{NAMES[kind]} {self._count(kind):,}" for kind in order)
        first = f"{NAMES[self.new]} gets {self._count(self.new):,} right"
        said = f"{helps}: of the same {len(quick):,} {photos} {', '.join([first, *rest[:-1], f'and {rest[-1]}'])}."
        return said if self.checked else f"{said} Photos that were drawn at random tell more: check 30."

    def _count(self, kind: ModelKind) -> int:
        return int(self.right[kind].sum())


def clearly_better(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> bool:
    """Whether a model is right more often than another one, and more so than `CHANCE` allows: the exact sign test.

    Only photos that one of them predicts correctly tell the two apart.

    Args:
        one, other: whether each of the same photos is predicted correctly, bool [n].

    Example:
        >>> right, wrong = np.ones(4, bool), np.zeros(4, bool)
        >>> clearly_better(right, wrong), clearly_better(right[:3], wrong[:3])  # chance: 1 in 16, and 1 in 8
        (True, False)
    """
    wins, losses = int((one & ~other).sum()), int((other & ~one).sum())
    from scipy.stats import binom  # takes longer to load than all the rest

    return bool(binom.sf(wins - 1, wins + losses, 0.5) <= CHANCE)
