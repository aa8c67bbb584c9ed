"""Callbacks that follow a number of the training table, where the course has them; they are in `handlens.course`."""

from handlens.course import EarlyStoppingCallback, ReduceLROnPlateauCallback, SaveModelCallback

__all__ = ["EarlyStoppingCallback", "ReduceLROnPlateauCallback", "SaveModelCallback"]
