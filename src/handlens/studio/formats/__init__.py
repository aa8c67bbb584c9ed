"""Formats of labelled photos: what comes in from other tools, and what goes out to them."""
