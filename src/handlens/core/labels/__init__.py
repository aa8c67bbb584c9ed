"""Labels as a model is trained on them: classes (one or several an item) and numbers."""

from handlens.core.labels.base import LabelList, Loss
from handlens.core.labels.classes import NO_CLASS, Category, CategoryList, MultiCategory, MultiCategoryList
from handlens.core.labels.floats import FloatList
from handlens.core.labels.kinds import label_class_for, labels_from_state

__all__ = [
    "NO_CLASS",
    "Category",
    "CategoryList",
    "FloatList",
    "LabelList",
    "Loss",
    "MultiCategory",
    "MultiCategoryList",
    "label_class_for",
    "labels_from_state",
]
