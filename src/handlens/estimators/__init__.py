"""Tables and photos in scikit-learn: estimators for its pipelines, cross-validation and searches.

PyTorch is imported when one of them is fitted.
"""

from handlens.estimators.photos import PhotoClassifier
from handlens.estimators.tables import TabularClassifier, TabularRegressor

__all__ = ["PhotoClassifier", "TabularClassifier", "TabularRegressor"]
