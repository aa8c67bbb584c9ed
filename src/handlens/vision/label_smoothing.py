"""Label smoothing: a loss that asks for a little less than certainty."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from handlens.errors import TrainingError


class LabelSmoothing:
    """Cross-entropy against labels of which a share goes to all classes alike (Szegedy et al. 2015, arXiv 1512.00567).

        learn = create_cnn(data, models.resnet34, loss_func=LabelSmoothing(0.1))

    A label's probability is 1 − eps + eps / C, that of each other class eps / C. Wrong labels among the right ones do
    less harm so. The validation loss is worked out the same way.
    """

    def __init__(self, eps: float = 0.1) -> None:
        if not 0 <= eps < 1:
            raise TrainingError(f"eps must be a share, 0 or more and below 1; {eps} arrived.")
        self.eps = eps

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(outputs, targets, label_smoothing=self.eps)

    def __repr__(self) -> str:
        return f"LabelSmoothing({self.eps})"
