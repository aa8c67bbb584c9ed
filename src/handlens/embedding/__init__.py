"""Embedding photos, wherever they are, into shards: in processes of this machine or on a cluster of Ray."""

from handlens.embedding.driver import EmbedProgress, embed

__all__ = ["EmbedProgress", "embed"]
