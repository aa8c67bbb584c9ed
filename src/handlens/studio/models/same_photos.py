"""Several models on the same photos: which is right most often."""

from __future__ import annotations

from dataclasses import dataclass

from handlens.studio.models.model import NAMES, ModelKind


@dataclass(frozen=True)
class SamePhotos:
    """A model that was just trained and the others, on the same photos, which none had seen.

    Attributes:
        right: for each model how many of them it predicts correctly.
        n: number of photos.
        new: the model that was trained.
        checked: whether they were drawn at random for a check; otherwise they are labelled photos, which say less.
    """

    right: dict[ModelKind, int]
    n: int
    new: ModelKind
    checked: bool

    def best(self, in_use: ModelKind | None) -> ModelKind:
        """The model that is right most often: of several the one in use, or else the new one.

        Example:
            >>> same = SamePhotos({"quick": 20, "fine-tuned": 22, "both": 22}, n=24, new="fine-tuned", checked=True)
            >>> same.best("quick"), same.best("both")
            ('fine-tuned', 'both')
        """
        most = max(self.right.values())
        equals = [kind for kind, right in self.right.items() if right == most]
        return next(kind for kind in (in_use, self.new, *equals) if kind in equals)

    @property
    def sentence(self) -> str:
        """Whether the training helps, and how much, as a sentence.

        It helps if the new model, alone or together with the other one, is right more often than the other one.

        Example:
            >>> SamePhotos({"quick": 20, "fine-tuned": 22}, n=24, new="fine-tuned", checked=True).sentence
            'It helps: of the same 24 checked photos the fine-tuned model gets 22 right, and the quick model 20.'
        """
        order = sorted(self.right, key=lambda kind: (kind != self.new, kind != "both"))
        other = order[-1]
        helps = "It helps" if max(self.right.values()) > self.right[other] else "It does not help"
        photos = "checked photos" if self.checked else "labelled photos that neither learned from"
        first, *rest = (f"{NAMES[kind]} {self.right[kind]:,}" for kind in order)
        first = f"{NAMES[self.new]} gets {self.right[self.new]:,} right"
        said = f"{helps}: of the same {self.n:,} {photos} {', '.join([first, *rest[:-1], f'and {rest[-1]}'])}."
        return said if self.checked else f"{said} Photos that were drawn at random tell more: check 30."
