"""Experiments: many trainings with different settings, on record, compared honestly, on one machine or many."""
