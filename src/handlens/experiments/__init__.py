"""Experiments: many trainings with different settings, on record, compared honestly, on one machine or many."""

from handlens.errors import ExperimentError
from handlens.extras import require

require("experiments", "handlens.experiments", ExperimentError)  # before what needs it is imported

from handlens.experiments.reading.pivot import Pivot
from handlens.experiments.study import Study
from handlens.experiments.trial import Trial

__all__ = ["Pivot", "Study", "Trial"]
