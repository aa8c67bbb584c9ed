"""Embedding photos, wherever they are, into shards: in processes of this machine or on a cluster of Ray."""

from handlens.embedding.driver import embed
from handlens.embedding.progress import EmbedProgress

__all__ = ["EmbedProgress", "embed"]
