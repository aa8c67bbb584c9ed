"""The HTTP API, a thin layer over `Collection`: one module for each group of calls."""
