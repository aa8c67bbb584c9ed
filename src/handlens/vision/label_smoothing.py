"""Label smoothing: cross-entropy against labels with a probability slightly below 1."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from handlens.errors import TrainingError


class LabelSmoothing:
    """Cross-entropy against labels of which a share is spread over all classes (Szegedy et al. 2015, arXiv 1512.00567).

        learn = create_cnn(data, models.resnet34, loss_func=LabelSmoothing(0.1))

    The target probability of the label is 1 − eps + eps / C, that of each other class eps / C. Wrong labels then do
    less harm. The validation loss is computed in the same way.

    Args:
        eps: the share, from 0 to below 1.

    Raises:
        TrainingError: `eps` is out of range.

    Example:
        >>> from torch import tensor
        >>> scores, label = tensor([[2.0, 0.0]]), tensor([0])
        >>> round(float(LabelSmoothing(0.2)(scores, label)), 4)  # 0.9 · 0.1269 + 0.1 · 2.1269
        0.3269
    """

    def __init__(self, eps: float = 0.1) -> None:
        if not 0 <= eps < 1:
            raise TrainingError(f"eps must be from 0 to below 1; {eps} arrived.")
        self.eps = eps

    def __call__(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """The mean loss of a batch.

        Args:
            outputs: the scores before softmax, [B, C].
            targets: the classes as codes, int64 [B].

        Returns:
            A tensor of one number.
        """
        return F.cross_entropy(outputs, targets, label_smoothing=self.eps)

    def __repr__(self) -> str:
        return f"LabelSmoothing({self.eps})"
