"""Predictions of all photos of shards, as a Parquet data set: counted, audited, checked and certified."""

from handlens.predicting.certified import CertifiedLabels
from handlens.predicting.driver import predict
from handlens.predicting.predictions import PredictionSet

__all__ = ["CertifiedLabels", "PredictionSet", "predict"]
