"""Jitter."""

from __future__ import annotations

from handlens.vision.transform.base import SEED, Transform
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def jitter(magnitude: Range = (0.0, 0.02), *, p: float = 1.0) -> Transform:
    """Fetch each pixel of the result from a random place nearby, up to `magnitude` halves of the frame away.

    It acts on the finished result, whatever its place in the list. Masks are jittered like their picture; points and
    boxes stay.
    """
    return Transform("jitter", _act, {"magnitude": parameter_range("magnitude", magnitude, least=0), "seed": SEED}, p)


def _act(plan: Plan, magnitude: float, seed: float) -> None:
    plan.jitter.append((magnitude, int(seed)))
