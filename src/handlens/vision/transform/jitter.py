"""Jitter."""

from __future__ import annotations

from handlens.vision.transform.base import SEED, Transform
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def jitter(magnitude: Range = (0.0, 0.02), *, p: float = 1.0) -> Transform:
    """Read each pixel of the result from a random position nearby, up to `magnitude` times half the frame away.

    It acts on the finished result, whatever its position in the list. Masks are jittered with their picture; points and
    boxes are not changed.

    Args:
        magnitude: the largest distance as a share of half the frame, 0 or more, or a range (low, high).
        p: the probability that a picture is changed.

    Raises:
        DataError: `magnitude` or `p` is out of range.

    Example:
        >>> jitter(0.02)
        jitter(magnitude=0.02, p=1)
    """
    return Transform("jitter", _act, {"magnitude": parameter_range("magnitude", magnitude, least=0), "seed": SEED}, p)


def _act(plan: Plan, magnitude: float, seed: float) -> None:
    plan.jitter.append((magnitude, int(seed)))
