"""The HTTP API, a thin layer over `Collection`: a module a group of calls."""
