"""Studio: one person labels a folder of photos by flipping through what each layer of a network sees."""

from handlens.studio.collection import Collection
from handlens.studio.costs import Cost, cost_of
from handlens.studio.formats.importing import ImportPlan
from handlens.studio.formats.truth import Truth, TruthReport
from handlens.studio.labels import LabelInfo
from handlens.studio.photo_sources import PhotoSource
from handlens.studio.progress import FineTuningProgress, GatheringProgress, Progress
from handlens.studio.report import TrainingReport
from handlens.studio.scanning import LeftOut

__all__ = [
    "Collection",
    "Cost",
    "FineTuningProgress",
    "GatheringProgress",
    "ImportPlan",
    "LabelInfo",
    "LeftOut",
    "PhotoSource",
    "Progress",
    "TrainingReport",
    "Truth",
    "TruthReport",
    "cost_of",
]
