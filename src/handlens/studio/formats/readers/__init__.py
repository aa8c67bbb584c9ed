"""Importers, one for each format."""
