"""Learning rates and momenta of a whole run, worked out beforehand as arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from handlens.core.products import product
from handlens.errors import TrainingError

Floats = NDArray[np.float64]
Rates = float | slice | Sequence[float]
"""A learning rate for all layer groups, `slice(first, last)` or `slice(last)`, or a rate for each group."""

SMOOTHING = 0.98
"""How much of the running average of the losses stays at each step."""

USUAL_RATE = 3e-3
"""The largest rate of `fit_one_cycle` unless another one is given, and what `lr_find` says where nothing is better."""

CLEARLY = 4.0
"""Standard errors that a slope must have to be one; some seventy slopes of one search are compared."""


@dataclass(frozen=True)
class Schedule:
    """What each of the T steps of a run uses.

    Attributes:
        rates: the learning rates of G layer groups, [T, G].
        momenta: the momentum (Adam's β₁), [T].

    Example:
        >>> schedule = constant(2, group_rates([1e-4, 1e-3], 2))
        >>> len(schedule), schedule.rates.shape, schedule.momenta.tolist()
        (2, (2, 2), [0.9, 0.9])
    """

    rates: Floats
    momenta: Floats

    def __len__(self) -> int:
        return len(self.momenta)


def group_rates(lr: Rates, n_groups: int) -> Floats:
    """A learning rate for each of n layer groups, the first group's first.

    A number serves all groups. `slice(a, b)` spreads from a to b by equal factors; `slice(b)` gives the last group
    b and the others b / 10, as in the lesson. A list gives each group its own.

    Args:
        lr: a number, a slice, or a list of `n_groups` numbers; all finite and above 0.
        n_groups: G, how many layer groups the model has.

    Returns:
        [G].

    Raises:
        TrainingError: `lr` is of another kind, a rate is not above 0, or a list has another length.

    Example:
        >>> group_rates(slice(1e-5, 1e-3), 3).round(6).tolist()
        [1e-05, 0.0001, 0.001]
        >>> group_rates(slice(1e-3), 3).tolist()
        [0.0001, 0.0001, 0.001]
    """
    if isinstance(lr, slice):
        ends = [end for end in (lr.start, lr.stop) if end is not None]
        if lr.stop is None or lr.step is not None or not all(isinstance(end, (int, float, np.number)) for end in ends):
            raise TrainingError(f"a slice of learning rates is slice(last) or slice(first, last); {lr} arrived.")
        first, last = lr.start, float(lr.stop)
        _check_positive([last if first is None else first, last], lr)
        rates = np.array([last / 10] * (n_groups - 1) + [last])
        if first is not None:
            rates = np.geomspace(first, last, n_groups) if n_groups > 1 else np.array([last])
    elif isinstance(lr, (int, float, np.number)):
        rates = np.full(n_groups, float(lr))
    else:
        try:
            rates = np.array([float(rate) for rate in lr])
        except (TypeError, ValueError) as error:
            raise TrainingError(
                f"a learning rate is a number, slice(first, last), or a list of numbers; {lr!r} arrived."
            ) from error
        if rates.shape != (n_groups,):
            raise TrainingError(f"the model has {n_groups} layer groups; {len(rates)} learning rates arrived for them.")
    _check_positive(rates, lr)
    return rates


def cosine(start: float | Floats, end: float | Floats, share: Floats) -> Floats:
    """From start (share 0) to end (share 1) along half a cosine: end + (start − end) / 2 · (1 + cos(π · share)).

    Loshchilov and Hutter 2016, arXiv 1608.03983, equation 5.
    """
    return end + (start - end) / 2 * (1 + np.cos(np.pi * share))


def constant(steps: int, rates: Floats) -> Schedule:
    """The same rates at every step, with a momentum of 0.9.

    Args:
        steps: T, one or more.
        rates: the rate of each layer group, [G].

    Example:
        >>> constant(3, group_rates(0.01, 1)).rates[:, 0].tolist()
        [0.01, 0.01, 0.01]
    """
    return Schedule(np.tile(rates, (steps, 1)), np.full(steps, 0.9))


def one_cycle(
    steps: int,
    max_rates: Floats,
    *,
    pct_start: float = 0.3,
    div_factor: float = 25.0,
    final_div: float | None = None,
    moms: tuple[float, float] = (0.95, 0.85),
) -> Schedule:
    """The 1cycle policy (Smith 2018, arXiv 1803.09820), with cosines, step by step as in the course.

    In the first `pct_start` of the steps, and at least in one, the rates rise from max / `div_factor` to their maximum,
    while the momentum falls from moms[0] to moms[1]; in the rest the rates fall towards max / `final_div`,
    which the step after the last one would have, and the momentum rises again. The maximum is the first step of the
    second part. Between two ends all follow `cosine`, with share t / r at step t of the first r steps, and
    (t − r) / (T − r) in the rest; r is ⌊T · `pct_start`⌋, at least 1.

    Args:
        steps: T, one or more.
        max_rates: the largest rate of each layer group, [G].
        pct_start: the share of the steps in which the rates rise, 0 to 1.
        div_factor: 1 or more.
        final_div: 1 or more; `div_factor` · 10⁴ unless given.
        moms: the highest and the lowest momentum, each from 0 to below 1.

    Returns:
        Rates [T, G] and momenta [T].

    Raises:
        TrainingError: an argument is out of range.

    Example:
        >>> schedule = one_cycle(10, group_rates(0.1, 1))
        >>> schedule.rates[[0, 3, 9], 0].round(7).tolist()
        [0.004, 0.1, 0.0049519]
        >>> schedule.momenta[[0, 3, 9]].round(3).tolist()
        [0.95, 0.85, 0.945]
    """
    if not 0 <= pct_start <= 1:
        raise TrainingError(f"pct_start must be a share of the run, from 0 to 1; {pct_start} arrived.")
    if len(moms) != 2 or not all(0 <= momentum < 1 for momentum in moms):
        raise TrainingError(f"moms must be two momenta, from 0 to below 1: the first and the lowest; {moms} arrived.")
    if div_factor < 1:
        raise TrainingError(f"div_factor must be 1 or more; {div_factor} arrived.")
    if final_div is not None and final_div < 1:
        raise TrainingError(f"final_div must be 1 or more; {final_div} arrived.")
    rising = max(1, int(steps * pct_start))
    up = np.arange(rising) / rising
    down = np.arange(steps - rising) / max(steps - rising, 1)
    low, high = max_rates / div_factor, max_rates
    last = low / 1e4 if final_div is None else high / final_div
    rates = np.concatenate(
        [cosine(low, high, up[:, None]), cosine(high, last, down[:, None])],
    )
    momenta = np.concatenate([cosine(*moms, up), cosine(moms[1], moms[0], down)])
    return Schedule(rates, momenta)


def exponential(steps: int, start: Floats, end: Floats) -> Schedule:
    """Rates that grow by the same factor at each step, start · (end / start)^(t / (T − 1)), to find a learning rate.

    The range test of Smith 2015, arXiv 1506.01186, section 3.3, in equal factors as in the course.

    Args:
        steps: T, one or more.
        start, end: the first and the last rate of each layer group, [G].

    Example:
        >>> exponential(3, group_rates(0.01, 1), group_rates(1.0, 1)).rates[:, 0].round(6).tolist()
        [0.01, 0.1, 1.0]
    """
    share = np.linspace(0, 1, steps)[:, None]
    return Schedule(start * (end / start) ** share, np.full(steps, 0.9))


def suggest_rate(rates: Floats, losses: Floats) -> float:
    """The rate at which the loss falls fastest, from a run with growing rates (Smith 2015, arXiv 1506.01186).

    A tenth of the rate of the lowest loss, if that is more: a model that begins with random weights falls fast at any
    rate.

    Args:
        rates: [T], growing by the same factor.
        losses: [T], as they were; a running average would follow the rate too late.

    The slope of the loss over the logarithm of the rate is that of a line through 21 steps. It counts if the logarithm
    of the loss falls by more than `CLEARLY` standard errors: otherwise batches that happen to be easy would decide. The
    first tenth of the steps, where the model leaves its first weights whatever the rate, and those after the lowest
    loss do not count.

    Raises:
        TrainingError: the loss never falls clearly.
    """
    first = len(losses) // 10
    lowest = first + int(np.argmin(losses[first:])) if len(losses) else 0
    centres = np.arange(first + 10, min(lowest, len(losses) - 11) + 1)
    logarithms = np.log(losses) if len(losses) and losses.min() > 0 else losses
    falls = {
        int(centre): _line(losses[centre - 10 : centre + 11])[0]
        for centre in centres
        if _falls_clearly(logarithms[centre - 10 : centre + 11])
    }
    if not falls:
        raise TrainingError(
            "no learning rate can be suggested: the loss never falls clearly; try a lower start_lr, or more steps, "
            "num_it."
        )
    means = np.lib.stride_tricks.sliding_window_view(losses, 21).mean(1)
    return float(max(rates[min(falls, key=falls.__getitem__)], rates[10 + int(np.argmin(means))] / 10))


def _line(values: Floats) -> tuple[float, float]:
    """The slope of the line through 21 values, and its standard error."""
    places = np.arange(-10, 11)
    slope = float(product(places, values)) / 770  # the sum of the squared places
    left = values - values.mean() - slope * places
    return slope, float(np.sqrt(np.square(left).sum() / 19 / 770))


def _falls_clearly(values: Floats) -> bool:
    slope, error = _line(values)
    return slope < -CLEARLY * error


def smooth(losses: Floats, beta: float = SMOOTHING) -> Floats:
    """The running average of losses, corrected for its start at zero: a ← β · a + (1 − β) · loss, over 1 − β^t.

    Kingma and Ba 2014, arXiv 1412.6980, section 3.

    Args:
        losses: [T].
        beta: β, from 0 to below 1: the factor by which the weight of a loss falls with each step.

    Returns:
        [T].

    Example:
        >>> smooth(np.array([1.0, 1.0, 1.0])).round(6).tolist()
        [1.0, 1.0, 1.0]
        >>> smooth(np.array([0.0, 3.0]), beta=0.5).tolist()
        [0.0, 2.0]
    """
    average, smoothed = 0.0, np.empty(len(losses))
    for i, loss in enumerate(losses.tolist()):
        average = beta * average + (1 - beta) * loss
        smoothed[i] = average / (1 - beta ** (i + 1))
    return smoothed


def _check_positive(rates: Sequence[float] | Floats, given: Rates) -> None:
    if not all(np.isfinite(rate) and rate > 0 for rate in rates):
        raise TrainingError(f"learning rates must be finite numbers above 0; {given} arrived.")
