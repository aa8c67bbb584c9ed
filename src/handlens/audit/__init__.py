"""Who a model fails, what its data are, and how a person overrules it; on plain arrays and data frames."""

from __future__ import annotations

from handlens.audit.datasheet import Datasheet
from handlens.audit.explanations import feature_moves, nearest_labelled
from handlens.audit.feedback import MEETUP, recommend_by_attendance, recommend_equally, simulate_feedback
from handlens.audit.model_card import ModelCard
from handlens.audit.review import Case, ReviewQueue
from handlens.audit.slices import Slices, weakest_slices
from handlens.audit.subgroups import Subgroups, subgroups

__all__ = [
    "MEETUP",
    "Case",
    "Datasheet",
    "ModelCard",
    "ReviewQueue",
    "Slices",
    "Subgroups",
    "feature_moves",
    "nearest_labelled",
    "recommend_by_attendance",
    "recommend_equally",
    "simulate_feedback",
    "subgroups",
    "weakest_slices",
]
