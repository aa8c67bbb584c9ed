"""Experiments: many trainings with different settings, on record, compared honestly, on one machine or many."""

from handlens.experiments.reading.pivot import Pivot
from handlens.experiments.study import Study
from handlens.experiments.trial import Trial

__all__ = ["Pivot", "Study", "Trial"]
