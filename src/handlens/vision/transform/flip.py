"""Left-right flips."""

from __future__ import annotations

from handlens.vision.transform.base import Transform
from handlens.vision.transform.plan import Plan


def flip_lr(*, p: float = 1.0) -> Transform:
    """Flip pictures left to right.

    Args:
        p: the probability that a picture is flipped; as in the course all are unless it is given.

    Raises:
        DataError: `p` is not from 0 to 1.

    Example:
        >>> flip_lr(p=0.5)
        flip_lr(p=0.5)
    """
    return Transform("flip_lr", _act, {}, p)


def _act(plan: Plan) -> None:
    plan.move(((-1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)))
