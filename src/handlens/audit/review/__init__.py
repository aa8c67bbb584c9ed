"""Predictions that a person reviews: the queue, its cases, and the event log that it is kept in."""

from __future__ import annotations

from handlens.audit.review.case import CONFIRMED, OVERRULED, WAITING, Case
from handlens.audit.review.queue import ReviewQueue

__all__ = ["CONFIRMED", "OVERRULED", "WAITING", "Case", "ReviewQueue"]
