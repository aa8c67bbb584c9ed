"""All metrics, in the place where the course has them; they are in `handlens.core.metrics`."""

from handlens.core.metrics import *  # noqa: F403
from handlens.core.metrics import __all__ as _names
from handlens.core.metrics import accuracy_multi as accuracy_thresh

__all__ = [*_names, "accuracy_thresh"]
