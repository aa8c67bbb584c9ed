"""The campaign of benchmarks/experiments.py."""
