"""The eight ways to turn and flip a square."""

from __future__ import annotations

from handlens.vision.transform.base import Transform
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def dihedral(k: Range = (0, 7), *, p: float = 1.0) -> Transform:
    """Flip pictures in one of eight ways, as for pictures taken from above.

    Args:
        k: which way, 0 to 7, or a range (low, high), both ends included. It is a sum: 1 flips left to right, 2 flips
            top to bottom, and 4 then swaps rows and columns, which exchanges height and width. That is the course's
            `dihedral_affine`, which its `get_transforms` uses; in its `dihedral` 1 flips top to bottom and 2 left to
            right.
        p: the probability that a picture is changed.

    Raises:
        DataError: `k` or `p` is out of range.

    Example:
        >>> dihedral()
        dihedral(k=(0, 7), p=1)
    """
    return Transform("dihedral", _act, {"k": parameter_range("k", k, least=0, most=7, distribution="integers")}, p)


def _act(plan: Plan, k: float) -> None:
    way = int(k)
    x, y = (-1.0 if way & 1 else 1.0), (-1.0 if way & 2 else 1.0)
    if way & 4:
        plan.move(((0.0, x, 0.0), (y, 0.0, 0.0), (0.0, 0.0, 1.0)))
        plan.frame = plan.frame[::-1]
    else:
        plan.move(((x, 0.0, 0.0), (0.0, y, 0.0), (0.0, 0.0, 1.0)))
