"""Brightness."""

from __future__ import annotations

from handlens.vision.transform.base import Transform, logit
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def brightness(change: Range = (0.4, 0.6), *, p: float = 1.0) -> Transform:
    """Make pictures darker or lighter: medium grey becomes `change`, between 0 (black) and 1 (white).

    What changes is the logit of a pixel, by logit(change). Black and white change the least: 0.9 makes level 4 of 255
    from black, and 0.99 level 41. In the course black stays black up to 0.99.

    Args:
        change: a number between 0 and 1, or a range (low, high) that it is drawn from; 0.5 changes nothing.
        p: the probability that a picture is changed.

    Raises:
        DataError: `change` or `p` is out of range.

    Example:
        >>> brightness((0.2, 0.8), p=0.5)
        brightness(change=(0.2, 0.8), p=0.5)
    """
    return Transform(
        "brightness", _act, {"change": parameter_range("change", change, least=0, most=1, open_ends=True)}, p
    )


def _act(plan: Plan, change: float) -> None:
    plan.light(1.0, logit(change))
