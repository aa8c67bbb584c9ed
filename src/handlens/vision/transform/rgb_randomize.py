"""rgb_randomize: noise in place of one channel."""

from __future__ import annotations

from handlens.vision.transform.base import SEED, Transform
from handlens.vision.transform.parameters import Range, parameter_range
from handlens.vision.transform.plan import Plan


def rgb_randomize(channel: Range = (0, 2), thresh: Range = (0.0, 0.3), *, p: float = 1.0) -> Transform:
    """Replace one channel by uniform noise between 0 and `thresh`.

    It acts on the finished result, after lighting, whatever its position in the list.

    Args:
        channel: 0 red, 1 green, 2 blue; or a range (low, high), both ends included.
        thresh: the largest value of the noise, 0 to 1 (white), or a range.
        p: the probability that a picture is changed.

    Raises:
        DataError: an argument is out of range.

    Example:
        >>> rgb_randomize(channel=0)
        rgb_randomize(channel=0, thresh=(0, 0.3), p=1)
    """
    parameters = {
        "channel": parameter_range("channel", channel, least=0, most=2, distribution="integers"),
        "thresh": parameter_range("thresh", thresh, least=0, most=1),
        "seed": SEED,
    }
    return Transform("rgb_randomize", _act, parameters, p)


def _act(plan: Plan, channel: float, thresh: float, seed: float) -> None:
    plan.noise.append((int(channel), thresh, int(seed)))
